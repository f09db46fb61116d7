//! Notices changed files: by the operating system's word, and by comparing contents every second,
//! because swapped links are known to be missed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Reloader, Trigger};

/// Editors and mounts change several files in a row; wait until they are through.
const DEBOUNCE: Duration = Duration::from_millis(250);
/// How often contents are compared.
const POLL: Duration = Duration::from_secs(1);

/// A good policy takes effect within two seconds, also when the notice is missed just before a look and
/// its debounce delays the next one. What is left is for reading and compiling.
const PROMISED: Duration = Duration::from_secs(2);
const _: () = assert!(DEBOUNCE.as_millis() + POLL.as_millis() <= PROMISED.as_millis() - 500);

/// Reloads whenever the files changed, until it is dropped or cancelled.
pub async fn run(reloader: Arc<Reloader>) {
    let changed = Arc::new(Notify::new());
    // Without the system's word (no inotify, or none left) the comparison still finds every change.
    let _events = listen(reloader.path(), Arc::clone(&changed)).ok();
    look(reloader, &changed).await;
}

/// The same where the system gives no word of changes: by comparing contents alone.
pub async fn run_without_notices(reloader: Arc<Reloader>) {
    look(reloader, &Notify::new()).await;
}

async fn look(reloader: Arc<Reloader>, changed: &Notify) {
    let mut poll = interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = changed.notified() => sleep(DEBOUNCE).await,
            _ = poll.tick() => {}
        }
        Arc::clone(&reloader).reload_now(Trigger::Files).await;
    }
}

fn listen(path: &Path, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let reading = event.is_ok_and(|event| event.kind.is_access());
        if !reading {
            changed.notify_one();
        }
    })?;
    for folder in folders(path) {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// What to listen at: the folder, or a file's folder, since a file that is replaced is another file.
fn folders(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let templates = path.join("templates");
        let templates = templates.is_dir().then_some(templates);
        return std::iter::once(path.to_owned()).chain(templates).collect();
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    vec![parent.unwrap_or(Path::new(".")).to_owned()]
}
