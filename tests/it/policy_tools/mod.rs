//! `otp-sidecar policy test`, `diff` and `replay` as processes: what they print, how they end, what bad input leads to; and
//! that what they say is what the running sidecar does.
//!
//! `UPDATE_GOLDEN=1` writes the expected texts under `tests/data/cli/policy-changes` anew.

mod diffing;
mod differential;
mod replaying;
mod testing;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the files of these tests are, as seen from the repository.
const DATA: &str = "tests/data/cli/policy-changes";

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program in the repository, with nothing of this environment.
fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, &[])
}

/// The same with something on its standard input.
fn run_with(arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_otp-sidecar"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writer = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let said = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ended {
        code: said.status.code().unwrap(),
        out: String::from_utf8(said.stdout).unwrap(),
        err: String::from_utf8(said.stderr).unwrap(),
    }
}

/// Compares with a file under `tests/data/cli/policy-changes`.
fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} (UPDATE_GOLDEN=1 writes the new text)");
}
