//! Codes are guessed across many accounts; and single accounts and limits are hammered.

use std::time::Duration;

use futures_util::future::join_all;
use otp_sidecar::lab::mailbox::Mailbox;

use super::stage::Stage;
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::sidecar::Sidecar;

/// Asks for a code and presents another so many times. That the guess is right by chance is one in a
/// million.
async fn guess(user: &Client, times: usize) {
    let answer = user.fund(5_000).await;
    let reference = answer.json()["transactionReference"].as_str().unwrap().to_owned();
    for _ in 0..times {
        user.verify(&reference, "000000").await;
    }
}

pub struct Guessing {
    pub sidecar: Sidecar,
    _mailbox: Mailbox,
    _backend: Backend,
}

impl Guessing {
    pub async fn start() -> Self {
        let backend = Backend::start().await;
        let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
        Self { sidecar, _mailbox: mailbox, _backend: backend }
    }

    /// Two guesses for each account stay under its lock.
    pub async fn play(&self, stage: &Stage) {
        let mut users = 0;
        let client = self.sidecar.client();
        let alerts = ["HighOTPFailureRate", "OTPBruteForce"];
        stage
            .provoke("guessing", &alerts, async || {
                let spread = (users..users + 4).map(|number| client.as_user(&format!("user-{number}")));
                join_all(spread.map(async |user| guess(&user, 2).await)).await;
                users += 4;
                tokio::time::sleep(Duration::from_millis(400)).await;
            })
            .await;
        stage.reaches("otp-pages", "guessing", "OTPBruteForce").await;
        stage.resolves("guessing", &alerts).await;
    }
}

pub struct Hammering {
    pub sidecar: Sidecar,
    _mailbox: Mailbox,
    _backend: Backend,
}

impl Hammering {
    pub async fn start() -> Self {
        let backend = Backend::start().await;
        let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
        Self { sidecar, _mailbox: mailbox, _backend: backend }
    }

    pub async fn play(&self, stage: &Stage) {
        let client = self.sidecar.client();
        let (mut users, mut rounds) = (0, 0);
        // More and more, since on a slow machine a steady attack would soon be what is usual.
        stage
            .provoke("hammering", &["OTPLockSpike"], async || {
                rounds += 1;
                let many = 1 + rounds / 3;
                let attacked = (users..users + many).map(|number| client.as_user(&format!("user-{number}")));
                join_all(attacked.map(async |user| guess(&user, 3).await)).await;
                users += many;
                tokio::time::sleep(Duration::from_millis(500)).await;
            })
            .await;
        stage.reaches("otp-tickets", "hammering", "OTPLockSpike").await;
        let impatient = client.as_user("impatient");
        stage
            .provoke("hammering", &["OTPRateLimitExceeded"], async || {
                join_all((0..15).map(|_| impatient.status("wallet_funding"))).await;
                tokio::time::sleep(Duration::from_millis(300)).await;
            })
            .await;
        stage.resolves("hammering", &["OTPLockSpike", "OTPRateLimitExceeded"]).await;
    }
}
