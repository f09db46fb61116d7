//! Keeps the policy fresh: reads, compiles, and replaces the snapshot, or keeps the last good one.
//!
//! Knows nothing of requests or stores. Who holds the snapshot and who counts reloads is told through
//! [`Subscriber`].

pub mod host;
pub mod source;
pub mod watcher;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host::Host;
use source::{Fingerprint, Source, SourceError};

use crate::domain::id::PolicyHash;
use crate::domain::time::{Clock, Timestamp};
use crate::policy::compile::compile;
use crate::policy::coverage::protects;
use crate::policy::diagnostic::Diagnostics;
use crate::policy::snapshot::PolicySnapshot;

/// Why a set was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its files cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is wrong. The text is the whole report, over several lines.
    #[error("{0}")]
    Policy(Diagnostics),
    /// It would leave open what is protected now.
    #[error(
        "these would no longer be protected: {}. Put them back, or list their paths under `unprotect:`",
        .0.join(", ")
    )]
    Unprotects(Vec<String>),
    /// It is right in itself, but cannot be put in force.
    #[error("{0}")]
    Unusable(String),
    /// A defect of this program.
    #[error("the policy could not be read because of a defect in this program; please report it")]
    Defect,
}

impl LoadError {
    /// One line, for logs and `/health`.
    pub fn summary(&self) -> String {
        match self {
            Self::Policy(diagnostics) => diagnostics.summary(),
            other => other.to_string(),
        }
    }

    /// All that is wrong in the files. Empty when something else is the matter.
    fn problems(&self) -> Diagnostics {
        match self {
            Self::Policy(diagnostics) => diagnostics.clone(),
            _ => Diagnostics::default(),
        }
    }
}

/// The first set of a process.
#[derive(Debug)]
pub struct Loaded {
    /// The set.
    pub snapshot: Arc<PolicySnapshot>,
    /// What is unwise in it.
    pub warnings: Diagnostics,
    source: Source,
    fingerprint: Fingerprint,
    key_files: BTreeSet<PathBuf>,
}

/// Reads and compiles the policies at `path`.
///
/// # Errors
/// With everything that is wrong. There is no last good set to fall back on.
pub fn load_initial(path: &Path) -> Result<Loaded, LoadError> {
    let source = Source::new(path);
    let attempt = Attempt::make(&source);
    let (snapshot, warnings) = attempt.result?;
    let snapshot = Arc::new(snapshot);
    Ok(Loaded { snapshot, warnings, source, fingerprint: attempt.fingerprint, key_files: attempt.key_files })
}

/// One reading of the files and what came of it.
struct Attempt {
    result: Result<(PolicySnapshot, Diagnostics), LoadError>,
    fingerprint: Fingerprint,
    key_files: BTreeSet<PathBuf>,
}

impl Attempt {
    fn make(source: &Source) -> Self {
        let host = Host::default();
        let files = source.read();
        let result = match &files {
            Ok(files) => match compile(files, &host) {
                Ok(compiled) => Ok((compiled.snapshot, compiled.warnings)),
                Err(diagnostics) => Err(LoadError::Policy(diagnostics)),
            },
            Err(_) => Err(LoadError::Defect),
        };
        let key_files = host.take_files();
        let fingerprint = fingerprint(&files, &key_files);
        let result = match files {
            Ok(_) => result,
            Err(error) => Err(LoadError::Source(error)),
        };
        Self { result, fingerprint, key_files }
    }
}

/// The digest of a set and of the keys it names. A set that cannot be read has one too, so that one
/// failure is reported once and not every second.
fn fingerprint(
    files: &Result<Vec<crate::policy::source::SourceFile>, SourceError>,
    key_files: &BTreeSet<PathBuf>,
) -> Fingerprint {
    let mut parts: Vec<(String, Vec<u8>)> = match files {
        Ok(files) => files.iter().map(|file| (file.path.clone(), file.text.clone().into_bytes())).collect(),
        Err(error) => vec![("error".to_owned(), error.to_string().into_bytes())],
    };
    for path in key_files {
        let content = host::read(path).unwrap_or_else(String::into_bytes);
        parts.push((path.display().to_string(), content));
    }
    Fingerprint::of(parts.iter().map(|(name, content)| (name.as_str(), content.as_slice())))
}

/// What asked for a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The files changed, or may have. Does nothing when they did not.
    Files,
    /// SIGHUP.
    Signal,
    /// `POST /-/reload`.
    Call,
}

/// What a reload did.
#[derive(Debug)]
pub enum Outcome {
    /// The files are as they were at the last attempt.
    Unchanged,
    /// The snapshot was replaced.
    Replaced {
        /// What is unwise in the new set.
        warnings: Diagnostics,
    },
    /// The last good snapshot goes on.
    Rejected {
        /// Why.
        error: LoadError,
    },
}

/// What a reload did, and what is in force now.
#[derive(Debug)]
pub struct ReloadReport {
    /// What asked for it.
    pub trigger: Trigger,
    /// What it did.
    pub outcome: Outcome,
    /// What is in force now.
    pub status: Status,
}

