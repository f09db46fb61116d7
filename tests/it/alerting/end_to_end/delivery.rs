//! The relay is dead, and comes back.

use std::time::Duration;

use otp_sidecar::lab::mailbox;
use tokio::net::TcpSocket;

use super::stage::Stage;
use crate::support::backend::Backend;
use crate::support::sidecar::{Sidecar, Start};

pub struct Relay {
    /// Holds its address; nobody listens.
    dead: Option<TcpSocket>,
    pub sidecars: [Sidecar; 2],
    _backend: Backend,
}

impl Relay {
    /// With a relay that is dead already.
    pub async fn start() -> Self {
        let backend = Backend::start().await;
        let dead = TcpSocket::new_v4().unwrap();
        dead.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let smtp = format!("smtp://{}?tls=none", dead.local_addr().unwrap());
        let sidecars = [0, 1].map(|_| Start::before(&backend.url()).env("OTP_SIDECAR_SMTP", &smtp).ready());
        Self { dead: Some(dead), sidecars, _backend: backend }
    }

    pub async fn play(&mut self, stage: &Stage) {
        let mut users = 0;
        let failing = ["OTPEmailServiceDown", "OTPEmailDeliveryFailing"];
        stage
            .provoke("relay", &failing, async || {
                for sidecar in &self.sidecars {
                    users += 1;
                    sidecar.client().as_user(&format!("user-{users}")).fund(5_000).await;
                }
                tokio::time::sleep(Duration::from_millis(400)).await;
            })
            .await;
        stage.reaches("otp-pages", "relay", "OTPEmailServiceDown").await;
        stage.fires("relay", &["OTPMailWaiting"]).await;
        stage.is_silenced("relay", "OTPMailWaiting").await;

        let listener = self.dead.take().unwrap().listen(64).unwrap();
        let repaired = mailbox::start(listener).unwrap();
        // What waited is accepted now, and all of it is late.
        let late = ["OTPMailBudgetBurnFast", "OTPMailBudgetBurnSlow"];
        stage.fires("relay", &late).await;
        stage.resolves("relay", &failing).await;
        stage.resolves("relay", &["OTPMailWaiting"]).await;
        stage.resolves("relay", &late).await;
        drop(repaired);
    }
}
