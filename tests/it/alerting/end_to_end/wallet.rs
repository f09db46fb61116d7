//! The wallet answers without a reference, then not at all; a sidecar is down; there is no sidecar.

use std::time::Duration;

use http::StatusCode;
use otp_sidecar::lab::mailbox::Mailbox;
use serde_json::json;

use super::stage::{JOB, Stage, TICK};
use crate::support::backend::{Backend, Mood};
use crate::support::prometheus::Scraping;
use crate::support::sidecar::{Folder, Sidecar, Start};

pub struct Wallet {
    pub sidecar: Sidecar,
    backend: Option<Backend>,
    _mailbox: Mailbox,
}

impl Wallet {
    pub async fn start() -> Self {
        let backend = Backend::start().await;
        let (sidecar, mailbox) = Sidecar::with_mail(&backend).await;
        Self { sidecar, backend: Some(backend), _mailbox: mailbox }
    }

    pub async fn play(&mut self, stage: &Stage) {
        let client = self.sidecar.client();
        let backend = self.backend.take().unwrap();
        let mut users = 0;
        stage
            .provoke("wallet", &["OTPCodesNotIssued"], async || {
                users += 1;
                backend.next("/api/wallet/fund", Mood::Answer(StatusCode::OK, json!({ "success": true })));
                client.as_user(&format!("user-{users}")).fund(5_000).await;
                tokio::time::sleep(Duration::from_millis(300)).await;
            })
            .await;
        stage.resolves("wallet", &["OTPCodesNotIssued"]).await;

        let addr = backend.addr().to_string();
        drop(backend);
        stage
            .provoke("wallet", &["OTPUpstreamErrors"], async || {
                client.get("/api/wallet/balance").await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            })
            .await;
        let repaired = Backend::on(&addr).await;
        stage.resolves("wallet", &["OTPUpstreamErrors"]).await;
        drop(repaired);
    }
}

pub struct Down {
    pub sidecar: Option<Sidecar>,
    backend: Backend,
}

impl Down {
    pub async fn start() -> Self {
        let backend = Backend::start().await;
        Self { sidecar: Some(Start::before(&backend.url()).ready()), backend }
    }

    pub async fn play(&mut self, stage: &Stage) {
        let admin = self.sidecar.take().unwrap().admin.to_string();
        stage.fires("down", &["OTPSidecarDown"]).await;
        let repaired = Start::before(&self.backend.url()).env("OTP_SIDECAR_ADMIN_LISTEN", admin).ready();
        stage.resolves("down", &["OTPSidecarDown"]).await;
        drop(repaired);
    }
}

/// A Prometheus of its own that knows no sidecar, and has not loaded the thresholds.
pub async fn nothing_to_scrape(stage: &Stage) {
    let loaded = Folder::new();
    let copy = |name: &str| {
        let rendered = std::fs::read_to_string(stage.rules.path().join(name)).unwrap();
        loaded.write(name, &rendered);
    };
    copy("otp-sidecar.rules.yaml");
    copy("recording.rules.yaml");
    let scraping = || {
        let rules = loaded.path().join("*.yaml");
        Scraping::every(TICK).rules(rules).alerting(stage.everything.addr())
    };
    let prometheus = scraping().start().await;
    let alerts = ["OTPSidecarAbsent", "OTPRulesIncomplete"];
    stage.fires("", &alerts).await;

    copy("thresholds.rules.yaml");
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    prometheus.reconfigure(&scraping().target("", JOB, "found", sidecar.admin));
    stage.resolves("", &alerts).await;
}
