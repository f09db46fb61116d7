//! Key sets behind HTTPS: the system's root certificates decide.

use std::process::{Command, Output};
use std::sync::Arc;

use otp_sidecar::identity::fetch::Fetcher;
use otp_sidecar::identity::key_set::KeySet;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::keys::Signer;
use crate::support::authority::Authority;

/// Set in the process that stands for a sidecar on a system with roots of its own.
const URL: &str = "OTP_SIDECAR_TEST_KEY_SET_URL";

fn server(authority: &Authority) -> TlsAcceptor {
    let leaf = authority.leaf("localhost");
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.certificate.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn a_key_set_behind_https_is_taken_from_a_server_that_the_system_trusts() {
    if let Ok(url) = std::env::var(URL) {
        let fetched = Fetcher::default().get(&url.parse().unwrap()).await.unwrap();
        assert_eq!(KeySet::parse(&fetched.body).unwrap().len(), 1);
        return;
    }
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(serve(listener, server(&ours)));

    let trusting = on_a_system_with(&ours.file(), port).await;
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stderr));
    let doubting = on_a_system_with(&other.file(), port).await;
    let said = String::from_utf8_lossy(&doubting.stderr);
    assert!(!doubting.status.success() && said.contains("UnknownIssuer"), "{said}");
    server.abort();
}

/// Runs this test once more, in a process whose system trusts only these roots.
async fn on_a_system_with(roots: &std::path::Path, port: u16) -> Output {
    let name = "identity::https::a_key_set_behind_https_is_taken_from_a_server_that_the_system_trusts";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture"])
        .env("SSL_CERT_FILE", roots)
        .env_remove("SSL_CERT_DIR")
        .env(URL, format!("https://localhost:{port}/keys"));
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

async fn serve(listener: TcpListener, tls: TlsAcceptor) {
    let body = json!({ "keys": [Signer::ed25519().jwk("a")] }).to_string();
    let answer =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = tls.accept(socket).await else { continue };
        let _request = stream.read(&mut [0; 4096]).await;
        let _sent = stream.write_all(answer.as_bytes()).await;
        let _closed = stream.shutdown().await;
    }
}
