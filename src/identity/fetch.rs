//! Reading one small document by HTTP or HTTPS, with bounds on time and size.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::OnceCell;
use url::Url;

/// How long a fetch may take, from connecting to the last byte.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// The most bytes of a document.
pub const LONGEST: usize = 256 * 1024;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It took too long.
    #[error("no whole answer within {DEADLINE:?}")]
    Deadline,
    /// The server could not be reached, or broke off.
    #[error("the request failed: {0}")]
    Request(String),
    /// Redirects are not followed: they would let another host name the keys.
    #[error("the answer has status {0} instead of 200")]
    Status(StatusCode),
    /// The document is longer than [`LONGEST`], or broke off.
    #[error("the answer could not be read whole (at most {LONGEST} bytes): {0}")]
    Body(String),
    /// The roots of trust of the system could not be read.
    #[error("HTTPS needs the system's root certificates (package ca-certificates): {0}")]
    Roots(String),
}

/// A document.
#[derive(Debug)]
pub struct Fetched {
    /// Its bytes.
    pub body: Bytes,
    /// How long it may be used, as `Cache-Control` says.
    pub max_age: Option<Duration>,
}

type Tls = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// An HTTP client. The system's root certificates are read at the first use of HTTPS, not before.
pub struct Fetcher {
    plain: Client<HttpConnector, Empty<Bytes>>,
    tls: OnceCell<Tls>,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetcher")
    }
}

impl Default for Fetcher {
    fn default() -> Self {
        // Fetches are minutes apart: an idle connection would only go stale.
        let plain = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { plain, tls: OnceCell::new() }
    }
}

impl Fetcher {
    /// Gets the document behind `url`, which must be `http` or `https`.
    ///
    /// # Errors
    /// Any failure; nothing is retried here.
    pub async fn get(&self, url: &Url) -> Result<Fetched, FetchError> {
        tokio::time::timeout(DEADLINE, self.get_in_time(url)).await.map_err(|_| FetchError::Deadline)?
    }

    async fn get_in_time(&self, url: &Url) -> Result<Fetched, FetchError> {
        let request = Request::get(url.as_str())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "otp-sidecar")
            .body(Empty::new())
            .map_err(|error| FetchError::Request(error.to_string()))?;
        let response = if url.scheme() == "https" {
            self.tls.get_or_try_init(tls_client).await?.request(request).await
        } else {
            self.plain.request(request).await
        };
        read(response.map_err(|error| FetchError::Request(with_causes(&error)))?).await
    }
}

async fn read(response: Response<Incoming>) -> Result<Fetched, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let max_age = response.headers().get_all(CACHE_CONTROL).iter().find_map(max_age);
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    let body = body.map_err(|error| FetchError::Body(error.to_string()))?.to_bytes();
    Ok(Fetched { body, max_age })
}

fn max_age(value: &HeaderValue) -> Option<Duration> {
    let directives = value.to_str().ok()?.split(',');
    directives.filter_map(|directive| directive.trim().split_once('=')).find_map(|(name, seconds)| {
        let seconds = seconds.trim_matches('"').parse().ok()?;
        name.eq_ignore_ascii_case("max-age").then(|| Duration::from_secs(seconds))
    })
}

async fn tls_client() -> Result<Tls, FetchError> {
    let connector = tokio::task::spawn_blocking(|| {
        HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map(|builder| builder.https_only().enable_http1().build())
    });
    let connector = connector.await.map_err(|error| FetchError::Roots(error.to_string()))?;
    let connector = connector.map_err(|error| FetchError::Roots(error.to_string()))?;
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

/// An error with its causes: the outermost alone only says that something failed.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_live_is_read_from_among_other_directives() {
        for (value, seconds) in [
            ("max-age=60", Some(60)),
            ("public, Max-Age=\"7\", must-revalidate", Some(7)),
            ("s-maxage=5", None),
            ("no-store", None),
            ("max-age=x", None),
            ("max-age=-1", None),
        ] {
            let found = max_age(&HeaderValue::from_static(value));
            assert_eq!(found.map(|age| age.as_secs()), seconds, "{value}");
        }
    }
}
