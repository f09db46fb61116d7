//! A fault in the sidecar whose message quotes what it tripped over.
//!
//! There is no way to cause one from outside, so this program runs one of its own tests again as a process
//! of its own: a real listener and enforcer on a store that panics.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use otp_sidecar::app::host::{OsEntropy, SystemClock};
use otp_sidecar::domain::admit::{AdmitCommand, AdmitOutcome};
use otp_sidecar::domain::issue::{IssueCommand, IssueOutcome};
use otp_sidecar::domain::keyring::{KeyId, Keyring};
use otp_sidecar::domain::time::Clock;
use otp_sidecar::domain::verify::{SettleCommand, SettleOutcome, VerifyCommand, VerifyOutcome};
use otp_sidecar::enforce::handle::{InForce, PolicyHandle};
use otp_sidecar::enforce::{Enforcer, Parts};
use otp_sidecar::identity::jwks::JwksRegistry;
use otp_sidecar::identity::jwt::Authenticator;
use otp_sidecar::proxy::body::Body;
use otp_sidecar::proxy::upstream::{Target, Upstream, UpstreamSettings};
use otp_sidecar::reload::load_initial;
use otp_sidecar::server::Handler;
use otp_sidecar::server::listener::{self, ListenerSettings};
use otp_sidecar::store::contract::{Challenges, Stamped, StoreError};
use otp_sidecar::store::outbox::ProcessOutbox;
use otp_sidecar::telemetry::log::{self, Format};
use otp_sidecar::telemetry::recorder::Telemetry;
use otp_sidecar::telemetry::span::Tracer;
use zeroize::Zeroizing;

use crate::support::client::{Client, JWT_SECRET, token};
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

struct Guarded(Arc<Enforcer>);

impl Handler for Guarded {
    async fn handle(&self, request: Box<Request<Body>>, peer: std::net::SocketAddr) -> Response<Body> {
        self.0.handle(request, peer).await
    }
}

fn enforcer() -> Enforcer {
    let loaded = load_initial(&shipped_policies()).unwrap();
    let authenticator = Authenticator::new(&loaded.snapshot.identity, &JwksRegistry::new()).unwrap();
    let policy = PolicyHandle::new(InForce { snapshot: loaded.snapshot, authenticator });
    let keyring = Keyring::new([(KeyId::parse("t").unwrap(), Zeroizing::new([1; 32]))]).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Enforcer::new(Parts {
        policy,
        store: Arc::new(Falling),
        outbox: Arc::new(ProcessOutbox::new(10, Arc::clone(&clock))),
        upstream: Upstream::new(UpstreamSettings::new(Target::Tcp { host: "127.0.0.1".to_owned(), port: 1 })),
        telemetry: Arc::new(Telemetry::new(keyring.pseudonyms()).unwrap()),
        keyring: Arc::new(keyring),
        entropy: Arc::new(OsEntropy),
        clock,
        max_body: 65_536,
        body_timeout: Duration::from_secs(5),
        tracer: Tracer::default(),
    })
}

/// Does something only in the process that the next test starts.
#[tokio::test]
#[expect(clippy::print_stdout, reason = "the test that starts this process searches the answers too")]
async fn a_process_in_which_everything_falls() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    log::start(Format::Json);
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(format!("http://{}", socket.local_addr().unwrap()))
        .with_token(token("jane.doe@example.com", "jane.doe@example.com"));
    let handler = Arc::new(Guarded(Arc::new(enforcer())));
    let serving = tokio::spawn(listener::run(
        socket,
        handler,
        ListenerSettings::default(),
        std::future::pending::<()>(),
    ));
    for answer in [client.fund(5).await, client.verify("FUND-12345", "603645").await] {
        assert_eq!(answer.word(), (500, "internal".to_owned()));
        println!("{}", answer.text());
    }
    let fallen = std::thread::spawn(|| panic!("{SECRET}")).join();
    assert!(fallen.is_err());
    serving.abort();
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
