//! What stands before the compiler (`pgo/rustc`) hands it the profile when it fits, and is not there otherwise.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::sidecar::Folder;

const OPTIMISED: [&str; 4] = ["--crate-name", "x", "-C", "opt-level=3"];

/// A compiler that says which one it is, and what it was told.
fn compiler(folder: &Path, version: &str) -> PathBuf {
    let path = folder.join("rustc");
    let script =
        format!("#!/bin/sh\nif [ \"$*\" = --version ]; then echo '{version}'; else echo \"$@\"; fi\n");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn told(pgo: Option<&str>, before: &[&str], version: &str, arguments: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("pgo/rustc"));
    command.args(before).arg(compiler(folder.path(), version)).args(arguments).env_remove("OTP_SIDECAR_PGO");
    command.envs(pgo.map(|value| ("OTP_SIDECAR_PGO", value)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

/// The compiler that the counts were taken with.
fn known() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("pgo/compiler")).unwrap().trim().to_owned()
}

#[test]
fn an_optimised_build_gets_the_profile() {
    let told = told(None, &[], &known(), &OPTIMISED);
    assert_eq!(told[..4], OPTIMISED);
    let profile = told[4].strip_prefix("-Cprofile-use=").unwrap();
    assert!(fs::metadata(profile).unwrap().len() > 100_000, "{profile} is no profile");
}

#[test]
fn no_variable_is_lost_on_the_way() {
    let folder = Folder::new();
    let path = folder.path().join("rustc");
    fs::write(&path, "#!/bin/bash\nexec env\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("pgo/rustc"))
        .arg(path)
        .env("CARGO_BIN_EXE_otp-sidecar", "here")
        .output()
        .unwrap();
    let variables = String::from_utf8(output.stdout).unwrap();
    assert!(variables.lines().any(|line| line == "CARGO_BIN_EXE_otp-sidecar=here"), "{variables}");
}

#[test]
fn a_cache_before_the_compiler_is_passed_by() {
    // `env` runs what follows it, as a cache does.
    let told = told(None, &["env"], &known(), &OPTIMISED);
    assert!(told[4].starts_with("-Cprofile-use="), "{told:?}");
}

#[test]
fn other_builds_are_left_alone() {
    let debug = ["--crate-name", "x", "-C", "opt-level=0"];
    assert_eq!(told(None, &[], &known(), &debug), debug);
    assert_eq!(
        told(None, &[], &known(), &["--crate-name", "opt-level=30"]),
        ["--crate-name", "opt-level=30"]
    );
    assert_eq!(told(Some("off"), &[], &known(), &OPTIMISED), OPTIMISED);
    assert_eq!(told(None, &[], "rustc 1.94.0 (0123456789 2026-03-05)", &OPTIMISED), OPTIMISED);
}

#[test]
fn a_build_with_counters_is_told_where_they_go() {
    let told = told(Some("/counts"), &[], &known(), &OPTIMISED);
    assert_eq!(told[4..], ["-Cprofile-generate=/counts"]);
}
