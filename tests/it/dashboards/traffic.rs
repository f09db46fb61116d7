//! Two sidecars with everything that they need, and an eventful day of theirs in a minute.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

use super::shipped::root;
use crate::support::backend::{Backend, Mood};
use crate::support::client::Client;
use crate::support::prometheus::{Prometheus, Scraping};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start, changed, wrong};
use crate::support::smtp::SmtpServer;
use crate::support::wait::until;

/// How often Prometheus looks.
const SCRAPE: Duration = Duration::from_secs(1);

const FUNDING: &str = "wallet_funding";

/// Everybody comes from one address here, which is not to be what limits them.
const ROOMY: (&str, &str) = ("send-ip:      { max: 60,", "send-ip:      { max: 6000,");

pub struct Scene {
    pub prometheus: Prometheus,
    sidecars: [Sidecar; 2],
    policies: Folder,
    redis: RedisServer,
    relay: SmtpServer,
    backend: Backend,
    /// Whether the relay takes mails.
    relay_works: AtomicBool,
}

impl Scene {
    /// Starts everything, with the shipped policy and the shipped rules.
    pub async fn start() -> Self {
        let (backend, relay, redis) = (Backend::start().await, SmtpServer::start(), RedisServer::start());
        let policies = Folder::with_shipped(&[ROOMY]);
        let sidecar = || {
            let relay = format!("smtp://127.0.0.1:{}?tls=none", relay.port("plain"));
            let start = Start::before(&backend.url()).redis(&redis).policies(policies.path());
            start.env("OTP_SIDECAR_SMTP", relay).ready()
        };
        let sidecars = [sidecar(), sidecar()];
        let prometheus = Scraping::every(SCRAPE)
            .target("wallets", "otp-sidecar", "wallet-0", sidecars[0].admin)
            .target("wallets", "otp-sidecar", "wallet-1", sidecars[1].admin)
            .rules(root().join("alerts/*.rules.yaml"))
            .start()
            .await;
        Self { prometheus, sidecars, policies, redis, relay, backend, relay_works: AtomicBool::new(true) }
    }

    /// Lives through so many scrapes. What happens when is a share of them, so that a longer run is the same story.
    pub async fn live(&self, scrapes: usize) {
        let at = |percent: usize| scrapes * percent / 100;
        for round in 0..scrapes {
            self.everyday(round).await;
            if (at(25)..=at(40)).contains(&round) {
                self.guess(round).await;
            }
            if round == at(15) {
                self.change_policy("max: 15,", "max: 16,", "ok").await;
            }
            if round == at(45) {
                self.relay_works.store(false, Ordering::Relaxed);
                self.relay.mode("busy", None);
            }
            if round == at(60) {
                self.relay_works.store(true, Ordering::Relaxed);
                self.relay.mode("ok", None);
            }
            if round == at(65) {
                self.change_policy("max: 15,", "max: many,", "rejected").await;
            }
            if round == at(72) {
                self.change_policy("max: 15,", "max: 17,", "ok").await;
            }
            if round == at(80) {
                self.lose_state().await;
            }
            self.next_scrape().await;
        }
    }

    /// Waits until every sidecar was scraped once more.
    pub async fn next_scrape(&self) {
        let last = || self.prometheus.value("min(timestamp(up))");
        let before = last().await;
        until("a scrape", PATIENCE, async || last().await > before).await;
    }

    /// Somebody at one of the replicas, in turn.
    fn user(&self, round: usize, name: &str) -> Client {
        self.sidecars[round % 2].client().as_user(&format!("{name}-{round}"))
    }

    async fn everyday(&self, round: usize) {
        let client = self.sidecars[round % 2].client();
        client.get("/api/wallet/balance").await;
        client.call(Method::POST, "/echo", &[], Bytes::from_static(b"hello")).await;
        for number in 0..1 + round % 3 {
            self.fund(round, &format!("person{number}")).await;
        }
        self.buy(round).await;
        match round % 6 {
            0 => {
                for _ in 0..6 {
                    client.fund(5).await;
                }
            }
            1 => drop(client.get("/api//wallet/fund").await),
            2 => drop(self.user(round, "thief").send(FUNDING, "else@example.com").await),
            3 => self.send_too_often(round).await,
            4 => self.trouble_at_the_wallet(round).await,
            _ if self.relay_works.load(Ordering::Relaxed) => self.mistype_the_address(round).await,
            _ => {}
        }
    }

    /// Fund, look, mistype, get it right. While the relay is away it ends with the first.
    async fn fund(&self, round: usize, name: &str) {
        let user = self.user(round, name);
        let answer = user.fund(5_000).await;
        user.status(FUNDING).await;
        let promised = answer.json()["otpSent"] == true;
        let Some(code) = self.code(&format!("{name}-{round}"), promised).await else { return };
        let reference = answer.json()["transactionReference"].as_str().unwrap_or_default().to_owned();
        if round.is_multiple_of(4) {
            user.verify(&reference, &wrong(&code)).await;
        }
        user.verify(&reference, &code).await;
        user.verify("FUND-UNKNOWN", &code).await;
    }

