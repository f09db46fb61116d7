//! The program under test, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use otp_sidecar::lab::mailbox::{self, Mailbox};
use serde_json::Value;

use super::backend::Backend;
use super::client::{Client, JWT_SECRET};
use super::redis::RedisServer;
use super::signal;

/// How long anything may take on a busy machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The key that tests digest codes with.
pub const CODE_KEYS: &str = "t1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// A running sidecar. Dropping it kills it, also when the test fails.
pub struct Sidecar {
    child: Child,
    pub traffic: SocketAddr,
    pub admin: SocketAddr,
    log: Arc<Log>,
}

/// Every line that the process wrote.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grew: Condvar,
    ended: Mutex<bool>,
    unread: Mutex<bool>,
    read_on: Condvar,
}

/// How to start one.
pub struct Start {
    command: Command,
}

impl Start {
    /// With the shipped policies, state in memory, and this backend.
    pub fn before(upstream: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_otp-sidecar"));
        command
            .arg("serve")
            .env("OTP_SIDECAR_LISTEN", "127.0.0.1:0")
            .env("OTP_SIDECAR_ADMIN_LISTEN", "127.0.0.1:0")
            .env("OTP_SIDECAR_UPSTREAM", upstream)
            .env("OTP_SIDECAR_MAIL_FROM", "otp@example.com")
            .env("OTP_SIDECAR_CODE_KEYS", CODE_KEYS)
            .env("OTP_SIDECAR_POLICIES", shipped_policies())
            .env("OTP_SIDECAR_SMTP", "smtp://127.0.0.1:1?tls=none")
            .env("JWT_SECRET", JWT_SECRET)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Self { command }
    }

    /// With these arguments and this environment, and nothing of this process's own.
    pub fn exactly(
        arguments: impl Iterator<Item = String>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_otp-sidecar"));
        command.args(arguments).env_clear().envs(env);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self { command }
    }

    pub fn flag(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(name).arg(value);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn mail(self, mailbox: &Mailbox) -> Self {
        let url = format!("smtp://{}?tls=none", mailbox.addr());
        self.env("OTP_SIDECAR_SMTP", url)
    }

    pub fn policies(self, path: &Path) -> Self {
        self.env("OTP_SIDECAR_POLICIES", path)
    }

    pub fn redis(self, redis: &RedisServer) -> Self {
        self.env("OTP_SIDECAR_STATE", redis.url())
    }

    /// Lets its standard output go there.
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// Starts it and waits until it has ended by itself: the exit code, and what it wrote.
    pub fn refused(mut self) -> (Option<i32>, String) {
        let output = self.command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts it and waits until it says that it is ready.
    pub fn ready(mut self) -> Sidecar {
        let mut child = self.command.spawn().unwrap();
        let log = Arc::new(Log::default());
        let (pipe, shared) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let unread = shared.unread.lock().unwrap();
                drop(shared.read_on.wait_while(unread, |unread| *unread).unwrap());
                shared.lines.lock().unwrap().push(line);
                shared.grew.notify_all();
            }
            *shared.ended.lock().unwrap() = true;
            shared.grew.notify_all();
        });
        let is_ready = |line: &str| line.contains("\"message\":\"ready\"") || line.contains(" ready ");
        let Some(ready) = log.wait(is_ready) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the sidecar did not start: {:#?}", log.lines.lock().unwrap());
        };
        let addr = |name: &str| address(&ready, name);
        Sidecar { child, traffic: addr("listen"), admin: addr("admin"), log }
    }
}

/// An address in the line that says that it is ready, in either form of the log.
fn address(ready: &str, name: &str) -> SocketAddr {
    let text = match serde_json::from_str::<Value>(ready) {
        Ok(line) => line[name].as_str().unwrap().to_owned(),
        Err(_) => {
            let (_, rest) = ready.split_once(&format!("{name}=")).unwrap();
            rest.split(' ').next().unwrap().to_owned()
        }
    };
    text.parse().unwrap()
}

