//! One HTTP client for one collector, on the runtime of whoever exports.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The most bytes of an answer. A collector says little.
const LONGEST: usize = 64 * 1024;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of roots of trust cannot be read.
    #[error("OTEL_EXPORTER_OTLP_CERTIFICATE: no certificate could be read from {path}: {problem}")]
    Certificate {
        /// The file.
        path: String,
        /// Why not.
        problem: String,
    },
    /// The roots of trust of the system could not be read.
    #[error("exporting traces by https needs the system's root certificates (package ca-certificates): {0}")]
    Roots(String),
    /// TLS could not be set up.
    #[error("TLS for exporting traces could not be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Posts to a collector.
#[derive(Debug)]
pub struct CollectorClient {
    client: Connection,
    attempt: Duration,
    /// What went wrong last, in words: the exporter only says that something did.
    problem: std::sync::Arc<Problem>,
}

/// The last thing that went wrong.
#[derive(Debug, Default)]
pub struct Problem(Mutex<Option<String>>);

impl Problem {
    /// Puts another one in its place.
    pub(super) fn set(&self, problem: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }

    /// Takes it out.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[derive(Debug)]
enum Connection {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl CollectorClient {
    /// For this URL. `attempt` is how long one request may take.
    ///
    /// # Errors
    /// When the certificates for `https` cannot be had.
    pub fn new(endpoint: &str, roots: Option<&Path>, attempt: Duration) -> Result<Self, ClientError> {
        let is_https = endpoint.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        let client = if is_https {
            Connection::Tls(Client::builder(TokioExecutor::new()).build(tls(roots)?))
        } else {
            Connection::Plain(Client::builder(TokioExecutor::new()).build_http())
        };
        Ok(Self { client, attempt, problem: std::sync::Arc::default() })
    }

    /// Where what goes wrong is told.
    pub fn problem(&self) -> std::sync::Arc<Problem> {
        std::sync::Arc::clone(&self.problem)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        let response = match &self.client {
            Connection::Plain(client) => client.request(request).await,
            Connection::Tls(client) => client.request(request).await,
        };
        let (head, body) = response.map_err(|error| with_causes(&error))?.into_parts();
        let body = Limited::new(body, LONGEST).collect().await.map_err(|error| error.to_string())?;
        if !head.status.is_success() {
            self.problem.set(format!("the collector answered {}", head.status));
        }
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = tokio::time::timeout(self.attempt, self.send(request.map(Full::new))).await;
        let problem = match sent {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(problem)) => problem,
            Err(_) => format!("no whole answer within {:?}", self.attempt),
        };
        self.problem.set(problem.clone());
        Err(problem.into())
    }
}

fn tls(roots: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, ClientError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = match roots {
        None => HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| ClientError::Roots(error.to_string()))?,
        Some(path) => {
            let config = ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()?
                .with_root_certificates(read_roots(path)?)
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
    };
    Ok(builder.https_only().enable_http1().build())
}

fn read_roots(path: &Path) -> Result<RootCertStore, ClientError> {
    let wrong = |problem: String| ClientError::Certificate { path: path.display().to_string(), problem };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("there is none in it".to_owned())) } else { Ok(roots) }
}

/// An error with its causes: the outermost alone only says that something failed.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_in_capitals_is_the_same_scheme() {
        for endpoint in ["https://collector/", "HTTPS://collector/"] {
            let roots = Some(Path::new("/nowhere/roots.pem"));
            let made = CollectorClient::new(endpoint, roots, Duration::from_secs(1));
            assert!(matches!(made, Err(ClientError::Certificate { .. })), "{endpoint}");
        }
    }
}
