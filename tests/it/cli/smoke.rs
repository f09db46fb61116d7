//! `smoke`: a real sidecar, a wallet and a mailbox; and each way in which the check must fail.

use http::StatusCode;
use otp_sidecar::lab::mailbox::Mailbox;
use serde_json::{Value, json};

use super::front::encrypted;
use super::program::{Program, Ran, assert_golden, steady};
use crate::support::authority::Authority;
use crate::support::backend::{Backend, Mood};
use crate::support::client::token;
use crate::support::sidecar::{Folder, Sidecar, next_code};

const FUND: &str = "/api/wallet/fund";
const VERIFY: &str = "/api/wallet/verify-otp";

/// The check, with a command that prints what stands in `code` of this folder.
fn smoke(target: &str, folder: &Folder, more: &[&str]) -> Program {
    let command = format!("cat {}/code 2>/dev/null", folder.path().display());
    let token = token("ada", "ada@example.com");
    let fixed = [
        "smoke",
        "--target",
        target,
        "--token",
        &token,
        "--amount",
        "5000",
        "--code-command",
        &command,
        "--timeout",
        "20s",
    ];
    Program::new(&[&fixed[..], more].concat())
}

/// Runs it, and puts the code that is mailed where its command looks.
async fn delivered(program: Program, mailbox: &Mailbox, folder: &Folder) -> Ran {
    let running = tokio::spawn(program.finished());
    let code = next_code(mailbox).await;
    folder.write("code", &format!("{code}\n"));
    let ran = running.await.unwrap();
    for secret in [code.as_str(), &token("ada", "ada@example.com")] {
        assert!(!format!("{ran:?}").contains(secret), "{ran:#?}");
    }
    ran
}

/// Result and words of a step in the JSON document.
fn step(report: &Value, name: &str) -> (String, String) {
    let steps = report["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name}: {report:#}"));
    (step["result"].as_str().unwrap().to_owned(), format!("{} {}", step["seen"], step["advice"]))
}

fn assert_failed(ran: &Ran, name: &str, words: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let report = ran.json();
    assert_eq!(report["passed"], false);
    let (result, told) = step(&report, name);
    assert_eq!(result, "failed", "{report:#}");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told}");
    }
}

#[tokio::test]
async fn a_wallet_that_works_passes_every_step() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let folder = Folder::new();
    let program = smoke(&format!("http://{}", sidecar.traffic), &folder, &[]);
    let ran = delivered(program, &mailbox, &folder).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:#?}");
    assert_golden("smoke/passed.txt", &steady(&ran.out));
    assert_eq!(backend.balance(), 5_000);
    let funding = &backend.seen_at(FUND)[0];
    let asked: Value = serde_json::from_slice(&funding.body).unwrap();
    assert_eq!(asked, json!({ "amount": 5000, "email": "ada@example.com" }));
}

#[tokio::test]
async fn it_works_over_https_and_only_with_a_trusted_certificate() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let url = encrypted(&ours, sidecar.traffic).await;
    let folder = Folder::new();
    let ca = ours.file();
    let program = smoke(&url, &folder, &["--ca", ca.to_str().unwrap(), "--json"]);
    let ran = delivered(program, &mailbox, &folder).await;
    assert_eq!((ran.code, ran.json()["passed"].as_bool()), (Some(0), Some(true)), "{ran:#?}");
    let ca = theirs.file();
    let ran = smoke(&url, &folder, &["--ca", ca.to_str().unwrap()]).finished().await;
    ran.assert_refused("no encrypted connection to localhost that can be trusted");
}

#[tokio::test]
async fn the_command_finds_what_was_asked_for_in_its_environment_and_never_the_token() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let folder = Folder::new();
    let told = folder.path().join("told");
    let command = format!(
        "env | grep -e ^SMOKE_ -e TOKEN > {0}; cat {1}/code",
        told.display(),
        folder.path().display()
    );
    let program = Program::new(&["smoke", "--target", &format!("http://{}", sidecar.traffic)])
        .env("OTP_SIDECAR_TEST_TOKEN", token("ada", "ada@example.com"));
    let program = program.argument("--amount").argument("5000").argument("--code-command").argument(&command);
    let ran = delivered(program, &mailbox, &folder).await;
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let told = std::fs::read_to_string(told).unwrap();
    for line in
        ["SMOKE_REFERENCE=FUND-00001\n", "SMOKE_PURPOSE=wallet_funding\n", "SMOKE_EMAIL=ada@example.com\n"]
    {
        assert!(told.contains(line), "{told}");
    }
    assert!(told.contains("SMOKE_REQUESTED_AT=20") && !told.contains("TOKEN"), "{told}");
}

#[tokio::test]
async fn a_wallet_without_a_sidecar_fails_at_once() {
    let backend = Backend::start().await;
    let ran = smoke(&backend.url(), &Folder::new(), &["--json"]).finished().await;
    assert_failed(&ran, "fund", &["otpSent", "sidecar in front"]);
    assert_eq!(step(&ran.json(), "verify").0, "skipped");
}

#[tokio::test]
async fn a_mail_that_never_comes_or_another_output_of_the_command_fails_the_mail() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let target = format!("http://{}", sidecar.traffic);
    for (command, words) in [
        ("true", "printed nothing"),
        ("echo no mail for hunter2 >&2; exit 3", "exit code 3"),
        ("echo your code is 603645", "6 to 10 digits and nothing else"),
        ("sleep 60", "still running"),
    ] {
        let token = token(&format!("user-{}", command.len()), "ada@example.com");
        let arguments = [
            "smoke",
            "--target",
            &target,
            "--token",
            &token,
            "--code-command",
            command,
            "--timeout",
            "700ms",
            "--json",
        ];
        let ran = Program::new(&arguments).finished().await;
        assert_failed(&ran, "mail", &[words, "otp-sidecar mail test"]);
        assert!(!ran.out.contains("603645"), "{ran:#?}");
    }
}

