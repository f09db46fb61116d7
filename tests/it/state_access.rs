//! Ways to Redis: TLS with a private authority, a user with a password, a unix socket; and what is said
//! when one of them does not work.

use std::path::{Path, PathBuf};

use otp_sidecar::lab::mailbox::Mailbox;

use crate::support::authority::Authority;
use crate::support::backend::Backend;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, Start, funded, mailbox, wrong};

/// The user that the page about state makes, with this password.
fn documented_user(password: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/state.md");
    let page = std::fs::read_to_string(page).unwrap();
    let command = page.lines().find(|line| line.starts_with("ACL SETUSER sidecar ")).unwrap();
    command.split(' ').map(|word| word.replace("PASSWORD", password)).collect()
}

struct World {
    backend: Backend,
    mailbox: Mailbox,
}

impl World {
    async fn new() -> Self {
        Self { backend: Backend::start().await, mailbox: mailbox().await }
    }

    fn start(&self, state: &str) -> Start {
        let start = Start::before(&self.backend.url()).mail(&self.mailbox);
        start.env("OTP_SIDECAR_STATE", state).env("OTP_SIDECAR_STORE_DEADLINE", "5s")
    }

    /// Fund, a wrong code, the right code, balance.
    async fn funds_a_wallet(&self, state: &str) {
        let sidecar = self.start(state).ready();
        let jane = sidecar.client().as_user("jane");
        let (reference, code) = funded(&jane, &self.mailbox).await;
        assert_eq!(jane.verify(&reference, &wrong(&code)).await.word(), (400, "otp_invalid".to_owned()));
        assert_eq!(jane.verify(&reference, &code).await.status, 200);
        assert_eq!(self.backend.balance(), 5_000);
        let health = sidecar.operator().get("/health").await.json();
        assert_eq!(health["state"]["status"], "up", "{health}");
        assert_eq!(sidecar.operator().get("/readyz").await.status, 200);
        // The second look counts what the first one failed at.
        sidecar.operator().get("/metrics").await;
        let refused = "otp_sidecar_store_errors_total{op=\"census\",reason=\"failed\"}";
        assert_eq!(sidecar.metric(refused).await, 0.0);
    }

    /// No way to Redis: said in the log, visible in health, and no code is made.
    async fn is_refused(&self, state: &str, why: &'static str) {
        let sidecar = self.start(state).ready();
        let line = sidecar.logged("the store does not answer yet").await;
        assert!(line.contains(why), "{line}");
        let jane = sidecar.client().as_user("jane");
        assert_eq!(jane.fund(5_000).await.word(), (503, "state_unavailable".to_owned()));
        assert!(self.backend.seen().is_empty());
        let state = sidecar.operator().get("/health").await.json()["state"].clone();
        assert_eq!(state, serde_json::json!({ "status": "down", "reason": "unreachable" }));
        assert!(sidecar.lines().iter().all(|line| !line.contains("hunter2")));
    }
}

/// A server that also speaks TLS, with a certificate for this host.
fn with_tls(authority: &Authority, host: &str, asks_for_certificates: bool) -> RedisServer {
    let (certificate, key) = authority.leaf_files(host);
    let text = |path: &Path| path.display().to_string();
    RedisServer::start_with(|port| {
        let settings = [
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", text(&certificate)),
            ("--tls-key-file", text(&key)),
            ("--tls-ca-cert-file", text(&authority.file())),
            ("--tls-auth-clients", if asks_for_certificates { "yes" } else { "no" }.to_owned()),
        ];
        settings.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    })
}

fn over_tls(server: &RedisServer, ca: &Path) -> String {
    format!("rediss://127.0.0.1:{}/0?ca={}", server.other_port(), ca.display())
}

/// The user of the page with a password; nobody else gets in.
fn lock_up(server: &RedisServer) {
    let user = documented_user("hunter2/@");
    server.ask::<()>(&user.iter().map(String::as_str).collect::<Vec<_>>());
    server.ask::<()>(&["ACL", "SETUSER", "default", "resetpass"]);
}

