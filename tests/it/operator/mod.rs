//! The operator's commands as processes: against a running sidecar and straight at its Redis, with the same
//! words either way.

mod bad_input;
mod explain;
mod locks;
mod top;

use otp_sidecar::lab::mailbox::Mailbox;
use regex::Regex;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::program::{self, Program, Ran};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{CODE_KEYS, Folder, Sidecar, Start, funded, mailbox, wrong};

const TOKEN: &str = "the-admin-token-of-these-tests";

/// Runs the program as ada on her laptop.
fn run(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ran {
    let program = Program::new(arguments).env("USER", "ada").env("HOSTNAME", "laptop");
    program.envs(variables).input(input).run()
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
    fn admin(&self, arguments: &[&str]) -> Ran {
        self.admin_reading(arguments, "")
    }

    fn admin_reading(&self, arguments: &[&str], input: &str) -> Ran {
        let (url, token) = (format!("http://{}", self.sidecar.admin), self.path("admin-token"));
        let way = ["--admin", &url, "--admin-token-file", &token];
        run(&[arguments, &way].concat(), &[], input)
    }

    /// Asks Redis.
    fn direct(&self, arguments: &[&str]) -> Ran {
        self.direct_reading(arguments, "")
    }

    fn direct_reading(&self, arguments: &[&str], input: &str) -> Ran {
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
    program::assert_golden(&format!("operator/{name}"), &stable(text));
}