impl Log {
    fn wait(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let give_up = Instant::now() + PATIENCE;
        let mut lines = self.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| wanted(line)) {
                return Some(line.clone());
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() || *self.ended.lock().unwrap() {
                return None;
            }
            lines = self.grew.wait_timeout(lines, left.min(Duration::from_millis(200))).unwrap().0;
        }
    }
}

impl Sidecar {
    /// Starts one before this backend, with a mailbox.
    pub async fn with_mail(backend: &Backend) -> (Self, Mailbox) {
        let mailbox = mailbox().await;
        (Start::before(&backend.url()).mail(&mailbox).ready(), mailbox)
    }

    /// Calls it as the wallet's clients do.
    pub fn client(&self) -> Client {
        Client::new(format!("http://{}", self.traffic))
    }

    /// Calls it as operators do.
    pub fn operator(&self) -> Client {
        Client::new(format!("http://{}", self.admin))
    }

    /// Waits for a log line.
    pub async fn logged(&self, wanted: &'static str) -> String {
        let log = Arc::clone(&self.log);
        let found =
            tokio::task::spawn_blocking(move || log.wait(|line| line.contains(wanted))).await.unwrap();
        found.unwrap_or_else(|| panic!("no line with {wanted:?} in {:#?}", self.lines()))
    }

    /// Whether anybody reads what it writes to standard error. At first somebody does.
    pub fn reads_log(&self, reads: bool) {
        *self.log.unread.lock().unwrap() = !reads;
        self.log.read_on.notify_all();
    }

    /// Every log line so far.
    pub fn lines(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().clone()
    }

    /// The value of one series, as `/metrics` shows it now.
    pub async fn metric(&self, series: &str) -> f64 {
        let rendered = self.operator().get("/metrics").await.text();
        let line =
            rendered.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
        let line = line.unwrap_or_else(|| panic!("no series {series} in\n{rendered}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal such as `-TERM`.
    pub fn signal(&self, signal: &str) {
        signal::send(signal, self.pid());
    }

    /// Waits until the process has ended.
    pub async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = Arc::clone(&self.log);
                tokio::task::spawn_blocking(move || log.wait(|_| false)).await.unwrap();
                return (status, self.lines());
            }
            assert!(Instant::now() < give_up, "the sidecar does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A mailbox on a free port.
pub async fn mailbox() -> Mailbox {
    mailbox::start(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

/// The next code that arrives in this mailbox.
pub async fn next_code(mailbox: &Mailbox) -> String {
    let mail = tokio::time::timeout(PATIENCE, mailbox.next_mail()).await.expect("a mail arrives");
    mail.code().expect("the mail has a code").to_owned()
}

/// Asks the backend for a funding transaction: its reference, and the code that was mailed for it.
pub async fn funded(client: &Client, mailbox: &Mailbox) -> (String, String) {
    let answer = client.fund(5_000).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let reference = answer.json()["transactionReference"].as_str().unwrap().to_owned();
    (reference, next_code(mailbox).await)
}

/// A code that is not this one.
pub fn wrong(code: &str) -> String {
    let last = code.chars().last().unwrap();
    let other = if last == '0' { '1' } else { '0' };
    format!("{}{other}", &code[..code.len() - 1])
}

/// The policies of the repository.
pub fn shipped_policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// A folder of one's own, removed on drop.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("otp-sidecar-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// With the shipped policy, changed by some replacements.
    pub fn with_shipped(changes: &[(&str, &str)]) -> Self {
        let folder = Self::new();
        folder.write("default.yaml", &changed(changes));
        folder
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}

/// The shipped policy, changed by some replacements, each of which must apply.
pub fn changed(changes: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(shipped_policies().join("default.yaml")).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "the shipped policy does not say {from:?}");
        text = text.replace(from, to);
    }
    text
}