#[tokio::test]
async fn a_wallet_is_funded_over_tls_with_a_private_authority() {
    let (world, authority) = (World::new().await, Authority::new("ours"));
    let server = with_tls(&authority, "127.0.0.1", false);
    world.funds_a_wallet(&over_tls(&server, &authority.file())).await;
}

#[tokio::test]
async fn a_wallet_is_funded_over_tls_with_a_certificate_of_ones_own() {
    let (world, authority) = (World::new().await, Authority::new("ours"));
    let server = with_tls(&authority, "127.0.0.1", true);
    let url = over_tls(&server, &authority.file());
    let (certificate, key) = authority.leaf_files("sidecar");
    world.is_refused(&url, "asks for a certificate").await;
    world.funds_a_wallet(&format!("{url}&cert={}&key={}", certificate.display(), key.display())).await;
}

#[tokio::test]
async fn an_authority_that_is_not_ours_vouches_for_nobody() {
    let (world, ours, other) = (World::new().await, Authority::new("ours"), Authority::new("other"));
    let server = with_tls(&other, "127.0.0.1", false);
    let why = "its certificate comes from an unknown authority; name yours with ?ca=";
    world.is_refused(&over_tls(&server, &ours.file()), why).await;
    // Neither does the system's list.
    world.is_refused(&format!("rediss://127.0.0.1:{}/", server.other_port()), why).await;
}

#[tokio::test]
async fn a_certificate_for_another_host_name_is_refused() {
    let (world, authority) = (World::new().await, Authority::new("ours"));
    let server = with_tls(&authority, "redis.example", false);
    world.is_refused(&over_tls(&server, &authority.file()), "is for another host name").await;
}

#[tokio::test]
async fn tls_to_a_port_without_it_is_told_apart() {
    let (world, authority, server) = (World::new().await, Authority::new("ours"), RedisServer::start());
    let url = format!("{}?ca={}", server.url().replace("redis:", "rediss:"), authority.file().display());
    world.is_refused(&url, "does it speak TLS on this port?").await;
}

#[tokio::test]
async fn a_user_with_few_rights_and_a_password_is_enough() {
    let (world, server) = (World::new().await, RedisServer::start());
    lock_up(&server);
    let as_user = |login: &str| server.url().replace("://", &format!("://{login}@"));
    world.is_refused(&as_user("sidecar:hunter2"), "WRONGPASS").await;
    world.is_refused(&server.url(), "NOAUTH").await;
    world.funds_a_wallet(&as_user("sidecar:hunter2%2F%40")).await;
}

#[tokio::test]
async fn a_wallet_is_funded_over_a_unix_socket() {
    let (world, folder) = (World::new().await, Folder::new());
    let socket: PathBuf = folder.path().join("redis.sock");
    let path = socket.display().to_string();
    let server = RedisServer::start_with(|_| vec!["--unixsocket".to_owned(), path.clone()]);
    lock_up(&server);
    let url = format!("redis+unix://{path}");
    world.is_refused(&format!("{url}.gone"), "No such file").await;
    world.is_refused(&format!("{url}?user=sidecar&pass=hunter2"), "WRONGPASS").await;
    world.funds_a_wallet(&format!("{url}?db=0&user=sidecar&pass=hunter2%2F%40")).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_at_start_with_what_to_do() {
    let (backend, folder) = (Backend::start().await, Folder::new());
    folder.write("empty.pem", "");
    let missing = folder.path().join("missing.pem");
    let empty = folder.path().join("empty.pem");
    for (file, advice) in [(&missing, "a PEM file that the sidecar may read"), (&empty, "in PEM")] {
        let file = file.display().to_string();
        let state = format!("rediss://:hunter2@127.0.0.1:1/?ca={file}");
        let smtp = format!("smtp://u:hunter2@127.0.0.1:1?ca={file}");
        for (variable, value) in [("OTP_SIDECAR_STATE", &state), ("OTP_SIDECAR_SMTP", &smtp)] {
            let (code, said) = Start::before(&backend.url()).env(variable, value).refused();
            assert_eq!(code, Some(2), "{said}");
            assert!(said.contains(&file) && said.contains(advice) && !said.contains("hunter2"), "{said}");
        }
    }
}
