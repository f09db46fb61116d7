//! `mail test`: a real relay, each of its failures, and what the person is told.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::program::{Program, Ran, assert_golden, steady};
use crate::support::sidecar::Folder;
use crate::support::smtp::{PASSWORD, SmtpServer};

const LOGIN: &str = "otp%40wallet.example:correct%20horse@";

/// The relay behind one of its ports, with its authority.
fn url(server: &SmtpServer, scheme: &str, port: &str) -> String {
    format!("{scheme}://{LOGIN}localhost:{}?ca={}", server.port(port), server.ca())
}

fn test(url: &str, more: &[&str]) -> Ran {
    let fixed =
        ["mail", "test", "--to", "ada@example.com", "--mail-from", "otp@wallet.example", "--smtp", url];
    Program::new(&[&fixed[..], more].concat()).run()
}

/// The step that failed, and everything that was said about it.
fn failure(ran: &Ran) -> (String, String) {
    assert_eq!(ran.code, 1, "{ran:#?}");
    let report = ran.json();
    assert_eq!(report["accepted"], false);
    assert_eq!(report["steps"].as_array().unwrap().last().unwrap()["result"], "failed");
    let advice: Vec<&str> =
        report["advice"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(!advice.is_empty(), "{report:#}");
    let told = format!("{} {} {}", report["reason"], report["detail"], advice.join(" "));
    (report["failedStep"].as_str().unwrap().to_owned(), told)
}

fn assert_fails(ran: &Ran, step: &str, words: &[&str]) {
    let (failed, told) = failure(ran);
    assert_eq!(failed, step, "{told}");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told}");
    }
    assert!(!format!("{ran:?}").contains(PASSWORD), "{ran:?}");
}

