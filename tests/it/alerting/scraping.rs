//! A real Prometheus reads the sidecar as it is.

use std::time::Duration;

use crate::support::backend::Backend;
use crate::support::prometheus::{Alertmanager, Scraping};
use crate::support::sidecar::{Folder, PATIENCE, Sidecar};
use crate::support::wait::until;

#[tokio::test]
async fn a_prometheus_scrapes_every_family_with_its_labels() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let alertmanager = Alertmanager::start("{ route: { receiver: none }, receivers: [{ name: none }] }");
    assert_eq!(alertmanager.alerts().await, Vec::<serde_json::Value>::new());
    let folder = Folder::new();
    folder.write(
        "one.yaml",
        "groups: [{ name: one, rules: [{ record: twice, expr: 2 * sum(otp_send_total) }] }]",
    );
    let prometheus = Scraping::every(Duration::from_millis(200))
        .target("wallets", "otp-system", "a", sidecar.admin)
        .rules(folder.path().join("*.yaml"))
        .alerting(alertmanager.addr())
        .start()
        .await;
    let sent = prometheus.query("sum by (job, instance, namespace) (otp_send_total)").await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!((sent[0].labels["instance"].as_str(), sent[0].value), ("a", 0.0));
    assert_eq!(prometheus.loaded_rules().await[0]["name"], "twice");
    sidecar.client().as_user("jane").fund(5_000).await;
    until("the code is counted", PATIENCE, async || prometheus.value("twice").await == Some(2.0)).await;
    let now = prometheus.value("time()").await.unwrap();
    let series =
        prometheus.query_range("sum(otp_send_total)", now - 5.0, now, Duration::from_millis(200)).await;
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].points.last().unwrap().1, 1.0, "{:?}", series[0]);
    assert!(series[0].labels.is_empty());
}
