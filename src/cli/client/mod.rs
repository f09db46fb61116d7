//! How a command asks a deployment: through the admin listener of a running sidecar, or straight at its
//! store. Both ways answer the same requests (`docs/api.yaml`) with the same documents.

mod http;

use std::future::Future;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;
use url::form_urlencoded;

use super::without_secrets;
use crate::app::direct::Direct;
use crate::config::access::{AccessFlags, StoreSettings, Way};
use http::{AdminListener, Unanswered};

/// The most entries that one request asks for.
const PAGE: usize = 500;

/// How much of a long list is wanted.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct PageFlags {
    /// How many entries at most.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
}

/// A deployment that was reached.
pub(super) enum Client {
    /// Through its admin listener.
    Admin(Box<AdminListener>),
    /// Straight at its store.
    Store(Box<Direct>),
}

/// An answer that is not the one hoped for.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refused {
    /// The HTTP status.
    pub(super) status: u16,
    /// The stable word.
    pub(super) word: String,
    /// What to do.
    message: String,
}

/// Entries that came page by page.
#[derive(Debug)]
pub(super) struct Pages {
    /// The entries, at most as many as were asked for.
    pub(super) entries: Vec<Value>,
    /// Whether there are more.
    pub(super) has_more: bool,
    /// The last page without its entries.
    pub(super) rest: Value,
}

impl Client {
    /// Finds the way that works. What was typed is the only one; else the admin listener comes first, and
    /// the store if nothing answers there and the environment names it.
    ///
    /// # Errors
    /// With every way that was tried, and what to do.
    pub(super) async fn reach(flags: AccessFlags) -> anyhow::Result<Self> {
        match flags.way().map_err(anyhow::Error::msg)? {
            Way::Admin(settings) => {
                let admin = AdminListener::new(settings).await?;
                admin.probe().await?;
                Ok(Self::Admin(Box::new(admin)))
            }
            Way::Store(settings) => direct(settings),
            Way::Either(settings, store) => {
                let admin = AdminListener::new(settings).await?;
                match (admin.probe().await, store) {
                    (Ok(()), _) => Ok(Self::Admin(Box::new(admin))),
                    (Err(problem), Some(store)) if problem.is_silence() => {
                        direct(store).with_context(|| format!("{problem}; then the state was tried"))
                    }
                    (Err(problem), None) if problem.is_silence() => Err(nowhere(&problem)),
                    (Err(problem), _) => Err(problem.into()),
                }
            }
        }
    }

    /// Where it is, for people: never with a password.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Admin(admin) => format!("the sidecar behind {}", admin.url()),
            Self::Store(_) => "the state, without a sidecar".to_owned(),
        }
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// [`Refused`] when the answer is an error; else why there is none.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        self.call("GET", &with_query(path, query), None).await
    }

    /// Asks for a change.
    ///
    /// # Errors
    /// [`Refused`] when the answer is an error; else why there is none. Only a refusal surely changed
    /// nothing.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call("POST", path, Some(body)).await
    }

    /// Follows pages until there are `limit` entries of this name or no more.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) async fn pages(
        &self,
        path: &str,
        query: &[(&str, &str)],
        name: &str,
        limit: u32,
    ) -> anyhow::Result<Pages> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let size = limit.saturating_sub(entries.len()).clamp(1, PAGE).to_string();
            let mut query = query.to_vec();
            query.push(("limit", &size));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let mut page = self.get(path, &query).await?;
            let found = page.get_mut(name).map(Value::take).unwrap_or_default();
            let Value::Array(found) = found else {
                anyhow::bail!("the answer to {path} has no `{name}`: is the sidecar of another version?");
            };
            let next = page.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
            entries.extend(found);
            if next.is_none() || entries.len() >= limit {
                let has_more = next.is_some() || entries.len() > limit;
                entries.truncate(limit);
                return Ok(Pages { entries, has_more, rest: page });
            }
            cursor = next;
        }
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, document) = match self {
            Self::Admin(admin) => admin.call(method, path, body).await?,
            Self::Store(direct) => direct.answer(method, path, body).await,
        };
        if (200..300).contains(&status) {
            return Ok(document);
        }
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let word = text("error").unwrap_or_default();
        let message = text("message").unwrap_or_else(|| format!("the answer has status {status}"));
        Err(Refused { status, word, message }.into())
    }
}

/// Runs what a command waits for.
///
/// # Errors
/// Its own, or that the system gives no runtime.
pub(super) fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the system gives no runtime")?.block_on(work)
}

fn direct(settings: StoreSettings) -> anyhow::Result<Client> {
    let path = &settings.policies;
    let policy = without_secrets::load(path)
        .with_context(|| format!("the policies in {} cannot be used (--policies)", path.display()))?;
    Ok(Client::Store(Box::new(Direct::open(settings, &policy)?)))
}

fn nowhere(problem: &Unanswered) -> anyhow::Error {
    anyhow::anyhow!(
        "{problem}. Say where a sidecar's admin listener is (--admin URL with --admin-token-file FILE), or go \
         straight to its state (--state redis://… with --policies PATH)"
    )
}

fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}?{query}")
}
