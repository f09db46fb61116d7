//! Deployments that are not as they should be: each check is seen to fail.

use std::io::Write as _;

use super::{assert_fails, audit, checks, named};
use crate::cli::front::{always, answering, encrypted};
use crate::support::authority::Authority;
use crate::support::backend::Backend;
use crate::support::client::token;
use crate::support::sidecar::{Folder, Sidecar, Start, mailbox};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_wallet_without_a_sidecar_fails_wherever_the_sidecar_protects_it() {
    let backend = Backend::start().await;
    let token = token("ada", "ada@example.com");
    let ran = audit(&backend.url(), &["--token", &token, "--json", "--most", "12"]).finished().await;
    for (name, word) in [
        ("POST /api/wallet/fund needs a token", "200"),
        ("GET /api/wallet/otp/status needs a token", "404"),
        ("other spelling of POST /api/wallet/fund", " of 241, such as /api/wallet/fund"),
        ("/api/wallet/fund: an object as amount", "200"),
        ("is not kept by caches", "no Cache-Control"),
        ("strange origin", "no Access-Control-Allow-Origin"),
        ("a flood of bad tokens is limited", "12 requests went through"),
        ("asking for the status is limited", "12 requests went through"),
        ("two Authorization headers", "404"),
        ("a made-up token is refused", "404"),
    ] {
        assert_fails(&ran, name, word);
    }
    assert!(!ran.out.contains(&token));
}

#[tokio::test]
async fn headers_and_bodies_that_tell_too_much_are_found() {
    let plain = always(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nServer: nginx/1.25.1\r\nX-Powered-By: Express\r\n\
         Access-Control-Allow-Origin: https://audit.invalid\r\nAccess-Control-Allow-Credentials: true\r\n\
         Content-Length: 40\r\nConnection: close\r\n\r\nError: no\n    at Layer.handle (x.js:1:1)",
    )
    .await;
    let ran = audit(&format!("http://{plain}"), &["--only", "disclosure,cors", "--json"]).finished().await;
    assert_fails(&ran, "tells no versions", "server: nginx/1.25.1, x-powered-by: Express");
    assert_fails(&ran, "nothing of the insides", "    at ");
    assert_fails(&ran, "strange origin", "with credentials");
}

#[tokio::test]
async fn a_wallet_that_looks_at_no_method_and_obeys_rewriting_headers_is_found() {
    let lax = answering(|head| {
        let head = head.to_lowercase();
        let is_there =
            head.contains(" /api/wallet/fund http") || head.contains("x-original-url: /api/wallet/fund");
        if is_there { OK } else { NOT_FOUND }
    })
    .await;
    let ran = audit(&format!("http://{lax}"), &["--only", "spellings", "--json"]).finished().await;
    assert_fails(&ran, "/api/wallet/fund is not reached by other methods", "GET, PUT, PATCH, DELETE");
    assert_fails(&ran, "x-original-url leads nowhere", "200 with it, 404 without");
    assert_fails(&ran, "other spelling of POST /api/wallet/fund", "/API/WALLET/FUND");
}

#[tokio::test]
async fn a_limit_that_does_not_say_when_to_come_back_is_found() {
    let limited =
        always("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let ran = audit(&format!("http://{limited}"), &["--only", "limits", "--json"]).finished().await;
    assert_fails(&ran, "a flood of bad tokens", "without Retry-After");
}

#[tokio::test]
async fn a_lock_that_comes_later_than_the_policy_says_is_found() {
    let backend = Backend::start().await;
    let mailbox = mailbox().await;
    let slack = Folder::with_shipped(&[("after: 3,", "after: 9,")]);
    let sidecar = Start::before(&backend.url()).policies(slack.path()).mail(&mailbox).ready();
    let token = token("ada", "ada@example.com");
    let more = ["--only", "limits", "--token", &token, "--yes-send", "--yes-lock", "--json"];
    let ran = audit(&format!("http://{}", sidecar.traffic), &more).finished().await;
    assert_fails(&ran, "wrong codes lock", "not locked after 4");
}

#[tokio::test]
async fn another_policy_than_the_one_that_runs_is_noticed() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let policies = Folder::with_shipped(&[
        ("allow_origins: [\"*\"]", "allow_origins: [\"https://shop.example\"]"),
        ("path: /api/wallet/otp/status }", "path: /api/wallet/otp/state }"),
    ]);
    let more = ["--only", "cors,authentication", "--policies", policies.path().to_str().unwrap(), "--json"];
    let ran = audit(&format!("http://{}", sidecar.traffic), &more).finished().await;
    assert_fails(&ran, "strange origin", "Access-Control-Allow-Origin: *");
    assert_fails(&ran, "https://shop.example may read", "not allowed");
    assert_fails(&ran, "GET /api/wallet/otp/state needs a token", "404");
}

