//! TLS to a wallet: certificates are always checked.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use hyper_rustls::ConfigBuilderExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What a handshake shows.
pub(in crate::cli) struct Handshake {
    /// The version of TLS, such as `TLS 1.3`.
    pub(in crate::cli) version: String,
    /// The server's own certificate (DER).
    pub(in crate::cli) certificate: Option<Vec<u8>>,
}

impl Handshake {
    pub(super) fn of(stream: &TlsStream<TcpStream>) -> Self {
        let (_, session) = stream.get_ref();
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
            other => format!("{other:?}"),
        };
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        Self { version, certificate: certificate.map(|certificate| certificate.to_vec()) }
    }
}

/// Trusts the authorities in the file, or the system's.
pub(super) fn config(ca: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?;
    let builder = match ca {
        Some(path) => builder.with_root_certificates(authorities(path)?),
        None => builder
            .with_native_roots()
            .context("https needs the system's root certificates (package ca-certificates), or --ca FILE")?,
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn authorities(path: &Path) -> anyhow::Result<RootCertStore> {
    let read = || format!("cannot use {}, which --ca names: it must be a PEM file", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).with_context(read)? {
        roots.add(certificate.with_context(read)?).with_context(read)?;
    }
    if roots.is_empty() {
        return Err(anyhow!("{}, which --ca names, holds no certificate", path.display()));
    }
    Ok(roots)
}

/// The handshake.
pub(super) async fn connect(
    config: &Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> anyhow::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).context("the host has no name for a certificate")?;
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
        .with_context(|| format!("no encrypted connection to {host} that can be trusted"))
}
