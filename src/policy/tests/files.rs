//! The files under `tests/data/policies` and `policies`: what is wrong is said exactly, what is right loads.
//!
//! `UPDATE_GOLDEN=1 cargo test --lib policy::tests::files` writes the expected texts anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::policy::compile::{Compiled, Resolver, compile};
use crate::policy::diagnostic::{Code, Diagnostics};
use crate::policy::source::SourceFile;

/// A world with a few variables and key files.
pub struct World;

const ED25519: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
    -----END PUBLIC KEY-----\n";

impl Resolver for World {
    fn env(&self, name: &str) -> Option<String> {
        match name {
            "JWT_SECRET" => Some("a secret of more than thirty-two bytes".to_owned()),
            "SHORT_SECRET" => Some("short".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
        match path.to_str() {
            Some("/keys/ed25519.pem") => Ok(ED25519.into()),
            Some("/keys/private.pem") => Ok(ED25519.replace("PUBLIC", "PRIVATE").into()),
            _ => Err("no such file".to_owned()),
        }
    }
}

fn data(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/policies").join(part)
}

/// A file, or everything in a folder, under the names that messages should show.
fn read_set(path: &Path) -> Vec<SourceFile> {
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    if path.is_dir() {
        for folder in [path.to_owned(), path.join("templates")] {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten().filter(|e| e.path().is_file())
            {
                let shown = entry.path().strip_prefix(path).unwrap().to_str().unwrap().to_owned();
                files.push((shown, entry.path()));
            }
        }
    } else {
        files.push(("policy.yaml".to_owned(), path.to_owned()));
    }
    files.sort();
    let read = |(shown, path): (String, PathBuf)| SourceFile {
        path: shown,
        text: fs::read_to_string(path).unwrap(),
    };
    files.into_iter().map(read).collect()
}

fn cases(part: &str) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(data(part))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension == "yaml"))
        .collect();
    cases.sort();
    cases
}

fn problems(path: &Path) -> (Diagnostics, bool) {
    match compile(&read_set(path), &World) {
        Ok(Compiled { warnings, .. }) => (warnings, true),
        Err(errors) => (errors, false),
    }
}

#[test]
fn every_problem_is_said_exactly_and_with_what_to_write_instead() {
    for case in cases("bad") {
        let name = case.file_stem().unwrap().to_str().unwrap().to_owned();
        let code = name.split('-').next().unwrap();
        let (problems, usable) = problems(&case);
        let rendered = problems.to_string();
        assert!(rendered.contains(&format!("[{code}]")), "{name} does not show its code:\n{rendered}");
        assert_eq!(usable, code.starts_with('W'), "{name}:\n{rendered}");
        for problem in problems.iter() {
            let helped = problem.advice.is_some() || problem.code == Code::BadTemplate;
            assert!(helped, "{name}: no advice for {}", problem.message);
        }
        let expected = case.with_extension("expected");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &rendered).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(rendered, expected, "{name} (UPDATE_GOLDEN=1 writes the new text)");
    }
}

#[test]
fn every_code_has_a_file_that_shows_it() {
    let shown: BTreeSet<String> = cases("bad")
        .iter()
        .flat_map(|case| problems(case).0.iter().map(|p| p.code.as_str().to_owned()).collect::<Vec<_>>())
        .collect();
    // Too large for a repository: tested below.
    let missing = Code::ALL.iter().filter(|code| **code != Code::TooLarge && !shown.contains(code.as_str()));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&Code>::new());
}

#[test]
fn good_policies_load_without_a_warning_that_is_not_meant() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut cases = cases("good");
    cases.push(shipped);
    for case in cases {
        let compiled =
            compile(&read_set(&case), &World).unwrap_or_else(|errors| panic!("{case:?}:\n{errors}"));
        // Only the operator knows which proxies to trust.
        let mut others =
            compiled.warnings.iter().filter(|warning| warning.code != Code::ClientWithoutProxies);
        assert!(others.next().is_none(), "{case:?}:\n{}", compiled.warnings);
    }
}

#[test]
fn a_file_beyond_reason_is_refused_fast() {
    let check = |text: String, code: Code| {
        let files = [SourceFile { path: "policy.yaml".to_owned(), text }];
        let errors = compile(&files, &World).unwrap_err();
        assert!(errors.iter().any(|error| error.code == code), "{errors}");
        assert!(errors.to_string().len() < 64 * 1024, "the report is as large as the file");
    };
    check(format!("version: 1\n#{}", "x".repeat(1024 * 1024)), Code::TooLarge);
    check(format!("version: 1\nunprotect: [{}]", "a,".repeat(300_000)), Code::TooLarge);
    check(format!("version: 1\nunprotect: {}{}", "[".repeat(5_000), "]".repeat(5_000)), Code::Syntax);
    let mut bomb = "version: 1\na0: &a0 [x, x]\n".to_owned();
    for level in 1..64 {
        bomb.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1));
    }
    check(bomb, Code::Unsupported);
}

#[test]
fn the_reference_lists_every_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, _) = text.split_once("| code | meaning |").unwrap_or((&text, ""));
    let mut expected = format!("{before}| code | meaning |\n|---|---|\n");
    let mut codes = Code::ALL.to_vec();
    codes.sort_by_key(|code| code.as_str());
    for code in codes {
        expected.push_str(&format!("| `{}` | {} |\n", code.as_str(), code.meaning()));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), expected, "UPDATE_GOLDEN=1 writes the new table");
}
