//! What went wrong between here and Redis, in words that repeat no argument and no secret.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use redis::{RedisError, ServerError};

/// Why a connection failed, or a call on it.
pub fn describe(error: &RedisError) -> String {
    if let Some(error) = tls_cause(error) {
        return untrusted(error);
    }
    match (error.code(), error.detail()) {
        (Some(code), detail) => without_arguments(code, detail),
        (None, Some(detail)) => without_arguments(error.category(), Some(detail)),
        (None, None) => error.to_string(),
    }
}

/// What Redis answered instead of a value.
pub fn describe_refusal(error: &ServerError) -> String {
    without_arguments(error.code(), error.details())
}

/// Redis repeats the arguments of a command that it does not know, and they name subjects.
fn without_arguments(code: &str, detail: Option<&str>) -> String {
    let detail = detail.unwrap_or_default();
    let told = detail.split(", with args beginning").next().unwrap_or_default();
    let told: String = told.chars().take(160).collect();
    if told.is_empty() { code.to_owned() } else { format!("{code}: {told}") }
}

/// Why an encrypted connection did not come about.
fn untrusted(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    let told = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer => {
                "its certificate comes from an unknown authority; name yours with ?ca=/path/ca.pem in the state URL"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "its certificate is for another host name than the one in the state URL"
            }
            Certificate::Expired | Certificate::ExpiredContext { .. } => "its certificate has expired",
            _ => "its certificate is not valid",
        },
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS on this port; write redis:// for one that does not"
        }
        rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => {
            "it asks for a certificate; name yours with cert=FILE and key=FILE in the state URL, \
             or set tls-auth-clients to no"
        }
        rustls::Error::AlertReceived(_) => "it refused the TLS handshake",
        _ => "the TLS handshake failed",
    };
    told.to_owned()
}

/// The TLS failure among the causes.
fn tls_cause(error: &RedisError) -> Option<&rustls::Error> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // A shared error and an I/O error hide what they hold from `source`.
        next = if let Some(shared) = error.downcast_ref::<Arc<dyn StdError + Send + Sync>>() {
            Some(shared.as_ref())
        } else if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner)
        } else {
            error.source()
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_does_not_repeat_the_arguments() {
        let told = without_arguments(
            "ERR",
            Some("unknown command 'EVALSHA', with args beginning with: '{otp:01}:account:jane@example.com'"),
        );
        assert_eq!(told, "ERR: unknown command 'EVALSHA'");
    }
}
