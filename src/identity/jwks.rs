//! Key sets behind URLs: cached, refreshed in the background, and on demand when a token names a key
//! that is not known yet.
//!
//! Who checks a token reads the cache and never waits for the network, with one exception: right after
//! a key rotation the first tokens under the new key would be refused, so an unknown key id may wait a
//! short moment for a refresh. Anyone can make up key ids, so there is at most one such refresh per
//! [`Pace::cooldown`] and URL, and whoever comes in between is refused at once. When a refresh fails, or
//! brings nothing usable, the keys of the last good one go on being used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use super::fetch::{DEADLINE, FetchError, Fetched, Fetcher};
use super::key_set::{InvalidKeySet, KeySet};

/// How often key sets are fetched.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long after a fetch began no unknown key id causes another.
    pub cooldown: Duration,
    /// How long a key set is used before it is fetched again, unless `Cache-Control` says otherwise.
    pub refresh_after: Duration,
    /// The least that `Cache-Control` may ask for.
    pub shortest: Duration,
    /// The most that `Cache-Control` may ask for.
    pub longest: Duration,
    /// How long after a failure it is tried again while there are no keys.
    pub retry_without_keys: Duration,
    /// How long after a failure it is tried again while there are older keys.
    pub retry_with_keys: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            cooldown: Duration::from_secs(10),
            refresh_after: Duration::from_secs(5 * 60),
            shortest: Duration::from_secs(60),
            longest: Duration::from_secs(60 * 60),
            retry_without_keys: Duration::from_secs(3),
            retry_with_keys: Duration::from_secs(30),
        }
    }
}

/// When the background task looks up although nothing is due.
const IDLE: Duration = Duration::from_secs(60 * 60);

/// Why a refresh failed.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Document(#[from] InvalidKeySet),
}

/// All key sets in use, by URL. It outlives policies: a reload that keeps a URL keeps its keys.
///
/// A clone is the same registry.
#[derive(Debug, Clone, Default)]
pub struct JwksRegistry(Arc<Registry>);

#[derive(Debug, Default)]
struct Registry {
    sources: Mutex<BTreeMap<Url, Weak<RemoteKeys>>>,
    wake: Arc<Notify>,
    fetcher: Arc<Fetcher>,
    pace: Pace,
}

impl JwksRegistry {
    /// An empty registry. Nothing is fetched until [`JwksRegistry::run`] runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`JwksRegistry::new`], at another pace.
    pub fn with_pace(pace: Pace) -> Self {
        Self(Arc::new(Registry { pace, ..Registry::default() }))
    }

    /// The key set behind a URL. It is fetched soon if it is new, and forgotten when the last one
    /// who asked for it has dropped it.
    pub fn keys(&self, url: &Url) -> Arc<RemoteKeys> {
        let mut sources = lock(&self.0.sources);
        sources.retain(|_, source| source.strong_count() > 0);
        if let Some(known) = sources.get(url).and_then(Weak::upgrade) {
            return known;
        }
        let keys = Arc::new(RemoteKeys::new(url.clone(), self.0.pace, Arc::clone(&self.0.wake)));
        sources.insert(url.clone(), Arc::downgrade(&keys));
        self.0.wake.notify_one();
        keys
    }

    /// Keeps all key sets fresh, for ever. Run it once, as a task of its own; dropping it stops it.
    pub async fn run(self) {
        let mut fetches = JoinSet::new();
        loop {
            let next = self.start_due(&mut fetches);
            tokio::select! {
                () = self.0.wake.notified() => {}
                () = sleep_until(next) => {}
                Some(_) = fetches.join_next() => {}
            }
        }
    }

    /// Starts what is due, and says when the next will be.
    fn start_due(&self, fetches: &mut JoinSet<()>) -> Instant {
        let now = Instant::now();
        let mut next = now + IDLE;
        for keys in lock(&self.0.sources).values().filter_map(Weak::upgrade) {
            let mut schedule = lock(&keys.schedule);
            if schedule.due <= now {
                schedule.begin(now);
                let (keys, fetcher) = (Arc::clone(&keys), Arc::clone(&self.0.fetcher));
                fetches.spawn(async move { keys.refetch(&fetcher).await });
            }
            next = next.min(schedule.due);
        }
        next
    }
}