#[tokio::test]
async fn a_wrong_code_a_refused_token_and_a_broken_wallet_each_fail_their_step() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let target = format!("http://{}", sidecar.traffic);
    let wrong = ["smoke", "--target", &target, "--token", "x.y.z", "--code-command", "true", "--json"];
    assert_failed(&Program::new(&wrong).finished().await, "fund", &["401", "token is not accepted"]);

    let token = token("eve", "eve@example.com");
    let guess = ["smoke", "--target", &target, "--token", &token, "--code-command", "echo 000000", "--json"];
    let ran = Program::new(&guess).finished().await;
    assert_failed(&ran, "verify", &["otp_invalid", "older mail"]);
    let _unused = next_code(&mailbox).await;

    let folder = Folder::new();
    backend.next(VERIFY, Mood::Answer(StatusCode::OK, json!({ "success": true })));
    let ran = delivered(smoke(&target, &folder, &["--json"]), &mailbox, &folder).await;
    assert_failed(&ran, "balance", &["0 → 0 instead of 5000 more", "wallet's log"]);
}

#[tokio::test]
async fn what_is_no_reference_does_not_reach_the_code_command() {
    let (backend, folder) = (Backend::start().await, Folder::new());
    let ran_it = folder.path().join("ran-it");
    let command = format!("touch {}; eval \"true $SMOKE_REFERENCE\"", ran_it.display());
    let token = token("ada", "ada@example.com");
    let arguments = [
        "smoke",
        "--target",
        &backend.url(),
        "--token",
        &token,
        "--code-command",
        &command,
        "--timeout",
        "1s",
        "--json",
    ];
    for reference in ["FUND-1; curl evil.example", "$(id)", "", "FUND", &"x".repeat(101)] {
        let answer = json!({ "success": true, "transactionReference": reference, "otpSent": true });
        backend.next(FUND, Mood::Answer(StatusCode::OK, answer));
        let ran = Program::new(&arguments).finished().await;
        assert_failed(&ran, "fund", &["transactionReference", "5 to 100 letters", "--reference-field"]);
        assert!(!ran_it.exists(), "the command ran for {reference:?}");
    }
}

#[tokio::test]
async fn a_code_that_passes_twice_is_found() {
    let backend = Backend::start().await;
    let answer = json!({ "success": true, "transactionReference": "FUND-00001", "otpSent": true });
    backend.next(FUND, Mood::Answer(StatusCode::OK, answer));
    let folder = Folder::new();
    folder.write("code", "603645");
    let ran = smoke(&backend.url(), &folder, &["--json"]).finished().await;
    assert_failed(&ran, "status", &["404"]);
    assert_failed(&ran, "reuse", &["passed twice"]);
}

#[tokio::test]
async fn other_paths_and_fields_can_be_named() {
    let backend = Backend::start().await;
    backend.next("/balance", Mood::Answer(StatusCode::OK, json!({ "data": { "amount": "12.50" } })));
    let more =
        ["--balance-path", "/balance", "--balance-field", "data.amount", "--fund-path", "/nowhere", "--json"];
    let ran = smoke(&backend.url(), &Folder::new(), &more).finished().await;
    assert_eq!(step(&ran.json(), "account").0, "passed");
    assert_failed(&ran, "fund", &["404", "--fund-path"]);
}

#[tokio::test]
async fn slow_answers_are_findings_only_when_asked_for() {
    let is_slow = |ran: &Ran| {
        let slow = ran.json()["slow"].as_array().unwrap().clone();
        slow.iter().any(|line| line.as_str().unwrap().starts_with("fund took "))
    };
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let target = format!("http://{}", sidecar.traffic);
    for (more, found) in [(&["--json"][..], false), (&["--json", "--check-times"], true)] {
        let folder = Folder::new();
        let gate = backend.hold(FUND);
        let seen = backend.seen_at(FUND).len();
        let running = tokio::spawn(smoke(&target, &folder, more).finished());
        crate::support::wait::until("fund arrives", crate::support::sidecar::PATIENCE, async || {
            backend.seen_at(FUND).len() > seen
        })
        .await;
        // The time that is measured is what this test is about.
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        gate.notify_one();
        folder.write("code", &next_code(&mailbox).await);
        let ran = running.await.unwrap();
        assert_eq!((is_slow(&ran), ran.code), (found, Some(i32::from(found))), "{ran:#?}");
    }
}

#[tokio::test]
async fn what_cannot_begin_ends_with_2() {
    let command = ["--code-command", "true"];
    let with = |more: &[&str]| Program::new(&[&["smoke"][..], more, &command].concat()).run();
    with(&["--target", "http://127.0.0.1:1"]).assert_refused("--token-file");
    with(&["--target", "ftp://x", "--token", "t"]).assert_refused("http://");
    with(&["--target", "wallet", "--token", "t"]).assert_refused("is no URL");
    with(&["--target", "http://127.0.0.1:1", "--token", "t"]).assert_refused("cannot connect");
    with(&["--target", "http://127.0.0.1:1", "--token-file", "/no/such"]).assert_refused("/no/such");
    with(&["--target", "http://127.0.0.1:1", "--token", "a\nb"])
        .assert_refused("characters that no token has");
    with(&["--target", "http://127.0.0.1:1", "--token", "t", "--timeout", "x"]).assert_refused("--timeout");
    with(&["--target", "https://127.0.0.1:1", "--token", "t", "--ca", "/no/such"]).assert_refused("/no/such");
}
