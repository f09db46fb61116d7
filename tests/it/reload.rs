//! Policies on disk that change: noticed, taken as a whole, or rejected with the last good set kept.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use otp_sidecar::domain::time::{ManualClock, Timestamp};
use otp_sidecar::policy::snapshot::PolicySnapshot;
use otp_sidecar::reload::{
    LoadError, Outcome, ReloadReport, Reloader, Subscriber, Trigger, load_initial, watcher,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::wait::usual;

/// A folder of its own for each test, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("otp-reload-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(folder.policies()).unwrap();
        fs::write(folder.0.join("secret"), "a secret of more than thirty-two bytes\n").unwrap();
        folder
    }

    fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.policies().join(name), text).unwrap();
    }

    /// A set with one route for each path.
    fn policy(&self, paths: &[&str], more: &str) -> String {
        let key = self.0.join("secret");
        let mut text = format!(
            "version: 1\nidentity: {{ jwt: {{ algorithms: [HS256], key: {{ file: {} }}, claims: {{ subject: id }} }} }}\n\
             limits: {{ l: {{ max: 1, per: 1m }} }}\n{more}routes:\n",
            key.display()
        );
        for (index, path) in paths.iter().enumerate() {
            text.push_str(&format!(
                "  - {{ name: r{index}, match: {{ methods: [POST], path: '{path}' }}, limits: [l] }}\n"
            ));
        }
        text
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Remembers the set in force and passes on how reloads went.
struct Requests {
    current: Mutex<Option<Arc<PolicySnapshot>>>,
    reports: UnboundedSender<Result<usize, String>>,
}

impl Requests {
    fn paths(&self) -> Vec<String> {
        let current = self.current.lock().unwrap();
        current.iter().flat_map(|set| set.routes.iter().flat_map(|route| route.paths.clone())).collect()
    }
}

impl Subscriber for Requests {
    fn replace(&self, snapshot: Arc<PolicySnapshot>) -> Result<(), String> {
        *self.current.lock().unwrap() = Some(snapshot);
        Ok(())
    }

    fn report(&self, report: &ReloadReport) {
        let told = match &report.outcome {
            Outcome::Rejected { error } => Err(error.summary()),
            _ => Ok(report.status.routes),
        };
        self.reports.send(told).unwrap();
    }
}

type Reports = UnboundedReceiver<Result<usize, String>>;

fn start(path: &Path) -> (Arc<Reloader>, Arc<Requests>, Reports) {
    let loaded = load_initial(path).unwrap_or_else(|error| panic!("{error}"));
    let (reports, received) = unbounded_channel();
    let requests = Arc::new(Requests { current: Mutex::new(Some(Arc::clone(&loaded.snapshot))), reports });
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(7)));
    (Arc::new(Reloader::new(loaded, clock, Arc::clone(&requests) as Arc<dyn Subscriber>)), requests, received)
}

async fn next(reports: &mut Reports) -> Result<usize, String> {
    tokio::time::timeout(Duration::from_secs(20), reports.recv()).await.expect("nothing was noticed").unwrap()
}

fn rejected(report: &ReloadReport) -> String {
    match &report.outcome {
        Outcome::Rejected { error } => error.to_string(),
        other => panic!("it was not rejected: {other:?}"),
    }
}