    /// A code for a purchase, asked for by `send`.
    async fn buy(&self, round: usize) {
        let user = self.user(round, "buyer");
        let answer = user.send("wallet_deduction", &format!("buyer-{round}@example.com")).await;
        let reference = answer.json()["transactionReference"].as_str().unwrap_or_default().to_owned();
        if let Some(code) = self.code(&format!("buyer-{round}"), answer.status == StatusCode::OK).await {
            user.verify(&reference, &code).await;
        }
    }

    /// The code that was mailed to this subject; none if no mail was promised or none is accepted now.
    async fn code(&self, subject: &str, promised: bool) -> Option<String> {
        if !promised || !self.relay_works.load(Ordering::Relaxed) {
            return None;
        }
        let address = format!("{subject}@example.com");
        let mut code = None;
        until("a mail", PATIENCE, async || {
            code = self.mailed_to(&address);
            code.is_some()
        })
        .await;
        self.relay.clear();
        code
    }

    fn mailed_to(&self, address: &str) -> Option<String> {
        let mails = self.relay.mails();
        let mail = mails.iter().find(|mail| mail.to().contains(&address))?;
        let (_, _, text) = *mail.parts().first()?;
        let is_code = |line: &&str| line.len() == 6 && line.chars().all(|c| c.is_ascii_digit());
        text.lines().map(str::trim).find(is_code).map(str::to_owned)
    }

    /// Three wrong codes lock, and the fourth finds the lock.
    async fn guess(&self, round: usize) {
        let user = self.user(round, "victim");
        let answer = user.fund(5_000).await;
        let reference = answer.json()["transactionReference"].as_str().unwrap_or_default().to_owned();
        for guess in ["000000", "111111", "222222", "333333"] {
            user.verify(&reference, guess).await;
        }
    }

    /// The relay does not know one address. Whichever mail it is that meets this, also one that was busy before, is
    /// given up before anybody's code is looked for again.
    async fn mistype_the_address(&self, round: usize) {
        let before = self.given_up().await;
        self.relay.mode("reject_rcpt", Some(1));
        self.user(round, "mistyped").fund(5).await;
        until("a mail is given up", PATIENCE, async || self.given_up().await > before).await;
    }

    async fn given_up(&self) -> f64 {
        let [one, other] = &self.sidecars;
        let series = "otp_email_given_up_total";
        one.metric(series).await + other.metric(series).await
    }

    async fn send_too_often(&self, round: usize) {
        let user = self.user(round, "hasty");
        for _ in 0..5 {
            user.send(FUNDING, &format!("hasty-{round}@example.com")).await;
        }
    }

    /// An answer without a reference, and none at all.
    async fn trouble_at_the_wallet(&self, round: usize) {
        let user = self.user(round, "unlucky");
        self.backend.next("/api/wallet/fund", Mood::Answer(StatusCode::OK, json!({ "success": true })));
        user.fund(5_000).await;
        self.backend.next("/api/wallet/balance", Mood::Reset);
        user.get("/api/wallet/balance").await;
    }

    /// Writes the shipped policy with a change, and waits until every sidecar has seen it.
    async fn change_policy(&self, from: &str, to: &str, result: &str) {
        let series = format!("otp_sidecar_policy_reloads_total{{result=\"{result}\"}}");
        let mut before = Vec::new();
        for sidecar in &self.sidecars {
            before.push(sidecar.metric(&series).await);
        }
        self.policies.write("default.yaml", &changed(&[ROOMY, (from, to)]));
        for (sidecar, before) in self.sidecars.iter().zip(before) {
            until("the policy was read", PATIENCE, async || sidecar.metric(&series).await > before).await;
        }
    }

    /// Redis stops to answer for some scrapes, and comes back.
    async fn lose_state(&self) {
        self.redis.freeze();
        for round in 0..3 {
            for sidecar in &self.sidecars {
                let user = sidecar.client().as_user("anybody");
                user.fund(5_000).await;
                user.verify("FUND-00001", "123456").await;
                sidecar.client().get("/api/wallet/balance").await;
            }
            // Each scrape asks the state too, and finds it away.
            if round < 2 {
                self.next_scrape().await;
            }
        }
        self.redis.thaw();
        for sidecar in &self.sidecars {
            let user = sidecar.client().as_user("anybody-else");
            let back = async || user.status(FUNDING).await.status != StatusCode::SERVICE_UNAVAILABLE;
            until("the state is back", PATIENCE, back).await;
        }
    }
}
