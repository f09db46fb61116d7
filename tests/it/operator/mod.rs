//! The operator's commands as processes: against a running sidecar and straight at its Redis, with the same
//! words either way.
//!
//! `UPDATE_GOLDEN=1` writes the expected texts under `tests/data/cli/operator` anew.

mod bad_input;
mod explain;
mod locks;
mod top;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use otp_sidecar::lab::mailbox::Mailbox;
use regex::Regex;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{CODE_KEYS, Folder, Sidecar, Start, funded, mailbox, wrong};

const TOKEN: &str = "the-admin-token-of-these-tests";

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {}\n{}", self.out, self.err))
    }

    /// Could not run, and says why with this word.
    fn could_not(&self, word: &str) {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{}", self.err);
        assert!(self.err.starts_with("error: ") && self.err.contains(word), "{word}: {}", self.err);
    }
}

/// Runs the program with nothing of this environment.
fn run(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_otp-sidecar"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("USER", "ada")
        .env("HOSTNAME", "laptop")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended already.
    let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
    let said = child.wait_with_output().unwrap();
    Ended {
        code: said.status.code().unwrap(),
        out: String::from_utf8(said.stdout).unwrap(),
        err: String::from_utf8(said.stderr).unwrap(),
    }
}

/// A sidecar with Redis, and both ways to it.
struct World {
    sidecar: Sidecar,
    mailbox: Mailbox,
    redis: RedisServer,
    folder: Folder,
    _backend: Backend,
}

impl World {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(changes: &[(&str, &str)]) -> Self {
        let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
        let folder = Folder::with_shipped(changes);
        folder.write("admin-token", TOKEN);
        let sidecar = Start::before(&backend.url())
            .mail(&mailbox)
            .redis(&redis)
            .policies(folder.path())
            .flag("--admin-token-file", folder.path().join("admin-token"))
            .flag("--audit", folder.path().join("audit.jsonl"))
            .ready();
        Self { sidecar, mailbox, redis, folder, _backend: backend }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn user(&self, name: &str) -> Client {
        self.sidecar.client().as_user(name)
    }

    /// Asks the sidecar.
    fn admin(&self, arguments: &[&str]) -> Ended {
        self.admin_reading(arguments, "")
    }

    fn admin_reading(&self, arguments: &[&str], input: &str) -> Ended {
        let (url, token) = (format!("http://{}", self.sidecar.admin), self.path("admin-token"));
        let way = ["--admin", &url, "--admin-token-file", &token];
        run(&[arguments, &way].concat(), &[], input)
    }

    /// Asks Redis.
    fn direct(&self, arguments: &[&str]) -> Ended {
        self.direct_reading(arguments, "")
    }

    fn direct_reading(&self, arguments: &[&str], input: &str) -> Ended {
        let (url, policies) = (self.redis.url(), self.path(""));
        let way = ["--state", &url, "--policies", &policies, "--code-keys", CODE_KEYS];
        run(&[arguments, &way].concat(), &[], input)
    }

    /// Locks somebody: the reference and the right code.
    async fn lock(&self, name: &str) -> (String, String) {
        let user = self.user(name);
        let (reference, code) = funded(&user, &self.mailbox).await;
        for _ in 0..3 {
            user.verify(&reference, &wrong(&code)).await;
        }
        // The mail that tells of the lock.
        self.mailbox.next_mail().await;
        (reference, code)
    }
}

/// What differs from run to run, replaced by what it is.
fn stable(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, what) in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
        (r"\((in )?\d+[smhd]( \d+[smhd])?( ago)?\)", "(SOON)"),
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r"#[0-9a-f]{16}", "#PSEUDONYM"),
        (r"\b[0-9a-f]{16}\b", "HASH"),
        (r"FUND-[0-9A-Za-z-]+", "REFERENCE"),
        (r"\d+\.\d s", "SECONDS s"),
        (r"It was \d+ s old", "It was SECONDS s old"),
        (r" +", " "),
        (r" \n", "\n"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, what).into_owned();
    }
    text
}

/// Compares with `tests/data/cli/operator/<name>`.
fn assert_golden(name: &str, text: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli/operator").join(name);
    let text = stable(text);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name} (UPDATE_GOLDEN=1 writes the new text)");
}
