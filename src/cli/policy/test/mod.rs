//! `otp-sidecar policy test`.

mod junit;
mod report;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;

use super::Ending;
use crate::cli::output::{OutputFlags, Progress, Screen};
use crate::cli::without_secrets;
use crate::policy::document::tree::MAX_BYTES;
use crate::policy::scenario::read::read;
use crate::policy::scenario::run::{Outcome, run as play};
use crate::policy::snapshot::PolicySnapshot;
use crate::policy::source::SourceFile;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar policy test
  otp-sidecar policy test policies/tests/sending.yaml --filter 'a minute'
  otp-sidecar policy test /etc/otp/policies/tests --junit policy-tests.xml

The exit code is 0 when all tests passed, 1 when one failed, 2 when they could not be run. docs/policy-tests.md
explains the files.";

/// Where tests are when no path is given.
const DEFAULT: &str = "policies/tests";

/// Flags of `policy test`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TestFlags {
    /// Files of tests, or folders of them [default: policies/tests].
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Run only tests whose name has this text in it.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Also write the results there, as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    #[command(flatten)]
    output: OutputFlags,
}

/// The results of one file.
struct FileResult {
    path: String,
    policy: String,
    outcomes: Vec<Outcome>,
}

/// Runs the tests.
pub(super) fn run(flags: &TestFlags) -> anyhow::Result<Ending> {
    let given = if flags.paths.is_empty() { vec![PathBuf::from(DEFAULT)] } else { flags.paths.clone() };
    let mut files = Vec::new();
    for path in &given {
        files.extend(test_files(path)?);
    }
    let results = play_all(&files, flags.filter.as_deref())?;
    if let Some(filter) = &flags.filter
        && results.iter().all(|result| result.outcomes.is_empty())
    {
        bail!("no test has `{filter}` in its name");
    }
    if let Some(path) = &flags.junit {
        fs::write(path, junit::document(&results))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        screen.json(&report::json(&results))?;
    } else {
        report::show(&results, &mut screen)?;
    }
    screen.flush()?;
    Ok(Ending::of(results.iter().flat_map(|result| &result.outcomes).any(|outcome| !outcome.passed())))
}

fn play_all(files: &[PathBuf], filter: Option<&str>) -> anyhow::Result<Vec<FileResult>> {
    let mut policies: BTreeMap<PathBuf, Arc<PolicySnapshot>> = BTreeMap::new();
    let mut results = Vec::new();
    let mut progress = Progress::new();
    for path in files {
        let shown = path.display().to_string();
        let suite = match read(&SourceFile { path: shown.clone(), text: text(path)? }) {
            Ok(suite) => suite,
            Err(problems) => bail!("{shown} is no file of tests\n{}", problems.to_string().trim_end()),
        };
        let policy = policy_of(path, suite.policy.as_ref().map(|text| text.text.as_str()));
        let snapshot = match policies.get(&policy) {
            Some(known) => Arc::clone(known),
            None => {
                let loaded = without_secrets::load(&policy)
                    .with_context(|| format!("the policy of {shown} cannot be used"))?;
                Arc::clone(policies.entry(policy.clone()).or_insert(Arc::new(loaded)))
            }
        };
        let mut outcomes = Vec::new();
        for test in suite.tests.iter().filter(|test| filter.is_none_or(|part| test.name.contains(part))) {
            progress.tell(|| format!("{shown}: {}", test.name));
            outcomes.push(play(test, &snapshot));
        }
        results.push(FileResult { path: shown, policy: policy.display().to_string(), outcomes });
    }
    Ok(results)
}

/// The policy set that a file is about: what it names, as seen from the file; or the folder above its own.
fn policy_of(file: &Path, named: Option<&str>) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    if let Some(named) = named {
        return folder.join(named);
    }
    match (folder.parent(), folder.file_name()) {
        (Some(above), Some(_)) if !above.as_os_str().is_empty() => above.to_owned(),
        _ => folder.join(".."),
    }
}

/// The files of tests at a path, in name order. For a folder of policies they are those in its `tests`.
fn test_files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let missing = || format!("{} cannot be read: name a file of tests, or a folder of them", path.display());
    if !fs::metadata(path).with_context(missing)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let inner = path.join("tests");
    let folder = if inner.is_dir() { inner.as_path() } else { path };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(missing)? {
        let file = entry.with_context(missing)?.path();
        let hidden = file.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if !hidden && is_yaml && file.is_file() {
            found.push(file);
        }
    }
    if found.is_empty() {
        bail!("{} has no file of tests that ends in .yaml or .yml", folder.display());
    }
    found.sort();
    Ok(found)
}

fn text(path: &Path) -> anyhow::Result<String> {
    let unreadable = || format!("{} cannot be read", path.display());
    let file = fs::File::open(path).with_context(unreadable)?;
    let mut text = String::new();
    // One byte too many is enough for the reader to see that the file is too large.
    file.take(MAX_BYTES as u64 + 1).read_to_string(&mut text).with_context(unreadable)?;
    Ok(text)
}
