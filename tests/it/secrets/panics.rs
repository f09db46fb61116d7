//! A fault in the sidecar whose message quotes what it tripped over.
//!
//! There is no way to cause one from outside, so this program runs one of its own tests again as a process
//! of its own: a real listener and enforcer on a store that panics.

use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome};
use otp_sidecar::domain::issue::{IssueCommand, IssueOutcome};
use otp_sidecar::domain::verify::{SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome};
use otp_sidecar::store::contract::{Challenges, Stamped, StoreError};
use otp_sidecar::telemetry::log::{self, Format};

use crate::support::client::{JWT_SECRET, token};
use crate::support::enforcer::Made;
use crate::support::sidecar::shipped_policies;

const CHILD: &str = "OTP_TEST_PANICS";
const SECRET: &str = "hunter2-in-a-panic";

/// A store that quotes everything it knows when it falls.
struct Falling;

#[async_trait]
impl Challenges for Falling {
    async fn admit(&self, command: &AdmitCommand) -> Result<Stamped<AdmitOutcome>, StoreError> {
        panic!("{SECRET} {command:?}")
    }
    async fn issue(&self, command: &IssueCommand) -> Result<Stamped<IssueOutcome>, StoreError> {
        panic!("{SECRET} {command:?}")
    }
    async fn verify(&self, command: &VerifyCommand) -> Result<Stamped<VerifyOutcome>, StoreError> {
        panic!("{SECRET} {command:?}")
    }
    async fn settle(&self, command: &SettleCommand) -> Result<Stamped<SettleOutcome>, StoreError> {
        panic!("{SECRET} {command:?}")
    }
}

/// Does something only in the process that the next test starts.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the test that starts this process searches the answers too")]
async fn a_process_in_which_everything_falls() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    log::start(Format::Json);
    let made = Made {
        policies: &shipped_policies(),
        store: Arc::new(Falling),
        queue: 10,
        upstream: ([127, 0, 0, 1], 1).into(),
        audit: None,
    };
    let served = made.serve().await;
    let client = served.client().with_token(token("jane.doe@example.com", "jane.doe@example.com"));
    for answer in [client.fund(5).await, client.verify("FUND-12345", "603645").await] {
        assert_eq!(answer.word(), (500, "internal".to_owned()));
        println!("{}", answer.text());
    }
    let fallen = std::thread::spawn(|| panic!("{SECRET}")).join();
    assert!(fallen.is_err());
}

#[test]
fn a_fault_is_told_by_its_place_and_not_by_its_message() {
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "secrets::panics::a_process_in_which_everything_falls", "--nocapture"])
        .env(CHILD, "1")
        .env("RUST_LOG", "trace")
        .env("JWT_SECRET", JWT_SECRET)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}");
    let faults = said.lines().filter(|line| line.contains("\"a fault in the sidecar\""));
    assert_eq!(faults.filter(|line| line.contains("panics.rs:")).count(), 3, "{said}");
    assert!(said.contains("a fault in the sidecar ended this request"), "{said}");
    for secret in [SECRET, "603645", "jane.doe"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}
