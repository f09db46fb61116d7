//! Commands as processes: what they print, how they end, what bad input leads to.
//!
//! `UPDATE_GOLDEN=1` writes the expected texts under `tests/data/cli` anew.

mod audit;
mod cleanup;
mod deployment;
mod front;
mod mail;
mod policy_check;
mod policy_schema;
mod preview;
mod program;
mod report;
mod shells;
mod smoke;

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

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

fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let said = Command::new(env!("CARGO_BIN_EXE_otp-sidecar"))
        .args(arguments)
        .current_dir(root())
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Ended {
        code: said.status.code().unwrap(),
        out: String::from_utf8(said.stdout).unwrap(),
        err: String::from_utf8(said.stderr).unwrap(),
    }
}

/// Compares with `tests/data/cli/<name>`.
fn assert_golden(name: &str, text: &str) {
    let path: PathBuf = root().join("tests/data/cli").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} (UPDATE_GOLDEN=1 writes the new text)");
}
mod status;