#[tokio::test]
async fn an_admin_listener_that_is_published_is_found() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let ran = audit(&format!("http://{}", sidecar.admin), &["--only", "admin", "--json"]).finished().await;
    for path in ["/metrics", "/health", "/-/reload"] {
        assert_fails(&ran, &format!("{path} on the wallet's port"), "");
    }
    // An address that is not loopback, and that this machine answers on.
    let published = format!("http://0.0.0.0:{}", sidecar.admin.port());
    let target = format!("http://{}", sidecar.traffic);
    let ran = audit(&target, &["--only", "admin", "--admin", &published, "--json"]).finished().await;
    assert_fails(&ran, "not reachable from here", "200 from");
    let ran =
        audit(&target, &["--only", "admin", "--admin", "http://127.0.0.1:1", "--json"]).finished().await;
    assert_eq!(ran.code, 0, "{ran:#?}");
}

#[tokio::test]
async fn a_wallet_that_refuses_every_stranger_is_judged_only_with_a_token() {
    let wall = always("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let target = format!("http://{wall}");
    let ran = audit(&target, &["--only", "spellings", "--json"]).finished().await;
    assert!(named(&ran, "skip").iter().any(|name| name.contains("other spelling")), "{:#?}", checks(&ran));
    assert!(!named(&ran, "pass").iter().any(|name| name.contains("other spelling")));
}

#[tokio::test]
async fn an_unencrypted_way_and_short_memory_of_browsers_are_found() {
    let backend = Backend::start().await;
    let target = format!("http://0.0.0.0:{}", backend.addr().port());
    let ran = audit(&target, &["--only", "transport", "--json"]).finished().await;
    assert_fails(&ran, "encrypted", "http");

    let authority = Authority::new("ours");
    let ca = authority.file();
    for (answer, fails) in [
        (
            "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=31536000\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            false,
        ),
    ] {
        let url = encrypted(&authority, always(answer).await).await;
        let ran =
            audit(&url, &["--only", "transport", "--ca", ca.to_str().unwrap(), "--json"]).finished().await;
        assert_eq!(ran.code, i32::from(fails), "{ran:#?}");
    }
}

#[tokio::test]
async fn codes_and_tokens_in_logs_are_told_by_file_and_line_and_never_shown() {
    let folder = Folder::new();
    let bearer = token("ada", "ada@example.com");
    let lines =
        format!("fine\n{{\"otp\":\"603645\"}}\nauthorization: Bearer {bearer}\notp verified at 1705948200");
    folder.write("wallet.log", &lines);
    let packed = std::fs::File::create(folder.path().join("old.log.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::default());
    writeln!(packed, "x\ny\nYour code is 271828").unwrap();
    packed.finish().unwrap();
    let backend = Backend::start().await;
    let (plain, old) = (folder.path().join("wallet.log"), folder.path().join("old.log.gz"));
    let more = ["--only", "logs", "--json", "--logs", plain.to_str().unwrap(), old.to_str().unwrap()];
    let ran = audit(&backend.url(), &more).finished().await;
    let seen: Vec<String> = checks(&ran).into_iter().map(|check| check.3).collect();
    assert_eq!(seen, ["a code: line 2", "a JWT: line 3", "a bearer token: line 3", "a code: line 3"]);
    for secret in ["603645", "271828", bearer.as_str()] {
        assert!(!format!("{ran:?}").contains(secret));
    }
    assert_eq!(ran.code, 1);
}

#[test]
fn what_cannot_run_ends_with_2_and_says_what_to_do() {
    let refused =
        |more: &[&str], expected: &str| audit("http://127.0.0.1:1", more).run().assert_refused(expected);
    refused(&[], "the target cannot be reached");
    refused(&["--only", "everything"], "possible values");
    refused(&["--only", "logs", "--skip", "cors"], "cannot be used with");
    refused(&["--only", "logs", "--logs", "/no/such.log"], "/no/such.log");
    refused(&["--policies", "/no/such"], "/no/such does not exist");
    refused(&["--token-file", "/no/such"], "/no/such");
    refused(&["--admin", "x"], "--admin");
    refused(&["--most", "0"], "--most");
    audit("not a url", &[]).run().assert_refused("is no URL");
}
