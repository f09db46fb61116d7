//! Sidecars on one Redis, and commands that ask them or their state.

use otp_sidecar::lab::mailbox::Mailbox;

use crate::support::backend::Backend;
use crate::support::program::{Program, Ran};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{Folder, Sidecar, Start, mailbox, shipped_policies};

const ADMIN_TOKEN: &str = "the-admin-token-of-these-tests";

/// What sidecars need.
pub struct Deployment {
    pub redis: RedisServer,
    pub mailbox: Mailbox,
    backend: Backend,
    files: Folder,
}

impl Deployment {
    pub async fn new() -> Self {
        let files = Folder::new();
        files.write("token", ADMIN_TOKEN);
        files.write("other-token", "not-the-admin-token-of-these-tests");
        Self { redis: RedisServer::start(), mailbox: mailbox().await, backend: Backend::start().await, files }
    }

    /// A sidecar of it, before it is started.
    pub fn start(&self) -> Start {
        let start = Start::before(&self.backend.url()).mail(&self.mailbox).redis(&self.redis);
        start.flag("--admin-token-file", self.file("token"))
    }

    /// One of its files.
    pub fn file(&self, name: &str) -> String {
        self.files.path().join(name).to_str().unwrap().to_owned()
    }

    /// A command that asks this sidecar.
    pub async fn asks(&self, sidecar: &Sidecar, arguments: &[&str]) -> Ran {
        let admin = format!("http://{}", sidecar.admin);
        let program = Program::new(arguments).argument("--admin").argument(&admin);
        program.argument("--admin-token-file").argument(&self.file("token")).finished().await
    }

    /// A command that asks the state.
    pub async fn asks_state(&self, arguments: &[&str]) -> Ran {
        let (url, policies) = (self.redis.url(), shipped_policies());
        let program = Program::new(arguments).argument("--state").argument(&url);
        program.argument("--policies").argument(policies.to_str().unwrap()).finished().await
    }
}

/// A point in time that is far away, as scores of Redis have it.
pub const FAR: &str = "4102444800000";

/// Puts so many people on a list of the first shard.
pub fn plant(redis: &RedisServer, key: &str, until: &str, people: u32) {
    let mut command = vec!["ZADD".to_owned(), key.to_owned()];
    (0..people).for_each(|person| command.extend([until.to_owned(), format!("person-{person}")]));
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    assert_eq!(redis.ask::<u32>(&command), people);
    redis.ask::<u32>(&["EXPIRE", key, "86400"]);
}

/// The words of the findings of a document.
pub fn findings(ran: &Ran) -> Vec<String> {
    let document = ran.json();
    let findings = document["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["finding"].as_str().unwrap().to_owned()).collect()
}
