//! Says which commit is compiled, for `otp_sidecar_build_info`.
//!
//! `OTP_SIDECAR_COMMIT` decides, so that an image built without `.git` names its commit too. Otherwise git
//! is asked; without git, or outside a clone, the commit is `unknown` and the build goes on. An optimised
//! build adds `-dirty` when tracked files were changed. A debug build always adds `-dev`: it is not made
//! anew for every commit, so it may hold changes that came after.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks")]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=OTP_SIDECAR_COMMIT");
    let given = env::var("OTP_SIDECAR_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(from_git).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=OTP_SIDECAR_COMMIT={commit}");
}

fn from_git() -> Option<String> {
    // A source archive that was unpacked inside another repository is not that repository's commit.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let commit = git(&["rev-parse", "--verify", "HEAD"])?;
    if env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        return Some(commit + "-dev");
    }
    watch();
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { commit } else { commit + "-dirty" })
}

/// Asks to be run again when another commit is checked out, or what is compiled changes.
fn watch() {
    let reference = git(&["symbolic-ref", "--quiet", "HEAD"]).unwrap_or_default();
    for name in ["HEAD", "packed-refs", &reference] {
        let path = git(&["rev-parse", "--git-path", name]).unwrap_or_default();
        // A file that is not there would make every build look out of date.
        if !name.is_empty() && Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    for path in ["src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
}

/// What git says, without the final line break. None when it says nothing good.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
