//! What operators and their machines read: metrics, health, probes, and why nothing starts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::Bytes;
use http::Method;
use otp_sidecar::domain::reason::Reason;
use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::prometheus::program;
use crate::support::sidecar::{Folder, Sidecar, Start, changed, funded, wrong};

/// The value of every series of a rendering.
fn series(rendered: &str) -> BTreeMap<String, f64> {
    let lines = rendered.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let split = lines.map(|line| line.rsplit_once(' ').unwrap());
    split.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

/// The families that the page of metrics describes, with their types.
fn documented() -> BTreeMap<String, String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `otp_"));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let kind = |cell: &str| cell.split(',').next().unwrap_or_default().to_owned();
    cells.map(|cells| (format!("otp_{}", cells[0].trim_end_matches('`')), kind(cells[1]))).collect()
}

async fn metrics(sidecar: &Sidecar) -> String {
    sidecar.operator().get("/metrics").await.text()
}

#[tokio::test]
async fn every_family_of_the_page_is_there_at_zero_before_any_traffic() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let rendered = metrics(&sidecar).await;
    let all = series(&rendered);
    let families = documented();
    assert!(families.len() > 20, "{families:?}");
    for (family, kind) in &families {
        assert!(
            rendered.contains(&format!("# TYPE {family} {kind}\n")),
            "{family} is no {kind}:\n{rendered}"
        );
        let of_family = |name: &str| {
            let base = name.split('{').next().unwrap();
            [
                family.as_str(),
                &format!("{family}_count"),
                &format!("{family}_bucket"),
                &format!("{family}_sum"),
            ]
            .contains(&base)
        };
        let found: Vec<_> = all.iter().filter(|(name, _)| of_family(name)).collect();
        assert!(!found.is_empty(), "{family} has no series yet");
        let begins_elsewhere = [
            "_info",
            "_timestamp_seconds",
            "_reloads_total",
            "_reload_successful",
            "_store_duration_seconds",
        ];
        if !begins_elsewhere.iter().any(|suffix| family.ends_with(suffix)) {
            assert!(found.iter().all(|(_, value)| **value == 0.0), "{found:?}");
        }
    }
}

/// The reasons at 0 for a route: what an alert on their increase can rely on.
fn reasons_of(rendered: &str, route: &str) -> BTreeSet<String> {
    let of_route = format!("route=\"{route}\"}}");
    let decisions = rendered.lines().filter_map(|line| line.strip_prefix("otp_sidecar_decisions_total{"));
    let of_route = decisions.filter(|line| line.contains(&of_route));
    let reason = |line: &str| line.split("reason=\"").nth(1)?.split('"').next().map(str::to_owned);
    of_route.filter_map(reason).collect()
}