/// Puts `text` where a ConfigMap would: into a hidden folder that a link is swapped to.
fn mount(folder: &Folder, version: &str, text: &str) {
    let root = folder.policies();
    fs::create_dir(root.join(version)).unwrap();
    fs::write(root.join(version).join("default.yaml"), text).unwrap();
    symlink(version, root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    if !root.join("default.yaml").exists() {
        symlink("..data/default.yaml", root.join("default.yaml")).unwrap();
    }
}

#[tokio::test]
async fn a_swapped_config_map_is_noticed_each_time() {
    let folder = Folder::new();
    mount(&folder, "..2026_1", &folder.policy(&["/a"], ""));
    let (reloader, requests, mut reports) = start(&folder.policies());
    let watching = tokio::spawn(watcher::run(reloader));
    for version in 2..5 {
        let paths = ["/a", "/b", "/c", "/d"];
        mount(&folder, &format!("..2026_{version}"), &folder.policy(&paths[..version], ""));
        fs::remove_dir_all(folder.policies().join(format!("..2026_{}", version - 1))).unwrap();
        assert_eq!(next(&mut reports).await, Ok(version));
        assert_eq!(requests.paths().len(), version);
    }
    watching.abort();
}

#[tokio::test]
async fn without_any_notice_a_change_still_counts_within_two_seconds() {
    let folder = Folder::new();
    folder.write("one.yaml", &folder.policy(&["/a"], ""));
    let (reloader, requests, mut reports) = start(&folder.policies());
    let watching = tokio::spawn(watcher::run_without_notices(reloader));
    let mut measured = Vec::new();
    for number in 1..=5 {
        let paths: Vec<String> = (0..=number).map(|path| format!("/{path}")).chain(["/a".into()]).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let begun = Instant::now();
        folder.write("one.yaml", &folder.policy(&paths, ""));
        while requests.paths().len() != paths.len() {
            // A look that came while the file was half written is another report.
            let _taken_or_half_written = next(&mut reports).await;
        }
        measured.push(begun.elapsed());
    }
    watching.abort();
    let usual = usual(&measured);
    assert!(usual <= Duration::from_secs(2), "usually after {usual:?}: {measured:?}");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_noticed() {
    let folder = Folder::new();
    folder.write("one.yaml", &folder.policy(&["/a"], ""));
    let (reloader, requests, mut reports) = start(&folder.policies().join("one.yaml"));
    let watching = tokio::spawn(watcher::run(reloader));
    folder.write("next", &folder.policy(&["/a", "/b"], ""));
    fs::rename(folder.policies().join("next"), folder.policies().join("one.yaml")).unwrap();
    assert_eq!(next(&mut reports).await, Ok(2));
    assert_eq!(requests.paths(), ["/a", "/b"]);
    watching.abort();
}

#[tokio::test]
async fn a_rotated_key_file_is_noticed() {
    let folder = Folder::new();
    folder.write("one.yaml", &folder.policy(&["/a"], ""));
    let (reloader, requests, mut reports) = start(&folder.policies());
    let before = requests.current.lock().unwrap().clone().unwrap();
    let watching = tokio::spawn(watcher::run(reloader));
    fs::write(folder.0.join("secret"), "another secret of more than thirty-two bytes").unwrap();
    assert_eq!(next(&mut reports).await, Ok(1));
    let after = requests.current.lock().unwrap().clone().unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    assert_eq!(before.hash, after.hash, "the key is not part of the policy");
    watching.abort();
}

#[test]
fn a_broken_file_keeps_the_last_good_set_and_is_reported_once() {
    let folder = Folder::new();
    folder.write("one.yaml", &folder.policy(&["/a"], ""));
    let (reloader, requests, mut reports) = start(&folder.policies());
    let good = reloader.status();
    assert_eq!((good.result(), good.routes, good.at), ("ok", 1, Timestamp::from_millis(7)));

    folder.write("one.yaml", "version: 1\nlimts: {}\nroute: []\n");
    let report = reloader.reload(Trigger::Files);
    let text = rejected(&report);
    assert!(text.contains("one.yaml:2:1") && text.contains("write `limits`"), "{text}");
    assert!(matches!(reloader.reload(Trigger::Files).outcome, Outcome::Unchanged));
    assert!(reports.try_recv().unwrap().is_err());
    assert!(reports.try_recv().is_err(), "it was reported twice");
    assert_eq!(requests.paths(), ["/a"]);
    let status = reloader.status();
    assert_eq!((status.result(), &status.hash, status.routes), ("rejected", &good.hash, 1));
    assert!(status.error.is_some_and(|error| error.contains("one.yaml:2:1") && !error.contains('\n')));
    let advice: Vec<_> = status.problems.iter().filter_map(|problem| problem.advice.as_deref()).collect();
    assert!(advice.contains(&"write `limits`") && advice.contains(&"write `routes`"), "{advice:?}");

    folder.write("one.yaml", &folder.policy(&["/a", "/b"], ""));
    assert!(matches!(reloader.reload(Trigger::Files).outcome, Outcome::Replaced { .. }));
    assert_eq!(requests.paths(), ["/a", "/b"]);
    assert_eq!(reloader.status().error, None);
    assert!(reloader.status().problems.is_empty());
}

#[test]
fn an_emptied_or_missing_folder_never_opens_the_wallet() {
    let folder = Folder::new();
    folder.write("one.yaml", &folder.policy(&["/a"], ""));
    let (reloader, requests, _reports) = start(&folder.policies());

    fs::remove_file(folder.policies().join("one.yaml")).unwrap();
    assert!(rejected(&reloader.reload(Trigger::Files)).contains("has no file that ends in .yaml"));
    fs::remove_dir_all(folder.policies()).unwrap();
    assert!(rejected(&reloader.reload(Trigger::Files)).contains("does not exist"));
    assert_eq!(requests.paths(), ["/a"]);

    fs::create_dir(folder.policies()).unwrap();
    folder.write(".hidden.yaml", "not: [yaml");
    folder.write("notes.txt", "not a policy");
    folder.write("one.yaml", &folder.policy(&["/a", "/b"], ""));
    assert!(matches!(reloader.reload(Trigger::Files).outcome, Outcome::Replaced { .. }));
}

#[test]
fn a_protected_path_is_given_up_only_on_purpose() {
    let folder = Folder::new();
    folder.write("one.yaml", &folder.policy(&["/a", "/b/{id}"], ""));
    let (reloader, requests, _reports) = start(&folder.policies());

    folder.write("one.yaml", &folder.policy(&["/A/", "/b/c"], ""));
    let report = reloader.reload(Trigger::Signal);
    match &report.outcome {
        Outcome::Rejected { error: LoadError::Unprotects(open) } => assert_eq!(open, &["POST /b/{}"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(requests.paths(), ["/a", "/b/{id}"]);

    folder.write("one.yaml", &folder.policy(&["/A/", "/b/c"], "unprotect: ['/b/{anything}']\n"));
    assert!(matches!(reloader.reload(Trigger::Call).outcome, Outcome::Replaced { .. }));
    assert_eq!(requests.paths(), ["/A/", "/b/c"]);
}

#[test]
fn concurrent_reloads_run_one_after_the_other() {
    let folder = Folder::new();
    folder.write("one.yaml", &folder.policy(&["/a"], ""));
    let (reloader, requests, mut reports) = start(&folder.policies());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| reloader.reload(Trigger::Call));
        }
    });
    assert_eq!(std::iter::from_fn(|| reports.try_recv().ok()).collect::<Vec<_>>(), vec![Ok(1); 8]);
    assert_eq!(requests.paths(), ["/a"]);
}

#[test]
fn a_first_load_has_nothing_to_fall_back_on() {
    let folder = Folder::new();
    assert!(matches!(load_initial(&folder.policies()), Err(LoadError::Source(_))));
    folder.write("one.yaml", "version: 1\n");
    assert!(matches!(load_initial(&folder.policies()), Err(LoadError::Policy(_))));
    fs::write(folder.policies().join("one.yaml"), [0xff, 0xfe]).unwrap();
    assert!(load_initial(&folder.policies()).unwrap_err().to_string().contains("not text in UTF-8"));
}