#[test]
fn a_mail_that_is_taken_is_told_step_by_step_with_the_id_of_the_relay() {
    let server = SmtpServer::start();
    for (scheme, port, golden) in
        [("smtp", "starttls", "mail/taken.txt"), ("smtps", "implicit", "mail/taken-implicit.txt")]
    {
        server.clear();
        let ran = test(&url(&server, scheme, port), &[]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:#?}");
        assert_golden(golden, &steady(&ran.out));
        let mails = server.mails();
        assert_eq!(mails.len(), 1);
        assert!(mails[0].encrypted() && mails[0].authenticated());
        assert_eq!(mails[0].to(), ["ada@example.com"]);
        assert!(!mails[0].raw().contains("123456"));
    }
    let report = test(&url(&server, "smtp", "starttls"), &["--json"]).json();
    assert_eq!(report["accepted"], true);
    assert_eq!(report["relaySaid"], "250 2.0.0 Ok: queued as 4F1B2C");
    let steps: Vec<&str> =
        report["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    let expected = ["dns", "connect", "greeting", "tls", "auth", "sender", "recipient", "data", "message"];
    assert_eq!(steps, expected);
}

#[test]
fn the_mail_of_a_purpose_can_be_sent_with_a_sample_code() {
    let server = SmtpServer::start();
    let ran = test(&url(&server, "smtp", "starttls"), &["--purpose", "wallet_funding"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let mail = &server.mails()[0];
    assert_eq!(mail.header("subject"), Some("Your code to fund your wallet"));
    assert!(mail.parts()[0].2.lines().any(|line| line == "123456"));
}

#[test]
fn each_refusal_of_the_relay_is_told_with_its_step_and_what_to_do() {
    let server = SmtpServer::start();
    for (mode, step, words) in [
        ("reject_auth", "auth", &["535", "User or password is wrong"][..]),
        ("reject_sender", "sender", &["553", "--mail-from"]),
        ("reject_rcpt", "recipient", &["550 5.1.1", "no such mailbox"]),
        ("greylist", "recipient", &["450 4.2.0", "greylisting"]),
        ("reject_size", "message", &["552 5.3.4", "too large"]),
        ("reject_content", "message", &["550 5.7.1", "SPF"]),
        ("too_many", "message", &["451 4.7.1", "rate limit"]),
        ("busy", "sender", &["451", "Try again"]),
        ("closing", "sender", &["421", "busy"]),
        ("drop", "sender", &["connect", "Try again"]),
    ] {
        server.mode(mode, None);
        let ran = test(&url(&server, "smtp", "starttls"), &["--json"]);
        assert_fails(&ran, step, words);
    }
    assert!(server.mails().is_empty());
}

#[test]
fn each_failure_to_encrypt_is_told_apart() {
    let server = SmtpServer::start();
    let another = SmtpServer::start();
    let starttls = url(&server, "smtp", "starttls");
    for (url, step, words) in [
        (starttls.replace(server.ca(), another.ca()), "tls", &["unknown authority", "?ca="][..]),
        (url(&server, "smtp", "wrong_name"), "tls", &["another host name", "-starttls smtp"]),
        (url(&server, "smtp", "expired"), "tls", &["has expired", "clock"]),
        (url(&server, "smtp", "plain"), "tls", &["does not offer STARTTLS"]),
        (url(&server, "smtps", "plain"), "tls", &["does not speak TLS", "smtp://"]),
        (url(&server, "smtps", "starttls"), "tls", &["does not speak TLS", "smtp://"]),
        (url(&server, "smtp", "no_login"), "auth", &["neither AUTH PLAIN nor AUTH LOGIN"]),
    ] {
        assert_fails(&test(&url, &["--json"]), step, words);
    }
    let silent = test(&url(&server, "smtp", "implicit"), &["--json", "--timeout", "300ms"]);
    assert_fails(&silent, "greeting", &["no answer in time", "smtps://"]);
    assert_eq!(server.count("logins") + another.count("logins"), 0);
}

#[test]
fn a_failure_is_a_table_with_what_was_not_reached_and_what_the_relay_said() {
    let server = SmtpServer::start();
    server.mode("reject_auth", None);
    let ran = test(&url(&server, "smtp", "starttls"), &[]);
    assert_eq!(ran.code, 1);
    assert_golden("mail/refused-login.txt", &steady(&ran.out));
}

#[test]
fn a_relay_that_repeats_the_password_is_not_quoted() {
    let server = SmtpServer::start();
    for (mode, step) in [
        ("gossip_auth", "auth"),
        ("gossip_mail", "sender"),
        ("gossip_rcpt", "recipient"),
        ("gossip_data", "message"),
    ] {
        server.mode(mode, None);
        for more in [&["--json"][..], &[]] {
            let ran = test(&url(&server, "smtp", "starttls"), more);
            assert_eq!(ran.code, 1, "{mode}: {ran:#?}");
            for secret in [PASSWORD, "Y29ycmVjdCBob3JzZQ=="] {
                assert!(!format!("{}{}", ran.out, ran.err).contains(secret), "{mode}: {ran:#?}");
            }
            assert!(ran.out.contains("(not shown, since it repeats the password)"), "{mode}: {ran:#?}");
        }
        assert_eq!(failure(&test(&url(&server, "smtp", "starttls"), &["--json"])).0, step);
    }
}

#[tokio::test]
async fn a_relay_that_is_not_there_or_is_something_else_is_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_fails(
        &test(&format!("smtp://{free}"), &["--json"]),
        "connect",
        &["connection refused", "listens"],
    );
    assert_fails(&test(&format!("smtps://{free}"), &["--json"]), "connect", &["connection refused"]);
    assert_fails(&test("smtp://relay.invalid", &["--json"]), "dns", &["cannot be resolved", "getent"]);

    let web = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", web.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = web.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let ran = tokio::task::spawn_blocking(move || test(&url, &["--json"])).await.unwrap();
    assert_fails(&ran, "greeting", &["something other than SMTP", "nc "]);
}

#[test]
fn settings_that_cannot_be_used_end_before_anything_is_sent() {
    let to = ["mail", "test", "--to", "ada@example.com"];
    let with = |more: &[&str]| Program::new(&[&to[..], more].concat());
    with(&[]).run().assert_refused("no relay is named");
    with(&["--smtp", "gmail"]).run().assert_refused("EMAIL_USER and EMAIL_PASS");
    with(&["--smtp", "smtp://h.example?tls=none", "--mail-from", "a@b.c"]).run().assert_refused("loopback");
    with(&["--smtp", "smtp://h.example"]).run().assert_refused("who sends the mails?");
    with(&["--smtp-file", "/no/such/file"]).run().assert_refused("/no/such/file");
    with(&["--smtp", "smtp://h", "--mail-from", "a@b.c", "--timeout", "5 parsecs"])
        .run()
        .assert_refused("--timeout");
    with(&["--smtp", "smtp://h?ca=/no/such.pem", "--mail-from", "a@b.c"])
        .run()
        .assert_refused("/no/such.pem");
    Program::new(&["mail", "test", "--to", "nobody"]).run().assert_refused("--to");
}

#[test]
fn the_relay_is_named_as_for_serve_also_by_variables_and_files() {
    let server = SmtpServer::start();
    let folder = Folder::new();
    folder.write("smtp", &format!("{}\n", url(&server, "smtp", "starttls")));
    let ran = Program::new(&["mail", "test", "--to", "ada@example.com"])
        .env("OTP_SIDECAR_SMTP_FILE", folder.path().join("smtp"))
        .env("EMAIL_USER", "otp@wallet.example")
        .run();
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(server.mails().len(), 1);
}