#[tokio::test]
async fn decisions_are_at_zero_for_each_reason_that_a_route_can_have_and_for_no_other() {
    let policies = Folder::new();
    let limited = "  - { name: cards, match: { methods: [GET], path: /cards }, limits: [status] }\n";
    policies.write("default.yaml", &(changed(&[]) + limited));
    let sidecar = Start::before("http://127.0.0.1:1").policies(policies.path()).ready();
    let rendered = metrics(&sidecar).await;
    let routes = ["fund", "verify", "send", "status", "cards"].map(|route| reasons_of(&rendered, route));
    let [fund, verify, send, status, cards] = &routes;
    assert!(["issued", "locked", "no_reference", "upstream_timeout"].iter().all(|r| fund.contains(*r)));
    assert!(["verified", "invalid", "used", "unknown_key"].iter().all(|r| verify.contains(*r)));
    assert!(["issued", "recipient_mismatch", "used"].iter().all(|r| send.contains(*r)));
    assert!(status.contains("told") && cards.contains("admitted"));
    assert!(!fund.contains("invalid") && !verify.contains("issued") && !send.contains("upstream_timeout"));
    let all: BTreeSet<&str> = routes.iter().flatten().map(String::as_str).collect();
    let listed = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(all, listed, "each reason is one of some route");
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let backend = Backend::start().await;
    let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
    let jane = sidecar.client().as_user("jane");
    let (reference, code) = funded(&jane, &mailbox).await;
    jane.verify(&reference, &wrong(&code)).await;
    jane.verify(&reference, &code).await;
    let mut promtool = Command::new(program("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool must be installed; `make test` does it");
    promtool.stdin.take().unwrap().write_all(metrics(&sidecar).await.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[tokio::test]
async fn neither_users_nor_paths_nor_methods_make_new_series() {
    let backend = Backend::start().await;
    let policies = Folder::with_shipped(&[
        ("send-ip:      { max: 60,", "send-ip:      { max: 100000,"),
        ("unauthorized: { max: 30,", "unauthorized: { max: 100000,"),
    ]);
    let sidecar = Start::before(&backend.url()).policies(policies.path()).ready();
    let client = sidecar.client();
    let one_of_each = async |number: usize| {
        let user = client.as_user(&format!("subject-{number}-of-many"));
        user.fund(5_000).await;
        user.send("wallet_funding", &format!("subject-{number}-of-many@example.com")).await;
        user.verify(&format!("FUND-reference-{number}"), "000000").await;
        user.status("wallet_funding").await;
        user.status(&format!("purpose{number}")).await;
        client.get(&format!("/random/path-{number}?and=query-{number}")).await;
        client.get(&format!("/api//wallet/fund?{number}")).await;
        client.with_token(format!("token-{number}")).fund(5).await;
        let method = Method::from_bytes(format!("METHOD{number}").as_bytes()).unwrap();
        client.call(method.clone(), "/elsewhere", &[], Bytes::new()).await;
        client.call(method, "/api/wallet/fund", &[], Bytes::new()).await;
    };
    for number in 0..5 {
        one_of_each(number).await;
    }
    let names = async || series(&metrics(&sidecar).await).into_keys().collect::<BTreeSet<_>>();
    let before = names().await;
    for number in 5..500 {
        one_of_each(number).await;
    }
    let after = names().await;
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
    for name in after {
        for private in
            ["subject-", "example.com", "FUND-", "random", "/api", "METHOD", "purpose1", "127.0.0.1"]
        {
            assert!(!name.contains(private), "{name}");
        }
    }
}

#[tokio::test]
async fn health_tells_what_works_and_stays_answerable() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let health = sidecar.operator().get("/health").await;
    assert_eq!(health.header("content-type"), Some("application/json; charset=utf-8"));
    let said = health.json();
    assert_eq!((&said["status"], &said["draining"]), (&json!("ok"), &json!(false)));
    assert_eq!((&said["state"]["status"], &said["state"]["kind"]), (&json!("up"), &json!("memory")));
    assert!(["up", "unknown"].contains(&said["email_service"]["status"].as_str().unwrap()));
    assert_eq!(said["policy"]["routes"], 4);
    assert_eq!(said["policy"]["hash"].as_str().unwrap().len(), 16);
    assert_eq!(said["policy"]["lastReload"]["result"], "ok");
    assert!(said["policy"]["lastReload"]["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(said["policy"]["lastReload"]["error"], Value::Null);
    assert_eq!(said["codeKeys"], json!(["t1"]));
    assert_eq!(sidecar.operator().get("/livez").await.text(), "ok");
    assert_eq!(sidecar.operator().get("/readyz").await.text(), "ok");
}

#[tokio::test]
async fn a_dead_relay_shows_in_health_and_does_not_make_it_unready() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    sidecar.client().as_user("jane").fund(5_000).await;
    sidecar.logged("mail failed, will be tried again").await;
    let health = sidecar.operator().get("/health").await.json();
    assert_eq!((&health["status"], &health["email_service"]["status"]), (&json!("degraded"), &json!("down")));
    assert_eq!(health["email_service"]["lastError"], "connect");
    assert_eq!(sidecar.operator().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_dead_backend_does_not_make_it_unready() {
    let sidecar = Start::before("http://127.0.0.1:1").ready();
    assert_eq!(sidecar.client().get("/").await.word(), (502, "upstream_unavailable".to_owned()));
    assert_eq!(sidecar.operator().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn what_an_operator_may_not_call_does_not_exist_for_strangers() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let operator = sidecar.operator();
    for path in ["/-/reload", "/-/locks", "/", "/debug", "/metrics/", "/api/wallet/fund"] {
        assert_eq!(operator.get(path).await.word(), (401, "unauthorized".to_owned()), "{path}");
    }
    for path in ["/metrics", "/health", "/livez", "/readyz"] {
        assert_eq!(operator.get(path).await.status, 200, "{path}");
        let refused = operator.call(Method::POST, path, &[], Bytes::new()).await;
        assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, Some("GET, HEAD")), "{path}");
    }
    // The two listeners do not do each other's work.
    assert_eq!(sidecar.client().get("/metrics").await.status, 404, "the backend answers");
    assert_eq!(backend.seen_at("/metrics").len(), 1);
}

#[test]
fn all_wrong_flags_are_named_at_once_and_nothing_starts() {
    let (code, said) = Start::before("https://wallet")
        .flag("--listen", "everywhere")
        .flag("--state", "redis-sentinel://a")
        .flag("--store-deadline", "soon")
        .flag("--max-body", "much")
        .flag("--log", "xml")
        .flag("--smtp", "smtp://relay.example?tls=none")
        .refused();
    assert_eq!(code, Some(2), "{said}");
    for flag in ["listen", "upstream", "state", "store-deadline", "max-body", "log", "smtp"] {
        assert!(said.contains(&format!("--{flag}: ")), "{flag} is missing in:\n{said}");
    }
    assert!(said.contains("redis-sentinel is not supported yet"), "{said}");
}

#[test]
fn redis_without_code_keys_is_refused_because_replicas_need_the_same_ones() {
    let start = Start::before("http://127.0.0.1:1").without("OTP_SIDECAR_CODE_KEYS");
    let (code, said) = start.flag("--state", "redis://127.0.0.1:1/").refused();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--code-keys: required with Redis"), "{said}");
}

#[test]
fn a_taken_address_is_told_by_its_flag() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--admin-listen"] {
        let (code, said) = Start::before("http://127.0.0.1:1").flag(flag, &addr).refused();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("cannot listen on {addr} ({flag})")), "{said}");
        assert!(said.contains("in use"), "{said}");
    }
}

#[test]
fn errors_of_the_first_policy_set_are_all_told_with_their_places_and_nothing_starts() {
    let folder = Folder::new();
    let text = changed(&[("max: 15,", "max: none,"), ("channel:  email", "channel:  pigeon")]);
    folder.write("default.yaml", &text);
    let (code, said) = Start::before("http://127.0.0.1:1").policies(folder.path()).refused();
    assert_eq!(code, Some(2), "{said}");
    for wrong in ["max: none", "pigeon"] {
        let line = text.lines().position(|line| line.contains(wrong)).unwrap() + 1;
        assert!(said.contains(&format!("default.yaml:{line}:")), "{wrong}: {said}");
    }
    for path in ["/nowhere/at/all", "/dev/null"] {
        let (code, said) = Start::before("http://127.0.0.1:1").policies(path.as_ref()).refused();
        assert!(code == Some(2) && said.contains(path), "{said}");
    }
}
