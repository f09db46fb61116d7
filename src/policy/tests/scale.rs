//! Policies that are large, or anything at all.

use crate::policy::compile::compile;
use crate::policy::coverage::protects;
use crate::policy::source::SourceFile;
use proptest::prelude::*;

use super::files::World;

fn set(texts: &[String]) -> Vec<SourceFile> {
    let name = |index| format!("{index:03}.yaml");
    texts
        .iter()
        .enumerate()
        .map(|(index, text)| SourceFile { path: name(index), text: text.clone() })
        .collect()
}

const HEAD: &str = "version: 1\nidentity: { jwt: { algorithms: [HS256], key: { env: JWT_SECRET }, \
                    claims: { subject: id, email: email } } }\nlimits: { l: { max: 1, per: 1m } }\n";

/// As many routes as asked for, in two files.
fn many(routes: usize) -> Vec<SourceFile> {
    let mut texts = [format!("{HEAD}routes:\n"), "version: 1\nroutes:\n".to_owned()];
    for index in 0..routes {
        let path = if index % 10 == 0 { format!("/p{index}/{{id}}/x") } else { format!("/api/{index}/x") };
        texts[index % 2].push_str(&format!(
            "  - {{ name: r{index}, match: {{ methods: [POST], path: '{path}' }}, limits: [l] }}\n"
        ));
    }
    set(&texts)
}

#[test]
#[allow(
    clippy::print_stdout,
    reason = "the time is told, not judged: a loaded machine must not fail the test"
)]
fn ten_thousand_routes_load_and_reload() {
    let files = many(10_000);
    let started = std::time::Instant::now();
    let compiled = compile(&files, &World).unwrap();
    let loaded = started.elapsed();
    assert_eq!(compiled.snapshot.routes.len(), 10_000);
    let started = std::time::Instant::now();
    assert_eq!(protects(&compiled.snapshot, &compiled.snapshot), Vec::<String>::new());
    println!("10,000 routes: compiled in {loaded:?}, compared in {:?}", started.elapsed());
}

#[test]
fn the_hash_is_that_of_names_and_contents_wherever_they_lie() {
    let hash = |path: &str, tail: &str| {
        let text = format!(
            "{HEAD}routes:\n  - {{ name: r, match: {{ methods: [POST], path: /r }}, limits: [l] }}\n{tail}"
        );
        let files = [SourceFile { path: path.to_owned(), text }];
        compile(&files, &World).unwrap().snapshot.hash
    };
    assert_eq!(hash("policies/a.yaml", ""), hash("/etc/otp/a.yaml", ""));
    assert_ne!(hash("a.yaml", ""), hash("b.yaml", ""));
    assert_ne!(hash("a.yaml", ""), hash("a.yaml", "# more\n"));
    assert_eq!(hash("a.yaml", "").as_str().len(), 16);
}

/// The good policy with everything, cut and glued by lines and characters.
fn mutilated() -> impl Strategy<Value = String> {
    let whole = include_str!("../../../tests/data/policies/good/everything.yaml");
    let lines: Vec<&str> = whole.lines().collect();
    let line = prop_oneof![
        8 => (0..lines.len()).prop_map(move |index| lines[index].to_owned()),
        1 => "\\PC{0,40}",
        1 => "[ \\[\\]{}:,&*!|>'\"#%@`?-]{0,12}",
    ];
    prop::collection::vec(line, 0..80).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_loader_panic(text in prop_oneof![mutilated(), any::<String>()]) {
        if let Err(errors) = compile(&set(&[text]), &World) {
            prop_assert!(!errors.is_empty());
            prop_assert!(!errors.to_string().is_empty());
            prop_assert!(errors.to_json().is_array());
        }
    }

    #[test]
    fn one_changed_character_never_makes_the_loader_panic(at in any::<prop::sample::Index>(), with in any::<char>()) {
        let mut text: Vec<char> = include_str!("../../../tests/data/policies/good/everything.yaml").chars().collect();
        let at = at.index(text.len());
        text[at] = with;
        let _ = compile(&set(&[text.into_iter().collect()]), &World);
    }
}
