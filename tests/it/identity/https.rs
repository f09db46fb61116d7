//! Key sets behind HTTPS: the system's root certificates decide.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use otp_sidecar::identity::fetch::Fetcher;
use otp_sidecar::identity::key_set::KeySet;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::keys::Signer;

/// Set in the process that stands for a sidecar on a system with roots of its own.
const URL: &str = "OTP_SIDECAR_TEST_KEY_SET_URL";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let roots =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.pem", std::process::id()));
        std::fs::write(&roots, pem).unwrap();
        Self { issuer: Issuer::new(params, key), roots }
    }

    fn server(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.roots);
    }
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
    let server = tokio::spawn(serve(listener, ours.server()));

    let trusting = on_a_system_with(&ours.roots, port).await;
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stderr));
    let doubting = on_a_system_with(&other.roots, port).await;
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