/// What is in force, for `/health`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The set in force.
    pub hash: PolicyHash,
    /// How many routes it has.
    pub routes: usize,
    /// When a set was last taken or rejected.
    pub at: Timestamp,
    /// Why the last one was rejected, on one line. `None` when it was taken.
    pub error: Option<String>,
    /// All that is wrong in the set that was rejected last.
    pub problems: Diagnostics,
}

impl Status {
    /// `ok` or `rejected`.
    pub fn result(&self) -> &'static str {
        if self.error.is_none() { "ok" } else { "rejected" }
    }
}

/// Who is told.
pub trait Subscriber: Send + Sync {
    /// The set that requests see from now on. Called before the report.
    ///
    /// # Errors
    /// With the reason, when it cannot be put in force. The last good set goes on.
    fn replace(&self, snapshot: Arc<PolicySnapshot>) -> Result<(), String>;

    /// A reload was tried. Not called for [`Outcome::Unchanged`].
    fn report(&self, report: &ReloadReport);
}

/// Reloads on demand, one at a time, and keeps the last good set.
pub struct Reloader {
    source: Source,
    clock: Arc<dyn Clock>,
    subscriber: Arc<dyn Subscriber>,
    work: Mutex<Work>,
    status: Mutex<Status>,
}

struct Work {
    current: Arc<PolicySnapshot>,
    seen: Fingerprint,
    key_files: BTreeSet<PathBuf>,
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Reloader {
    /// Goes on from the first set.
    pub fn new(loaded: Loaded, clock: Arc<dyn Clock>, subscriber: Arc<dyn Subscriber>) -> Self {
        let Loaded { snapshot, source, fingerprint, key_files, .. } = loaded;
        let status = Status {
            hash: snapshot.hash.clone(),
            routes: snapshot.routes.len(),
            at: clock.now(),
            error: None,
            problems: Diagnostics::default(),
        };
        let work = Work { current: snapshot, seen: fingerprint, key_files };
        Self { source, clock, subscriber, work: Mutex::new(work), status: Mutex::new(status) }
    }

    /// Where the policies are.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// What is in force. Never waits for a reload.
    pub fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    /// Reads, compiles and replaces, or keeps what is there. Blocks; concurrent calls run one after
    /// the other.
    pub fn reload(&self, trigger: Trigger) -> ReloadReport {
        let mut work = lock(&self.work);
        if trigger == Trigger::Files && fingerprint(&self.source.read_once(), &work.key_files) == work.seen {
            return ReloadReport { trigger, outcome: Outcome::Unchanged, status: self.status() };
        }
        let attempt = Attempt::make(&self.source);
        work.seen = attempt.fingerprint;
        // A set that is rejected may name other keys; those in force stay watched as well.
        let in_force = std::mem::replace(&mut work.key_files, attempt.key_files);
        let taken = attempt.result.and_then(|taken| keeps_protection(&work.current, taken));
        let outcome = match taken.and_then(|taken| self.put_in_force(taken)) {
            Ok((snapshot, warnings)) => {
                work.current = snapshot;
                Outcome::Replaced { warnings }
            }
            Err(error) => {
                work.watch_also(&self.source, in_force);
                Outcome::Rejected { error }
            }
        };
        let (error, problems) = match &outcome {
            Outcome::Rejected { error } => (Some(error.summary()), error.problems()),
            _ => (None, Diagnostics::default()),
        };
        let status = Status {
            hash: work.current.hash.clone(),
            routes: work.current.routes.len(),
            at: self.clock.now(),
            error,
            problems,
        };
        *lock(&self.status) = status.clone();
        let report = ReloadReport { trigger, outcome, status };
        self.subscriber.report(&report);
        report
    }

    fn put_in_force(
        &self,
        (snapshot, warnings): (PolicySnapshot, Diagnostics),
    ) -> Result<(Arc<PolicySnapshot>, Diagnostics), LoadError> {
        let snapshot = Arc::new(snapshot);
        self.subscriber.replace(Arc::clone(&snapshot)).map_err(LoadError::Unusable)?;
        Ok((snapshot, warnings))
    }

    /// [`Reloader::reload`] off the threads that serve requests.
    pub async fn reload_now(self: Arc<Self>, trigger: Trigger) -> ReloadReport {
        let status = self.status();
        let done = tokio::task::spawn_blocking(move || self.reload(trigger)).await;
        done.unwrap_or(ReloadReport {
            trigger,
            outcome: Outcome::Rejected { error: LoadError::Defect },
            status,
        })
    }
}

impl Work {
    fn watch_also(&mut self, source: &Source, key_files: BTreeSet<PathBuf>) {
        if !key_files.is_subset(&self.key_files) {
            self.key_files.extend(key_files);
            self.seen = fingerprint(&source.read_once(), &self.key_files);
        }
    }
}

fn keeps_protection(
    current: &PolicySnapshot,
    taken: (PolicySnapshot, Diagnostics),
) -> Result<(PolicySnapshot, Diagnostics), LoadError> {
    let open = protects(current, &taken.0);
    if open.is_empty() { Ok(taken) } else { Err(LoadError::Unprotects(open)) }
}

/// A panic while reloading leaves nothing half done: what was replaced was replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
