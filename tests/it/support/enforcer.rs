//! A real enforcer behind a real listener in this process, on a store and a queue that a test decides.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use otp_sidecar::app::host::{OsEntropy, SystemClock};
use otp_sidecar::domain::keyring::{KeyId, Keyring};
use otp_sidecar::domain::time::Clock;
use otp_sidecar::enforce::handle::{InForce, PolicyHandle};
use otp_sidecar::enforce::{Enforcer, Parts};
use otp_sidecar::identity::jwks::JwksRegistry;
use otp_sidecar::identity::jwt::Authenticator;
use otp_sidecar::proxy::body::Body;
use otp_sidecar::proxy::target::Target;
use otp_sidecar::proxy::upstream::{Upstream, UpstreamSettings};
use otp_sidecar::reload::load_initial;
use otp_sidecar::server::Handler;
use otp_sidecar::server::listener;
use otp_sidecar::server::settings::ListenerSettings;
use otp_sidecar::store::contract::Challenges;
use otp_sidecar::store::outbox::ProcessOutbox;
use otp_sidecar::telemetry::audit::settings::{AuditSettings, Destination};
use otp_sidecar::telemetry::recorder::Telemetry;
use otp_sidecar::telemetry::span::Tracer;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::client::Client;

/// What a test decides.
pub struct Made<'a> {
    /// The folder of the policies.
    pub policies: &'a Path,
    pub store: Arc<dyn Challenges>,
    /// How many messages may wait. Nobody takes them out.
    pub queue: usize,
    /// The backend.
    pub upstream: SocketAddr,
    /// The file of the audit log, if there is to be one.
    pub audit: Option<&'a Path>,
}

/// A listener. Dropping it closes it.
pub struct Served {
    addr: SocketAddr,
    serving: JoinHandle<()>,
}

struct Guarded(Arc<Enforcer>);

impl Handler for Guarded {
    async fn handle(&self, request: Box<Request<Body>>, peer: SocketAddr) -> Response<Body> {
        self.0.handle(request, peer).await
    }
}

impl Made<'_> {
    /// Listens on a free port.
    pub async fn serve(self) -> Served {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        let handler = Arc::new(Guarded(Arc::new(self.enforcer())));
        let end = std::future::pending::<()>();
        let serving = tokio::spawn(async move {
            listener::run(socket, handler, ListenerSettings::default(), end).await;
        });
        Served { addr, serving }
    }

    fn enforcer(self) -> Enforcer {
        let loaded = load_initial(self.policies).unwrap();
        let authenticator = Authenticator::new(&loaded.snapshot.identity, &JwksRegistry::new()).unwrap();
        let policy = PolicyHandle::new(InForce { snapshot: loaded.snapshot, authenticator });
        let keyring = Keyring::new([(KeyId::parse("t").unwrap(), Zeroizing::new([1; 32]))]).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let target = Target::Tcp { host: self.upstream.ip().to_string(), port: self.upstream.port() };
        let telemetry = Telemetry::new(keyring.pseudonyms(), clock.clone()).unwrap();
        let telemetry = match self.audit {
            Some(path) => telemetry.auditing(&settings(path), Arc::clone(&clock)).unwrap(),
            None => telemetry,
        };
        Enforcer::new(Parts {
            policy,
            store: self.store,
            outbox: Arc::new(ProcessOutbox::new(self.queue, Arc::clone(&clock))),
            upstream: Upstream::new(UpstreamSettings::new(target)),
            telemetry: Arc::new(telemetry),
            keyring: Arc::new(keyring),
            entropy: Arc::new(OsEntropy),
            clock,
            max_body: 65_536,
            body_timeout: Duration::from_secs(5),
            tracer: Tracer::default(),
        })
    }
}

fn settings(path: &Path) -> AuditSettings {
    AuditSettings {
        destination: Destination::File(path.to_owned()),
        max_size: 1 << 20,
        max_age: Duration::from_secs(3_600),
        keep: 1,
        queue: 1_000,
    }
}

impl Served {
    /// Calls it as the wallet's clients do.
    pub fn client(&self) -> Client {
        Client::new(format!("http://{}", self.addr))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
