//! Completion and manual pages, as real shells and a real `groff` take them.

use std::process::Command;

use crate::support::program::Program;
use crate::support::sidecar::Folder;

/// What Bash completes, with the program's own script.
fn completed(words: &[&str]) -> Vec<String> {
    let script = r#"
        source <("$0" completions bash)
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        function=$(complete -p otp-sidecar | sed 's/.*-F \([^ ]*\).*/\1/')
        "$function" otp-sidecar "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script, env!("CARGO_BIN_EXE_otp-sidecar")]).args(words);
    let output = bash.output().expect("bash runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_verbs_and_flags() {
    assert_eq!(completed(&["otp-sidecar", "comp"]), ["completions"]);
    assert_eq!(completed(&["otp-sidecar", "policy", "ch"]), ["check"]);
    assert_eq!(completed(&["otp-sidecar", "mail", "te"]), ["test"]);
    assert_eq!(completed(&["otp-sidecar", "mail", "test", "--smtp-"]), ["--smtp-file"]);
    let groups = completed(&["otp-sidecar", "audit", "--only", "a"]);
    assert_eq!(groups, ["authentication", "admin"]);
}

#[test]
fn every_shell_gets_a_script_and_others_are_named() {
    for (shell, mark) in
        [("bash", "complete -F"), ("zsh", "#compdef otp-sidecar"), ("fish", "complete -c otp-sidecar")]
    {
        let ran = Program::new(&["completions", shell]).run();
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains(mark), "{shell}");
    }
    let ran = Program::new(&["completions", "tcsh"]).run();
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("bash, zsh, fish"), "{}", ran.err);
}

#[test]
fn every_command_has_a_manual_page_that_groff_takes_without_a_warning() {
    let folder = Folder::new();
    let pages = folder.path().join("man1");
    let ran = Program::new(&["man", "--out", pages.to_str().unwrap()]).run();
    assert_eq!(ran.code, 0, "{ran:#?}");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&pages).unwrap() {
        let path = entry.unwrap().path();
        let output = Command::new("groff").args(["-man", "-ww", "-Tutf8"]).arg(&path).output();
        let output = output.expect("groff runs; `make test` installs it");
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", path.display());
        assert!(output.stdout.len() > 300, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    for name in [
        "otp-sidecar",
        "otp-sidecar-serve",
        "otp-sidecar-mail-test",
        "otp-sidecar-audit",
        "otp-sidecar-smoke",
    ] {
        assert!(names.contains(&format!("{name}.1")), "{name}: {names:?}");
    }
}

#[test]
fn the_manual_page_of_a_command_has_its_examples_and_variables() {
    let folder = Folder::new();
    let ran = Program::new(&["man", "--out", folder.path().to_str().unwrap()]).run();
    assert_eq!(ran.code, 0);
    let page = std::fs::read_to_string(folder.path().join("otp-sidecar-mail-test.1")).unwrap();
    for part in
        [".SH EXAMPLES", ".SH ENVIRONMENT", "OTP_SIDECAR_SMTP_FILE", "otp\\-sidecar mail test \\-\\-to"]
    {
        assert!(page.contains(part), "{part}");
    }
    Program::new(&["man", "--out", "/proc/no/such"]).run().assert_refused("/proc/no/such");
}