/// One key set and when to fetch it again.
#[derive(Debug)]
pub struct RemoteKeys {
    url: Url,
    pace: Pace,
    current: ArcSwapOption<KeySet>,
    schedule: Mutex<Schedule>,
    rounds: watch::Sender<()>,
    wake: Arc<Notify>,
}

#[derive(Debug)]
struct Schedule {
    due: Instant,
    began: Option<Instant>,
    under_way: bool,
}

impl Schedule {
    fn begin(&mut self, now: Instant) {
        self.began = Some(now);
        self.under_way = true;
        // Only counts if the fetch is stopped before it ends.
        self.due = now + DEADLINE * 2;
    }
}

impl RemoteKeys {
    fn new(url: Url, pace: Pace, wake: Arc<Notify>) -> Self {
        let schedule = Schedule { due: Instant::now(), began: None, under_way: false };
        Self {
            url,
            pace,
            current: ArcSwapOption::empty(),
            schedule: Mutex::new(schedule),
            rounds: watch::Sender::new(()),
            wake,
        }
    }

    /// The keys of the last good fetch. `None` until there was one.
    pub fn current(&self) -> Option<Arc<KeySet>> {
        self.current.load_full()
    }

    /// Asks for a refresh and waits for its end, at most `patience`. False if there is none to wait
    /// for, because one began less than [`Pace::cooldown`] ago, or it takes longer.
    pub async fn refresh(&self, patience: Duration) -> bool {
        let mut rounds = self.rounds.subscribe();
        self.request() && timeout(patience, rounds.changed()).await.is_ok_and(|round| round.is_ok())
    }

    fn request(&self) -> bool {
        let now = Instant::now();
        let mut schedule = lock(&self.schedule);
        if schedule.under_way {
            return true;
        }
        if schedule.began.is_some_and(|began| now < began + self.pace.cooldown) {
            return false;
        }
        schedule.due = now;
        self.wake.notify_one();
        true
    }

    async fn refetch(&self, fetcher: &Fetcher) {
        let outcome = fetcher.get(&self.url).await.map_err(RefreshError::from);
        let next = match outcome.and_then(|fetched| self.keep(&fetched)) {
            Ok(next) => next,
            Err(error) => self.report(&error),
        };
        let mut schedule = lock(&self.schedule);
        schedule.under_way = false;
        schedule.due = Instant::now() + next;
        drop(schedule);
        self.rounds.send_replace(());
    }

    /// Puts fetched keys into use, and says how long they are good.
    fn keep(&self, fetched: &Fetched) -> Result<Duration, RefreshError> {
        let keys = KeySet::parse(&fetched.body)?;
        tracing::debug!(url = %shown(&self.url), keys = keys.len(), "key set fetched");
        self.current.store(Some(Arc::new(keys)));
        let asked = fetched.max_age.map(|age| age.max(self.pace.shortest).min(self.pace.longest));
        Ok(asked.unwrap_or(self.pace.refresh_after))
    }

    /// Tells of a failure, and says when to try again.
    fn report(&self, error: &RefreshError) -> Duration {
        let url = shown(&self.url);
        if self.current.load().is_some() {
            tracing::warn!(%url, %error, "key set not refreshed: the older keys go on being used");
            self.pace.retry_with_keys
        } else {
            tracing::warn!(%url, %error, "key set not fetched: no token can be checked");
            self.pace.retry_without_keys
        }
    }
}

/// A URL for logs, without credentials and query.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// A panic elsewhere leaves these maps whole: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logged_urls_carry_no_secret() {
        let url = Url::parse("https://user:pass@id.example:8443/keys?secret=1#x").unwrap();
        assert_eq!(shown(&url), "https://id.example:8443/keys");
    }

    #[tokio::test]
    async fn one_url_has_one_key_set_until_nobody_uses_it() {
        let registry = JwksRegistry::default();
        let url = Url::parse("http://127.0.0.1:1/keys").unwrap();
        let first = registry.keys(&url);
        assert!(Arc::ptr_eq(&first, &registry.keys(&url)));
        drop(first);
        registry.keys(&Url::parse("http://127.0.0.1:1/other").unwrap());
        assert_eq!(lock(&registry.0.sources).len(), 1, "what nobody uses is forgotten");
    }
}
