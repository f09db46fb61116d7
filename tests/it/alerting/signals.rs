//! The metrics that exist for the sake of alerts say what is so.

use crate::support::backend::Backend;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start, changed};
use crate::support::smtp::SmtpServer;
use crate::support::wait::until;

async fn becomes(sidecar: &Sidecar, series: &str, value: f64) {
    until(&format!("{series} is {value}"), PATIENCE, async || sidecar.metric(series).await == value).await;
}

#[tokio::test]
async fn a_route_tells_what_it_does_under_the_name_that_the_policy_gives_it_now() {
    let backend = Backend::start().await;
    let policies = Folder::with_shipped(&[]);
    let sidecar = Start::before(&backend.url()).policies(policies.path()).ready();
    for (route, action) in [("fund", "issue"), ("verify", "verify"), ("send", "send"), ("status", "status")] {
        let series = format!("otp_sidecar_route_info{{action=\"{action}\",route=\"{route}\"}}");
        assert_eq!(sidecar.metric(&series).await, 1.0, "{series}");
    }
    policies.write("default.yaml", &changed(&[("- name: verify\n", "- name: check\n")]));
    until("the new name is told", PATIENCE, async || {
        let told = sidecar.operator().get("/metrics").await.text();
        told.contains("otp_sidecar_route_info{action=\"verify\",route=\"check\"} 1")
            && !told.contains("otp_sidecar_route_info{action=\"verify\",route=\"verify\"}")
    })
    .await;
}

#[tokio::test]
async fn a_rejected_policy_is_told_until_a_good_one_is_in_force() {
    let backend = Backend::start().await;
    let policies = Folder::with_shipped(&[]);
    let sidecar = Start::before(&backend.url()).policies(policies.path()).ready();
    let series = "otp_sidecar_policy_last_reload_successful";
    assert_eq!(sidecar.metric(series).await, 1.0);
    policies.write("default.yaml", "version: 1\nlimts: {}\n");
    becomes(&sidecar, series, 0.0).await;
    policies.write("default.yaml", &changed(&[]));
    becomes(&sidecar, series, 1.0).await;
}

#[tokio::test]
async fn that_redis_may_evict_is_noticed_while_the_sidecar_runs() {
    let (backend, redis) = (Backend::start().await, RedisServer::start());
    let sidecar = Start::before(&backend.url()).redis(&redis).ready();
    let series = "otp_sidecar_store_may_evict";
    assert_eq!(sidecar.metric(series).await, 0.0);
    let _ok: String = redis.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    becomes(&sidecar, series, 1.0).await;
    sidecar.logged("Redis may evict keys").await;
    let _ok: String = redis.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    becomes(&sidecar, series, 0.0).await;
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up_and_one_that_is_tried_again_is_not() {
    let (backend, relay) = (Backend::start().await, SmtpServer::start());
    let smtp = format!("smtp://127.0.0.1:{}?tls=none", relay.port("plain"));
    let sidecar = Start::before(&backend.url()).env("OTP_SIDECAR_SMTP", smtp).ready();
    relay.mode("busy", Some(1));
    sidecar.client().as_user("jane").fund(5_000).await;
    becomes(&sidecar, "otp_email_sent_total", 1.0).await;
    assert_eq!(sidecar.metric("otp_email_given_up_total").await, 0.0);
    relay.mode("reject_rcpt", None);
    sidecar.client().as_user("joe").fund(5_000).await;
    becomes(&sidecar, "otp_email_given_up_total", 1.0).await;
}
