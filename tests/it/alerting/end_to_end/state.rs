//! Redis may evict, is dead, is slow; and replicas read it with different keys.

use std::time::Duration;

use futures_util::future::join_all;

use super::stage::Stage;
use crate::support::backend::Backend;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Sidecar, Start};

pub struct DeadStore {
    redis: RedisServer,
    pub sidecars: Vec<Sidecar>,
    _backend: Backend,
}

impl DeadStore {
    pub async fn start() -> Self {
        let (backend, redis) = (Backend::start().await, RedisServer::start());
        let sidecars = (0..2).map(|_| Start::before(&backend.url()).redis(&redis).ready()).collect();
        Self { redis, sidecars, _backend: backend }
    }

    pub async fn play(&mut self, stage: &Stage) {
        let policy = |name: &str| {
            let _ok: String = self.redis.ask(&["CONFIG", "SET", "maxmemory-policy", name]);
        };
        policy("allkeys-lru");
        stage.fires("store", &["OTPStoreMayEvict"]).await;
        policy("noeviction");
        stage.resolves("store", &["OTPStoreMayEvict"]).await;

        self.redis.kill();
        let mut users = 0;
        let failing = ["OTPStoreErrors", "OTPVerificationBudgetBurnFast", "OTPVerificationBudgetBurnSlow"];
        stage
            .provoke("store", &failing, async || {
                for sidecar in &self.sidecars {
                    users += 1;
                    let user = sidecar.client().as_user(&format!("user-{users}"));
                    assert_eq!(user.verify("FUND-1", "000000").await.status, 503);
                }
                tokio::time::sleep(Duration::from_millis(400)).await;
            })
            .await;
        stage.reaches("otp-pages", "store", "OTPStoreErrors").await;
        stage.is_silenced("store", "OTPVerificationBudgetBurnFast").await;
        self.redis.restart();
        stage.resolves("store", &failing).await;
    }
}

pub struct SlowStore {
    redis: RedisServer,
    pub sidecar: Sidecar,
    _backend: Backend,
}

impl SlowStore {
    pub async fn start() -> Self {
        let (backend, redis) = (Backend::start().await, RedisServer::start());
        let start = Start::before(&backend.url()).redis(&redis).flag("--store-deadline", "2s");
        Self { sidecar: start.ready(), redis, _backend: backend }
    }

    /// Redis pauses before each round of calls.
    pub async fn play(&self, stage: &Stage) {
        let user = self.sidecar.client().as_user("jane");
        let slow = ["OTPStoreSlow", "OTPLatencyBudgetBurnFast", "OTPLatencyBudgetBurnSlow"];
        stage
            .provoke("slow", &slow, async || {
                let _ok: String = self.redis.ask(&["CLIENT", "PAUSE", "160", "ALL"]);
                join_all((0..20).map(|_| user.status("wallet_funding"))).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            })
            .await;
        stage.resolves("slow", &slow).await;
    }
}

pub struct TwoKeys {
    pub sidecars: [Sidecar; 2],
    _redis: RedisServer,
    _backend: Backend,
}

impl TwoKeys {
    pub async fn start() -> Self {
        let (backend, redis) = (Backend::start().await, RedisServer::start());
        let start = || Start::before(&backend.url()).redis(&redis);
        let other_key = "t2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
        let sidecars = [start().ready(), start().env("OTP_SIDECAR_CODE_KEYS", other_key).ready()];
        Self { sidecars, _redis: redis, _backend: backend }
    }

    /// Made by one replica, presented to the other.
    pub async fn play(&self, stage: &Stage) {
        let [makes, checks] = self.sidecars.each_ref().map(Sidecar::client);
        let mut users = 0;
        let alert = ["OTPCodesOfUnknownKey"];
        stage
            .provoke("keys", &alert, async || {
                users += 1;
                let name = format!("user-{users}");
                let answer = makes.as_user(&name).fund(5_000).await;
                let reference = answer.json()["transactionReference"].as_str().unwrap().to_owned();
                checks.as_user(&name).verify(&reference, "000000").await;
                tokio::time::sleep(Duration::from_millis(300)).await;
            })
            .await;
        stage.resolves("keys", &alert).await;
    }
}
