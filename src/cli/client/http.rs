//! The admin listener of a running sidecar, asked by HTTP or HTTPS. Nothing is retried and no redirect is
//! followed: it would hand the admin token to somebody else.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::config::access::AdminSettings;

/// The most bytes of an answer.
const LONGEST: usize = 16 * 1024 * 1024;

const MAYBE: &str = "; what was asked for may have been done: look before you repeat it";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Unanswered {
    /// Nobody listens there.
    #[error("no sidecar answers at {url} ({problem})")]
    Unreachable {
        /// Where.
        url: String,
        /// Why not.
        problem: String,
    },
    /// It took too long.
    #[error("no answer from {url} within {timeout:?}{}", if *sent { MAYBE } else { "" })]
    Late {
        /// Where.
        url: String,
        /// How long was waited.
        timeout: Duration,
        /// Whether the request may have been taken.
        sent: bool,
    },
    /// It broke off. A change may have been made.
    #[error("{url} broke off ({problem}){MAYBE}")]
    BrokeOff {
        /// Where.
        url: String,
        /// How.
        problem: String,
    },
    /// Somebody else listens there.
    #[error("{url} is no admin listener of otp-sidecar: {problem}. Where is it? (--admin URL)")]
    Other {
        /// Where.
        url: String,
        /// What gives it away.
        problem: String,
    },
    /// The token is missing or wrong.
    #[error(
        "{url} does not take {what}: give the file that the sidecar was started with (--admin-token-file)"
    )]
    Token {
        /// Where.
        url: String,
        /// What was presented.
        what: &'static str,
    },
    /// The roots of trust of the system could not be read.
    #[error("HTTPS needs the system's root certificates (package ca-certificates): {0}")]
    Roots(String),
    /// The token cannot be sent.
    #[error("the admin token has characters that no header can carry")]
    UnsendableToken,
}

impl Unanswered {
    /// Whether nobody was there at all.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Late { sent: false, .. })
    }
}

enum Connections {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// An admin listener.
pub(in crate::cli) struct AdminListener {
    connections: Connections,
    url: Url,
    bearer: Option<Zeroizing<String>>,
    timeout: Duration,
}

impl AdminListener {
    /// For these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// When `https` is wanted and the certificates cannot be had.
    pub(super) async fn new(settings: AdminSettings) -> Result<Self, Unanswered> {
        let builder = Client::builder(TokioExecutor::new());
        let connections = if settings.url.scheme() == "https" {
            let connector = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
                .map_err(|error| Unanswered::Roots(error.to_string()))?;
            Connections::Tls(builder.build(connector.https_only().enable_http1().build()))
        } else {
            Connections::Plain(builder.build_http())
        };
        let bearer = settings.token.map(|token| Zeroizing::new(format!("Bearer {}", token.as_str())));
        Ok(Self { connections, url: settings.url, bearer, timeout: settings.timeout })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Whether a sidecar answers there.
    ///
    /// # Errors
    /// When nobody does, or somebody else.
    pub(super) async fn probe(&self) -> Result<(), Unanswered> {
        let answer = self.exchange("GET", "/livez", None, false).await;
        let (status, body) = answer.map_err(|problem| match problem {
            Unanswered::BrokeOff { problem, .. } => self.other(problem),
            problem => problem,
        })?;
        if status == 200 && body.as_ref() == b"ok" {
            return Ok(());
        }
        Err(self.other(format!("its /livez answers {status}")))
    }

    /// One call: the status, and the document.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), Unanswered> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        let (status, body) = self.exchange(method, path, body, true).await?;
        if status == 401 {
            let what =
                if self.bearer.is_some() { "this admin token" } else { "calls without an admin token" };
            return Err(Unanswered::Token { url: self.url().to_owned(), what });
        }
        match serde_json::from_slice::<Value>(&body) {
            Ok(document) if document.is_object() => Ok((status, document)),
            _ => Err(self.other(format!("its {path} answers {status} without a document"))),
        }
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<Bytes>,
        with_token: bool,
    ) -> Result<(u16, Bytes), Unanswered> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url()))
            .header(header::USER_AGENT, concat!("otp-sidecar/", env!("CARGO_PKG_VERSION")));
        if let Some(bearer) = self.bearer.as_ref().filter(|_| with_token) {
            request = request.header(header::AUTHORIZATION, bearer.as_str());
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body.unwrap_or_default()));
        let request = request.map_err(|_| Unanswered::UnsendableToken)?;
        let late =
            || Unanswered::Late { url: self.url().to_owned(), timeout: self.timeout, sent: with_token };
        tokio::time::timeout(self.timeout, self.in_time(request)).await.map_err(|_| late())?
    }

    async fn in_time(&self, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), Unanswered> {
        let response = match &self.connections {
            Connections::Plain(client) => client.request(request).await,
            Connections::Tls(client) => client.request(request).await,
        };
        let response: Response<Incoming> = response.map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| Unanswered::BrokeOff {
            url: self.url().to_owned(),
            problem: error.to_string(),
        })?;
        Ok((status, body.to_bytes()))
    }

    fn failed(&self, error: &legacy::Error) -> Unanswered {
        let url = self.url().to_owned();
        let problem = innermost(error);
        if error.is_connect() {
            Unanswered::Unreachable { url, problem }
        } else {
            Unanswered::BrokeOff { url, problem }
        }
    }

    fn other(&self, problem: String) -> Unanswered {
        Unanswered::Other { url: self.url().to_owned(), problem }
    }
}

/// The cause of all causes: the outer ones only say that something failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
