//! A deployment as it should be.

use super::{audit, checks, named};
use crate::cli::front::encrypted;
use crate::support::authority::Authority;
use crate::support::backend::Backend;
use crate::support::client::token;
use crate::support::program::{assert_golden, steady};
use crate::support::sidecar::{Folder, Sidecar};

const LOG: &str = "{\"message\":\"OTP sent\",\"userId\":\"a***\",\"expiresIn\":300}\n{\"status\":200";

#[tokio::test]
async fn a_sidecar_in_front_of_the_wallet_passes_every_check() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let folder = Folder::new();
    folder.write("wallet.log", LOG);
    let log = folder.path().join("wallet.log");
    let token = token("ada", "ada@example.com");
    let (target, admin) = (format!("http://{}", sidecar.traffic), format!("http://{}", sidecar.admin));
    let more =
        ["--token", &token, "--yes-send", "--yes-lock", "--admin", &admin, "--logs", log.to_str().unwrap()];
    let ran = audit(&target, &more).finished().await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    let shown = steady(&ran.out).replace(folder.path().to_str().unwrap(), "LOGS");
    let count = regex::Regex::new(r"for \d+ s").unwrap();
    assert_golden("audit/safe.txt", &count.replace_all(&shown, "for SECONDS s"));
    assert!(!ran.out.contains(&token));
    // The limit of three a minute bound: no fourth mail, and one that tells of the lock.
    for _ in 0..4 {
        let mail =
            tokio::time::timeout(crate::support::sidecar::PATIENCE, mailbox.next_mail()).await.unwrap();
        assert!(mail.code().is_none_or(|code| !ran.out.contains(code)));
    }
    // What the wallet's router would take for a route of codes. It saw longer paths, which are none.
    let of_codes = ["/api/wallet/verify-otp", "/api/wallet/otp/verify"];
    let reached = |path: &str| of_codes.contains(&path.to_ascii_lowercase().trim_end_matches('/'));
    assert!(!backend.seen().iter().any(|seen| reached(seen.path())), "{:?}", backend.seen());
}

#[tokio::test]
async fn without_a_token_no_mail_leaves_and_what_needs_one_is_skipped() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let ran = audit(&format!("http://{}", sidecar.traffic), &["--json"]).finished().await;
    assert_eq!((ran.code, ran.json()["passed"].as_bool()), (0, Some(true)), "{ran:#?}");
    let skipped = named(&ran, "skip").join("\n");
    for name in ["bad requests are refused", "sending codes is limited", "wrong codes lock", "in logs"] {
        assert!(skipped.contains(name), "{name} is not in\n{skipped}");
    }
    assert_eq!(sidecar.metric("otp_send_total{channel=\"email\",purpose=\"wallet_funding\"}").await, 0.0);
    let counts = &ran.json()["counts"];
    assert_eq!(counts["fail"], 0);
    assert_eq!(counts["pass"].as_u64().unwrap() as usize, named(&ran, "pass").len());
}

#[tokio::test]
async fn groups_can_be_chosen_and_left_out() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let target = format!("http://{}", sidecar.traffic);
    let groups = |ran: &super::Ran| {
        let mut groups: Vec<String> = checks(ran).into_iter().map(|check| check.0).collect();
        groups.dedup();
        groups
    };
    let ran = audit(&target, &["--only", "cors,authentication", "--json"]).finished().await;
    assert_eq!(groups(&ran), ["cors", "authentication"]);
    let ran = audit(&target, &["--skip", "spellings,limits,validation", "--json"]).finished().await;
    assert_eq!(groups(&ran), ["transport", "disclosure", "cors", "authentication", "admin", "logs"]);
}

#[tokio::test]
async fn an_encrypted_deployment_tells_its_version_and_the_end_of_its_certificate() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let authority = Authority::new("ours");
    let url = encrypted(&authority, sidecar.traffic).await;
    let ca = authority.file();
    let ran = audit(&url, &["--only", "transport", "--ca", ca.to_str().unwrap(), "--json"]).finished().await;
    let all = checks(&ran);
    assert!(all.iter().any(|check| check.2 == "pass" && check.3 == "TLS 1.3"), "{all:#?}");
    assert!(all.iter().any(|check| check.1.contains("certificate") && check.2 == "pass"), "{all:#?}");
    super::assert_fails(&ran, "HTTPS only", "no Strict-Transport-Security");
}
