//! Settings that need a restart: flags of `serve`, each also an environment variable. Everything an
//! operator tunes while the sidecar runs is policy, not here.

pub mod access;
pub mod audit;
pub mod duration;
pub mod flags;
pub mod mail;
pub mod problems;
pub mod secret;
pub mod target;
pub mod typed;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::delivery::target::SmtpTarget;
use crate::domain::keyring::KeyId;
use crate::proxy::target::Target;
use crate::telemetry::audit::settings::AuditSettings;
use crate::telemetry::log::Format;
use crate::telemetry::otlp;

/// Every setting, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the wallet's traffic arrives.
    pub listen: SocketAddr,
    /// Where operators ask.
    pub admin_listen: SocketAddr,
    /// What an operator must present for what changes something.
    pub admin_token: Option<AdminToken>,
    /// The wallet backend.
    pub upstream: Target,
    /// A policy file, or a folder of them.
    pub policies: PathBuf,
    /// Where state is kept.
    pub state: StateTarget,
    /// The mail relay and the sender.
    pub mail: Option<Mail>,
    /// The configured keys, newest first. Empty: one is generated.
    pub code_keys: Vec<(KeyId, Zeroizing<[u8; 32]>)>,
    /// How long a call of the store may take.
    pub store_deadline: Duration,
    /// How long the upstream may take to begin its answer.
    pub upstream_timeout: Duration,
    /// How long connecting to the upstream may take.
    pub connect_timeout: Duration,
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long requests in flight may take after a stop was asked for.
    pub drain: Duration,
    /// How many client connections there may be.
    pub max_connections: usize,
    /// The longest body on intercepted routes, in bytes.
    pub max_body: usize,
    /// How log lines look.
    pub log: Format,
    /// The audit log, if there is to be one.
    pub audit: Option<AuditSettings>,
    /// Where traces go; nowhere, if it is not said.
    pub tracing: Option<otlp::settings::Settings>,
}

/// The mail relay and the sender.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The relay.
    pub relay: SmtpTarget,
    /// The sender's address.
    pub from: String,
}

/// Where state is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum StateTarget {
    /// In this process: one replica, lost at a restart.
    Memory,
    /// In the Redis behind this URL, which may hold a password.
    Redis(String),
}

impl std::fmt::Debug for StateTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Redis(_) => "redis",
        })
    }
}

/// The fewest characters of an admin token. A random one of these cannot be guessed; a word can.
const SHORTEST_ADMIN_TOKEN: usize = 16;

/// The admin token, compared without telling where it differs.
#[derive(Clone)]
pub struct AdminToken(std::sync::Arc<Zeroizing<String>>);

impl AdminToken {
    /// Takes a token that can be presented, and not be guessed if it is random.
    ///
    /// # Errors
    /// A sentence that says what to write, and does not repeat the token.
    pub fn new(token: Zeroizing<String>) -> Result<Self, String> {
        const MAKE: &str = "make one with: openssl rand -hex 24";
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "the token must be one line of letters, digits and signs of ASCII without spaces, or no call can \
                 present it; {MAKE}"
            ));
        }
        if token.len() < SHORTEST_ADMIN_TOKEN {
            return Err(format!(
                "the token has {} characters, and can be guessed: write at least {SHORTEST_ADMIN_TOKEN}; {MAKE}",
                token.len()
            ));
        }
        Ok(Self(std::sync::Arc::new(token)))
    }

    /// Whether this is the token.
    pub fn is(&self, presented: &str) -> bool {
        use subtle::ConstantTimeEq;
        bool::from(self.0.as_bytes().ct_eq(presented.as_bytes()))
    }
}

impl std::fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Result<AdminToken, String> {
        AdminToken::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_token_that_can_be_guessed_or_never_be_presented_is_refused_without_repeating_it() {
        assert!(token("0123456789abcdef").unwrap().is("0123456789abcdef"));
        for (text, word) in [
            ("0123456789abcde", "at least 16"),
            ("0123456789abcdef ", "without spaces"),
            ("0123456789\n0123456789", "one line"),
            ("t\u{f6}ken-with-sixteen", "ASCII"),
        ] {
            let problem = token(text).unwrap_err();
            let repeated = problem.contains(text.trim());
            assert!(problem.contains(word) && problem.contains("openssl rand") && !repeated, "{problem}");
        }
    }
}
