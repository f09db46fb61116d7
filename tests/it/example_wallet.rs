//! The Express wallet of `examples/` behind the sidecar, on TCP and on a unix socket: fund, mail, verify, balance; and
//! the two orders in which a pod ends.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::client::{Answer, Client, JWT_SECRET};
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start, funded, mailbox, wrong};
use crate::support::signal;
use crate::support::wait::until;

/// The wallet, as a process of its own; killed on drop.
struct Wallet {
    process: Child,
    listens_on: String,
}

impl Wallet {
    fn start(variable: &str, value: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/express-wallet");
        let mut process = Command::new("node")
            .arg("server.js")
            .current_dir(folder)
            .env_remove("HOST")
            .env("JWT_SECRET", JWT_SECRET)
            .env(variable, value)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is there; `make test` installs it");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listens_on = line.trim().strip_prefix("listening on ");
        let listens_on =
            listens_on.expect("the wallet starts; `make test` installs what it needs").to_owned();
        Self { process, listens_on }
    }
}

impl Drop for Wallet {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn logged_in(sidecar: &Sidecar, email: &str) -> Client {
    let answer = sidecar.client().post("/user/login", &json!({ "email": email })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    sidecar.client().with_token(answer.json()["token"].as_str().unwrap())
}

async fn lives_through_a_day(upstream: &str) {
    let mailbox = mailbox().await;
    let sidecar = Start::before(upstream).mail(&mailbox).ready();
    let jane = logged_in(&sidecar, "jane@example.com").await;
    let (reference, code) = funded(&jane, &mailbox).await;
    assert_eq!(jane.verify(&reference, &wrong(&code)).await.word(), (400, "otp_invalid".to_owned()));
    assert_eq!(jane.get("/api/wallet/balance").await.json()["balance"], 0, "nothing moves without a code");

    let john = logged_in(&sidecar, "john@example.com").await;
    assert_eq!(john.verify(&reference, &code).await.word(), (400, "otp_not_found".to_owned()));
    let verified = jane.verify(&reference, &code).await;
    assert_eq!((verified.status.as_u16(), &verified.json()["newBalance"]), (200, &json!(5_000)));
    assert_eq!(jane.verify(&reference, &code).await.word(), (400, "otp_used".to_owned()));
    assert_eq!(jane.get("/api/wallet/balance").await.json()["balance"], 5_000);
    assert_eq!(john.get("/api/wallet/balance").await.json()["balance"], 0);
    assert_eq!(jane.fund(5).await.status, 400, "the wallet's own refusals pass");
}

#[tokio::test]
async fn the_express_example_leaves_codes_to_the_sidecar() {
    let wallet = Wallet::start("PORT", "0");
    assert!(wallet.listens_on.starts_with("127.0.0.1:"), "nobody else reaches it: {}", wallet.listens_on);
    lives_through_a_day(&format!("http://{}", wallet.listens_on)).await;
}

#[tokio::test]
async fn the_express_example_works_on_a_unix_socket() {
    let folder = Folder::new();
    let socket = folder.path().join("wallet.sock");
    let wallet = Wallet::start("SOCKET", socket.to_str().unwrap());
    lives_through_a_day(&format!("unix:{}", wallet.listens_on)).await;
}

#[tokio::test]
async fn the_express_example_ends_by_itself_although_the_sidecar_keeps_connections() {
    let mut wallet = Wallet::start("PORT", "0");
    let sidecar = Start::before(&format!("http://{}", wallet.listens_on)).ready();
    assert_eq!(sidecar.client().get("/healthz").await.status, 200);
    signal::send("-TERM", wallet.process.id());
    until("the wallet has ended", PATIENCE, async || wallet.process.try_wait().unwrap().is_some()).await;
    assert_eq!(sidecar.client().get("/healthz").await.word(), (502, "upstream_unavailable".to_owned()));
}

/// Clients that hold on to their connections and call until nobody answers any more.
struct Clients {
    answered: Arc<AtomicUsize>,
    callers: Vec<JoinHandle<Vec<Answer>>>,
}

impl Clients {
    async fn of(sidecar: &Sidecar) -> Self {
        let answered = Arc::new(AtomicUsize::new(0));
        let callers = (0..4).map(|_| {
            let (client, answered) =
                (Client::new(format!("http://{}", sidecar.traffic)), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while let Ok(answer) = client.try_call(Method::GET, "/healthz", &[], Bytes::new()).await {
                    answers.push(answer);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                answers
            })
        });
        let clients = Self { callers: callers.collect(), answered };
        clients.more().await;
        clients
    }

    /// Waits for more answers.
    async fn more(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        until("more is answered", PATIENCE, async || self.answered.load(Ordering::Relaxed) > before + 40)
            .await;
    }

    /// Every answer.
    async fn answers(self) -> Vec<Answer> {
        let mut all = Vec::new();
        for caller in self.callers {
            all.extend(caller.await.unwrap());
        }
        all
    }
}

#[tokio::test]
async fn an_ordinary_sidecar_drains_while_the_wallet_pauses_and_every_answer_is_the_wallets() {
    let wallet = Wallet::start("PORT", "0");
    let sidecar = Start::before(&format!("http://{}", wallet.listens_on)).ready();
    let clients = Clients::of(&sidecar).await;
    sidecar.signal("-TERM");
    let (status, _) = sidecar.ended().await;
    assert!(status.success());
    for answer in clients.answers().await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    drop(wallet);
}

#[tokio::test]
async fn a_native_sidecar_outlives_the_wallet_and_says_so_to_who_still_asks() {
    let mut wallet = Wallet::start("PORT", "0");
    let sidecar = Start::before(&format!("http://{}", wallet.listens_on)).ready();
    let clients = Clients::of(&sidecar).await;
    signal::send("-TERM", wallet.process.id());
    until("the wallet has ended", PATIENCE, async || wallet.process.try_wait().unwrap().is_some()).await;
    clients.more().await;
    sidecar.signal("-TERM");
    let (status, _) = sidecar.ended().await;
    assert!(status.success());
    let answers = clients.answers().await;
    assert!(answers.iter().any(|answer| answer.status == 502), "the wallet was gone for a while");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.word(), (502, "upstream_unavailable".to_owned()));
    }
}
