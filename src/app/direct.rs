//! The calls of the admin listener without a sidecar: straight at the store of a deployment, by its rules.
//!
//! What was done is in the store's own trail. There is no log and no audit log here: those belong to a
//! sidecar.

use std::sync::Arc;

use anyhow::Context as _;
use http::Method;
use serde_json::{Value, json};

use super::host::OsEntropy;
use super::install_tls_provider;
use super::rulebook::{self, Fixed};
use crate::config::StateTarget;
use crate::config::access::StoreSettings;
use crate::config::secret::CodeKeys;
use crate::domain::code::Entropy as _;
use crate::domain::keyring::{KeyId, Keyring};
use crate::policy::snapshot::PolicySnapshot;
use crate::server::admin::operations::Operations;
use crate::server::admin::reply::Call;
use crate::store::redis::{RedisSettings, RedisStore};
use crate::telemetry::recorder::Telemetry;

/// How many calls of the store may be under way at once.
const IN_FLIGHT: usize = 16;

/// Answers calls as the admin listener of a sidecar does.
pub struct Direct {
    operations: Operations,
}

impl Direct {
    /// Prepares everything. The store is not asked yet.
    ///
    /// # Errors
    /// When the state is none that others share, or can never work.
    pub fn open(settings: StoreSettings, policy: &PolicySnapshot) -> anyhow::Result<Self> {
        install_tls_provider();
        let StateTarget::Redis(url) = settings.state else {
            anyhow::bail!(
                "--state memory is inside the sidecar's process: ask its admin listener (--admin with \
                 --admin-token-file)"
            );
        };
        let store = RedisSettings { url, deadline: settings.timeout, max_in_flight: IN_FLIGHT };
        let store = RedisStore::new(&store).context("--state")?;
        let has_keys = !settings.keys.is_empty();
        let keyring = Arc::new(keyring(settings.keys)?);
        let clock = Arc::new(super::host::SystemClock);
        let telemetry =
            Telemetry::new(keyring.pseudonyms(), clock).context("the metrics are inconsistent")?;
        let operations = Operations {
            store: Arc::new(store),
            rulebook: Arc::new(Fixed(Arc::new(rulebook::rules(policy)))),
            keyring: has_keys.then_some(keyring),
            telemetry: Arc::new(telemetry),
        };
        Ok(Self { operations })
    }

    /// Answers one call: the status, and the document.
    pub async fn answer(&self, method: &str, target: &str, body: Option<&Value>) -> (u16, Value) {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let Ok(method) = Method::from_bytes(method.as_bytes()) else {
            return (405, json!({ "success": false, "error": "method_not_allowed" }));
        };
        let text = body.map(Value::to_string).unwrap_or_default();
        let content_type = body.map(|_| "application/json");
        let call = Call { method: &method, path, query, content_type, body: text.as_bytes() };
        let reply = self.operations.answer(&call).await;
        (reply.status.as_u16(), reply.body)
    }
}

/// The keys that were given; else one that nobody has, so that there are pseudonyms of nobody.
fn keyring(mut keys: CodeKeys) -> anyhow::Result<Keyring> {
    if keys.is_empty() {
        let mut secret = zeroize::Zeroizing::new([0_u8; 32]);
        OsEntropy.fill(secret.as_mut());
        keys.push((KeyId::parse("none").map_err(anyhow::Error::new)?, secret));
    }
    Keyring::new(keys).context("no code key is configured")
}
