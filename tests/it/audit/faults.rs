//! Failures that nobody can cause from outside: a store that is overloaded, fails half-way or falls, and
//! a queue of mails without room. A real enforcer in this process meets them.

use std::sync::Arc;

use async_trait::async_trait;
use otp_sidecar::app::host::SystemClock;
use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome};
use otp_sidecar::domain::issue::{IssueCommand, IssueOutcome};
use otp_sidecar::domain::verify::{SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome};
use otp_sidecar::store::contract::{Challenges, Stamped, StoreError};
use otp_sidecar::store::memory::MemoryStore;
use serde_json::{Value, json};

use crate::support::audit::{AuditFile, assert_fits_the_schema};
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client, JWT_SECRET};
use crate::support::enforcer::{Made, Served};
use crate::support::sidecar::Folder;

/// How a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Overloaded,
    Panics,
    /// It admits, and then no code can be stored.
    IssuesNothing,
}

/// A store in memory, with a trouble.
struct Troubled(MemoryStore, Trouble);

impl Troubled {
    fn meets(&self) -> Result<(), StoreError> {
        match self.1 {
            Trouble::Overloaded => Err(StoreError::Overloaded),
            Trouble::Panics => panic!("on purpose"),
            Trouble::None | Trouble::IssuesNothing => Ok(()),
        }
    }
}

#[async_trait]
impl Challenges for Troubled {
    async fn admit(&self, command: &AdmitCommand) -> Result<Stamped<AdmitOutcome>, StoreError> {
        self.meets()?;
        self.0.admit(command).await
    }
    async fn issue(&self, command: &IssueCommand) -> Result<Stamped<IssueOutcome>, StoreError> {
        self.meets()?;
        match self.1 {
            Trouble::IssuesNothing => Err(StoreError::Failed("on purpose".to_owned())),
            _ => self.0.issue(command).await,
        }
    }
    async fn verify(&self, command: &VerifyCommand) -> Result<Stamped<VerifyOutcome>, StoreError> {
        self.meets()?;
        self.0.verify(command).await
    }
    async fn settle(&self, command: &SettleCommand) -> Result<Stamped<SettleOutcome>, StoreError> {
        self.0.settle(command).await
    }
}

/// An enforcer in trouble, with an audit file.
struct World {
    audit: AuditFile,
    served: Served,
    _backend: Backend,
    _folder: Folder,
}

impl World {
    async fn with(trouble: Trouble, queue: usize) -> Self {
        let (backend, folder) = (Backend::start().await, policies());
        let audit = AuditFile::in_folder(folder.path());
        let store = Arc::new(Troubled(MemoryStore::new(Arc::new(SystemClock)), trouble));
        let made = Made {
            policies: &folder.path().join("policies"),
            store,
            queue,
            upstream: backend.addr(),
            audit: Some(&audit.0),
        };
        Self { served: made.serve().await, audit, _backend: backend, _folder: folder }
    }

    fn jane(&self) -> Client {
        self.served.client().as_user("jane")
    }

    async fn decision(&self, answer: &Answer) -> Value {
        let body = answer.json();
        let id = body["decisionId"].as_str().unwrap_or_else(|| panic!("{}", answer.text()));
        self.audit.decision(id).await
    }

    /// Funds, while no code can be made: the line that says why not.
    async fn not_issued(&self) -> Value {
        let answer = self.jane().fund(5).await;
        assert_eq!(answer.status, 200, "the wallet agreed: {}", answer.text());
        let line = self.audit.awaited("code", |_| true).await;
        let decision = self.audit.decision(line["decision_id"].as_str().unwrap()).await;
        assert_eq!((&decision["outcome"], &decision["reason"]), (&json!("allowed"), &json!("admitted")));
        assert_eq!((&line["result"], &line["subject"]), (&json!("not_issued"), &json!("jane")));
        line
    }
}

/// The shipped policy, whose secret is not in the environment of this process.
fn policies() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    folder.write("secret", JWT_SECRET);
    let file = format!("key: {{ file: {} }}", folder.path().join("secret").display());
    let text = crate::support::sidecar::changed(&[("key: { env: JWT_SECRET }", &file)]);
    folder.write("policies/default.yaml", &text);
    folder
}

/// Calls every kind of route.
async fn every_action(jane: &Client) -> [(&'static str, Answer); 4] {
    [
        ("issue", jane.fund(5).await),
        ("verify", jane.verify("FUND-00001", "603645").await),
        ("send", jane.send("wallet_funding", "jane@example.com").await),
        ("status", jane.status("wallet_funding").await),
    ]
}

async fn assert_all_fail(world: &World, status: u16, reason: &str) {
    for (action, answer) in every_action(&world.jane()).await {
        assert_eq!(answer.status, status, "{action}: {}", answer.text());
        let line = world.decision(&answer).await;
        for (field, value) in [("outcome", "failed"), ("reason", reason), ("action", action)] {
            assert_eq!(line[field], value, "{line:#}");
        }
        assert_eq!((&line["subject"], &line["rule"]), (&json!("jane"), &Value::Null));
    }
    assert!(world.audit.events("failed").is_empty(), "nothing had been let through");
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn too_many_calls_to_the_store_are_told_as_a_failure() {
    let world = World::with(Trouble::Overloaded, 10).await;
    assert_all_fail(&world, 503, "overloaded").await;
}

#[tokio::test]
async fn a_fault_of_the_sidecar_is_told_as_a_failure() {
    let world = World::with(Trouble::Panics, 10).await;
    assert_all_fail(&world, 500, "internal").await;
}

#[tokio::test]
async fn a_code_that_the_store_did_not_take_is_told_as_not_issued() {
    let world = World::with(Trouble::IssuesNothing, 10).await;
    assert_eq!(world.not_issued().await["reason"], "state_unavailable");
    assert_fits_the_schema(&world.audit.text());
}

#[tokio::test]
async fn a_queue_of_mails_without_room_is_told_as_not_issued_or_as_a_failure() {
    let world = World::with(Trouble::None, 0).await;
    assert_eq!(world.not_issued().await["reason"], "outbox_full");
    let answer = world.jane().send("wallet_funding", "jane@example.com").await;
    assert_eq!(answer.word(), (503, "overloaded".to_owned()));
    let line = world.decision(&answer).await;
    for (field, value) in [("outcome", "failed"), ("reason", "overloaded"), ("action", "send")] {
        assert_eq!(line[field], value, "{line:#}");
    }
    assert_fits_the_schema(&world.audit.text());
}
