//! The standard variables: what they do, and what is said when they are wrong.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::collector::Collector;
use super::traced;
use crate::support::backend::Backend;
use crate::support::sidecar::{Folder, Start};

#[tokio::test]
async fn the_process_is_described_and_headers_are_sent_as_the_variables_say() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector)
        .env("OTEL_SERVICE_NAME", "wallet-sidecar")
        .env("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=wallet-0,service.name=other,team=a%2Cb")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=other")
        .env("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-tenant=a%20b")
        .ready();
    sidecar.client().get("/any").await;
    collector.wait_for(2, "GET").await;
    let resource = collector.resource();
    let named = |name: &str| resource.get(name).map(String::as_str);
    assert_eq!(named("service.name"), Some("wallet-sidecar"));
    assert_eq!(named("service.version"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(named("k8s.pod.name"), Some("wallet-0"));
    assert_eq!(named("team"), Some("a,b"));
    assert_eq!(named("telemetry.sdk.name"), Some("opentelemetry"));
    assert_eq!(named("service.instance.id").map(str::len), Some(32));
    let post = collector.posts().remove(0);
    assert_eq!(post.path, "/v1/traces");
    assert_eq!(post.headers["content-type"], "application/x-protobuf");
    assert_eq!(post.headers["x-tenant"], "a b");
}

#[tokio::test]
async fn an_endpoint_for_traces_alone_is_taken_as_it_is_and_comes_first() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/take/these", collector.url()))
        .ready();
    sidecar.client().get("/any").await;
    collector.wait_for(2, "GET").await;
    assert_eq!(collector.posts()[0].path, "/take/these");
}

#[tokio::test]
async fn a_collector_behind_https_is_believed_if_its_root_is_given_and_only_then() {
    let folder = Folder::new();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    folder.write("root.pem", &params.self_signed(&root_key).unwrap().pem());
    let root = folder.path().join("root.pem");
    let issuer = Issuer::new(params, root_key);
    let backend = Backend::start().await;
    let collector = Collector::behind(Some(acceptor(&issuer))).await;

    let trusting = traced(&backend, &collector).env("OTEL_EXPORTER_OTLP_CERTIFICATE", &root).ready();
    trusting.client().get("/any").await;
    collector.wait_for(2, "GET").await;

    let doubting = traced(&backend, &collector).env("SSL_CERT_FILE", other_root(&folder)).ready();
    doubting.client().get("/any").await;
    let line = doubting.logged("traces are lost").await;
    assert!(line.contains("certificate"), "{line}");
    assert_eq!(collector.spans().len(), 2);
}

fn acceptor(issuer: &Issuer<'_, KeyPair>) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = params.signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn other_root(folder: &Folder) -> PathBuf {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    folder.write("other.pem", &params.self_signed(&key).unwrap().pem());
    folder.path().join("other.pem")
}

#[tokio::test]
async fn a_key_in_the_query_of_the_endpoint_is_sent_and_not_logged() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let endpoint = format!("{}/v1/traces?key=hunter2", collector.url());
    let sidecar = traced(&backend, &collector).env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint).ready();
    let lines = sidecar.lines().concat();
    assert!(lines.contains("traces are exported") && !lines.contains("hunter2"), "{lines}");
}

#[tokio::test]
async fn what_has_no_effect_is_told_at_start() {
    let (backend, collector) = (Backend::start().await, Collector::start().await);
    let sidecar = traced(&backend, &collector)
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .env("OTEL_PROPAGATORS", "b3")
        .ready();
    let lines = sidecar.lines().concat();
    assert!(lines.contains("OTEL_EXPORTER_OTLP_COMPRESSION: has no effect"), "{lines}");
    assert!(lines.contains("OTEL_PROPAGATORS: has no effect"), "{lines}");
}

#[test]
fn a_wrong_variable_keeps_it_from_starting_and_all_are_named_at_once() {
    let start =
        Start::before("http://127.0.0.1:1").env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let (code, said) = start
        .env("OTEL_TRACES_SAMPLER", "sometimes")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")
        .env("OTP_SIDECAR_DRAIN", "soon")
        .refused();
    assert_eq!(code, Some(2), "{said}");
    for variable in
        ["OTEL_TRACES_SAMPLER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS", "--drain"]
    {
        assert!(said.contains(&format!("error: {variable}: ")), "{variable} is not named: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}
