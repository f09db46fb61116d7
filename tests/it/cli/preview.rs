//! `mail preview`: what the mail of a purpose says.

use crate::support::program::{Program, assert_golden, steady};
use crate::support::sidecar::Folder;

fn preview(more: &[&str]) -> crate::support::program::Ran {
    Program::new(&[&["mail", "preview"][..], more].concat()).run()
}

#[test]
fn the_shipped_mails_look_as_they_should_without_any_secret_set() {
    for (arguments, golden) in [
        (&["wallet_funding", "--amount", "5000"][..], "mail/funding.txt"),
        (&["wallet_funding", "--amount", "5000", "--part", "html"], "mail/funding.html"),
        (&["wallet_deduction"], "mail/deduction.txt"),
        (&["wallet_funding", "--lock-notice"], "mail/lock-notice.txt"),
    ] {
        let ran = preview(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:#?}");
        assert_golden(golden, &steady(&ran.out));
    }
}

#[test]
fn everything_that_is_sent_can_be_seen_and_kept() {
    let headers = preview(&["wallet_funding", "--part", "headers", "--to", "eve@example.com"]).out;
    assert!(headers.contains("To: eve@example.com\n") && headers.contains("Auto-Submitted: auto-generated"));
    assert!(!headers.contains("123456"));
    let folder = Folder::new();
    let path = folder.path().join("mail.eml");
    let ran = preview(&["wallet_funding", "--out", path.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let raw = std::fs::read_to_string(path).unwrap();
    assert!(raw.contains("\r\n\r\n") && raw.contains("\r\n123456\r\n"), "{raw}");
    let json = preview(&["wallet_funding", "--json"]).json();
    assert_eq!(json["kind"], "code");
    assert_eq!(json["purpose"], "wallet_funding");
    assert!(json["text"].as_str().unwrap().contains("123456") && json["html"].is_string());
}

#[test]
fn a_purpose_with_longer_codes_shows_a_longer_sample() {
    let folder = Folder::with_shipped(&[("digits: 6", "digits: 8")]);
    let ran = preview(&["wallet_funding", "--policies", folder.path().to_str().unwrap()]);
    assert!(ran.out.lines().any(|line| line == "12345678"), "{ran:#?}");
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    preview(&["wallet_fundnig"]).assert_refused("write `wallet_funding`");
    preview(&["x"]).assert_refused("wallet_deduction, wallet_funding");
    preview(&["wallet_funding", "--policies", "/no/such"]).assert_refused("/no/such does not exist");
    preview(&["wallet_funding", "--bind", "amount"]).assert_refused("NAME=VALUE");
    preview(&["wallet_funding", "--to", "x"]).assert_refused("--to");
    let folder = Folder::new();
    folder.write("default.yaml", "version: 1\nroutes: [");
    let ran = preview(&["wallet_funding", "--policies", folder.path().to_str().unwrap()]);
    ran.assert_refused("P0001");
}
