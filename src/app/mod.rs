//! The composition root: it wires, starts and stops. No decision is made here.
//!
//! Two threads do the work. *Traffic* has a runtime of its own with one thread: all of the wallet's
//! requests, and nothing else. *Background* is the thread that calls [`App::run`]: mail, the admin
//! listener, reloads, key sets, signals. A scrape, a TLS handshake with a relay or the compilation of
//! a large policy never delays a payment.

pub mod direct;
pub mod host;
pub mod lines;
pub mod mail;
pub mod operator;
pub mod policies;
pub mod reports;
pub mod rulebook;
pub mod state;
pub mod traffic;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{Config, StateTarget};
use crate::domain::code::Entropy;
use crate::domain::id::InstanceId;
use crate::domain::keyring::{KeyId, Keyring};
use crate::domain::time::Clock;
use crate::enforce::{Enforcer, Parts};
use crate::identity::jwks::JwksRegistry;
use crate::proxy::upstream::{Upstream, UpstreamSettings};
use crate::server::admin;
use crate::server::admin::operations::Operations;
use crate::server::admin::routes::Admin;
use crate::server::settings::ListenerSettings;
use crate::store::contract::{Ledger, Outbox, Store};
use crate::store::memory::MemoryStore;
use crate::store::observed::Observed;
use crate::store::outbox::ProcessOutbox;
use crate::store::redis::{RedisSettings, RedisStore};
use crate::telemetry::otlp::export::{self, Exporter};
use crate::telemetry::recorder::Telemetry;
use crate::telemetry::span::Tracer;

use host::{OsEntropy, SystemClock};
use mail::MailService;
use operator::Operator;
use policies::Policies;
use reports::Reports;
use traffic::{Traffic, TrafficRuntime};

/// How many messages may wait. At a few KiB each this bounds the memory that a dead relay can cost.
const OUTBOX_CAPACITY: usize = 10_000;

/// How many calls of the store may be under way at once.
const STORE_IN_FLIGHT: usize = 1_024;

/// How long the last traces may take on their way out. Whoever stops a pod waits for it.
const FLUSH: Duration = Duration::from_secs(3);

/// How long an intercepted request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A sidecar that is ready to run: everything is checked and its addresses are taken.
pub struct App {
    traffic: Traffic,
    admin_listener: std::net::TcpListener,
    admin: Arc<Admin>,
    operator: Arc<Operator>,
    policies: Arc<Policies>,
    jwks: JwksRegistry,
    mail: Option<MailService>,
    outbox: Arc<ProcessOutbox>,
    ledger: Arc<dyn Ledger>,
    telemetry: Arc<Telemetry>,
    exporter: Option<Exporter>,
    instance: InstanceId,
    drain: Duration,
}

impl App {
    /// Checks and prepares everything.
    ///
    /// # Errors
    /// When a policy is wrong, an address is taken, or a setting cannot work. Nothing was started.
    pub fn prepare(config: Config) -> anyhow::Result<Self> {
        install_tls_provider();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let keyring = Arc::new(keyring(&config, entropy.as_ref())?);
        let instance = InstanceId::mint(entropy.as_ref());
        let telemetry = Arc::new(telemetry(&config, &keyring, &clock)?);

        let (tracer, exporter) = tracing_of(&config, &telemetry)?;

        let jwks = JwksRegistry::new();
        let policies =
            Policies::load(&config.policies, jwks.clone(), Arc::clone(&telemetry), Arc::clone(&clock))?;
        let handle = policies.handle();
        anyhow::ensure!(
            config.mail.is_some() || !policies.needs_mail(),
            "the policies send codes by e-mail, but no relay is configured: give --smtp and --mail-from"
        );
        let runtime = TrafficRuntime::new().context("the system gives no runtime")?;
        let store: Arc<dyn Store> = store(&config, &telemetry, &clock, &runtime)?;
        let outbox = Arc::new(ProcessOutbox::new(OUTBOX_CAPACITY, Arc::clone(&clock)));
        let mail = config
            .mail
            .as_ref()
            .map(|mail| MailService::new(mail, &outbox, &telemetry, &tracer, &clock, &entropy))
            .transpose()?;

        let code_keys: Vec<String> = keyring.ids().map(|kid| kid.as_str().to_owned()).collect();
        let code_key_prints = keyring.prints().map(|print| print.as_str().to_owned()).collect();
        let operations = Arc::new(Operations {
            store: Arc::clone(&store),
            rulebook: Arc::clone(&policies) as _,
            keyring: Some(Arc::clone(&keyring)),
            telemetry: Arc::clone(&telemetry),
        });
        let enforcer = Enforcer::new(Parts {
            policy: handle,
            store: Arc::clone(&store) as _,
            outbox: Arc::clone(&outbox) as _,
            upstream: Upstream::new(UpstreamSettings {
                connect_timeout: config.connect_timeout,
                answer_timeout: config.upstream_timeout,
                ..UpstreamSettings::new(config.upstream.clone())
            }),
            keyring,
            entropy,
            clock: Arc::clone(&clock),
            telemetry: Arc::clone(&telemetry),
            tracer,
            max_body: config.max_body,
            body_timeout: BODY_TIMEOUT,
        });
        let traffic = Traffic::bind(runtime, config.listen, enforcer, listener_settings(&config))
            .with_context(|| format!("cannot listen on {} (--listen)", config.listen))?;
        let admin_listener = std::net::TcpListener::bind(config.admin_listen)
            .with_context(|| format!("cannot listen on {} (--admin-listen)", config.admin_listen))?;
        admin_listener.set_nonblocking(true)?;

        let operator = Arc::new(Operator::new(
            Arc::clone(&policies),
            mail.as_ref().map(MailService::health),
            config.admin_token,
        ));
        let ledger: Arc<dyn Ledger> = Arc::clone(&store) as _;
        let admin = Arc::new(Admin {
            telemetry: Arc::clone(&telemetry),
            ledger: Arc::clone(&ledger),
            outbox: Arc::clone(&outbox) as Arc<dyn Outbox>,
            operated: Arc::clone(&operator) as _,
            code_keys,
            code_key_prints,
            clock,
            operations,
        });
        let drain = config.drain;
        Ok(Self {
            traffic,
            admin_listener,
            admin,
            operator,
            policies,
            jwks,
            mail,
            outbox,
            ledger,
            telemetry,
            exporter,
            instance,
            drain,
        })
    }

    /// Where the wallet's traffic arrives.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn traffic_addr(&self) -> std::io::Result<SocketAddr> {
        self.traffic.local_addr()
    }

    /// Where operators ask.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn admin_addr(&self) -> std::io::Result<SocketAddr> {
        self.admin_listener.local_addr()
    }

    /// Runs until `stop` completes, then stops in order: not ready, no new connections, requests in
    /// flight, messages, traces, admin listener.
    ///
    /// # Errors
    /// When a listener cannot be used or the traffic thread ends by itself.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let (traffic_addr, admin_addr) = (self.traffic_addr()?, self.admin_addr()?);
        let admin_listener = TcpListener::from_std(self.admin_listener)?;
        let (stop_admin, mut admin_stops) = watch::channel(false);
        let reports = Reports::start(Arc::clone(&self.ledger), Arc::clone(&self.telemetry), self.instance);
        let store = tokio::spawn(state::watch(self.ledger, Arc::clone(&self.admin.telemetry)));
        let admin = tokio::spawn(admin::run(admin_listener, self.admin, async move {
            let _ended = admin_stops.wait_for(|stop| *stop).await;
        }));
        let watching = tokio::spawn(Arc::clone(&self.policies).watch());
        let keys = tokio::spawn(self.jwks.run());
        let lines = tokio::spawn(lines::tend(Arc::clone(&self.telemetry)));
        let exporter = self.exporter.map(Exporter::start);
        let mail = self.mail.map(MailService::start);
        let mut traffic = self.traffic.start(self.drain)?;
        tracing::info!(listen = %traffic_addr, admin = %admin_addr, version = env!("CARGO_PKG_VERSION"), "ready");

        let ended_early = tokio::select! {
            () = stop => false,
            () = traffic.ended() => true,
        };
        tracing::info!("stopping");
        let deadline = tokio::time::Instant::now() + self.drain;
        self.operator.drain();
        let cut = traffic.stop().await;
        self.outbox.close();
        let unsent = match mail {
            Some(mail) => mail.drain(deadline).await,
            None => self.outbox.depth().messages,
        };
        if let Some(exporter) = exporter {
            exporter.stop(FLUSH).await;
        }
        reports.stop().await;
        watching.abort();
        keys.abort();
        store.abort();
        lines.abort();
        let _no_receiver = stop_admin.send(true);
        let _panicked = admin.await;
        if cut > 0 || unsent > 0 {
            tracing::warn!(
                connections_cut = cut,
                messages_unsent = unsent,
                "stopped before everything was done"
            );
        } else {
            tracing::info!("stopped");
        }
        lines::finish(&self.telemetry);
        anyhow::ensure!(!ended_early, "the traffic thread ended by itself");
        Ok(())
    }
}

/// One provider for Redis, SMTP, tokens and key sets.
fn install_tls_provider() {
    // Fails only when it is already installed, as in a process that prepares two sidecars.
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// What records traces, and what sends them away, if anything does.
fn tracing_of(config: &Config, telemetry: &Telemetry) -> anyhow::Result<(Tracer, Option<Exporter>)> {
    let Some(settings) = &config.tracing else { return Ok((Tracer::default(), None)) };
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let (tracer, exporter) = export::prepare(settings, telemetry.metrics().spans())?;
    tracing::info!(endpoint = settings.shown_endpoint(), "traces are exported");
    Ok((tracer, Some(exporter)))
}

fn listener_settings(config: &Config) -> ListenerSettings {
    ListenerSettings {
        max_connections: config.max_connections,
        header_timeout: config.header_timeout,
        ..ListenerSettings::default()
    }
}

fn telemetry(config: &Config, keyring: &Keyring, clock: &Arc<dyn Clock>) -> anyhow::Result<Telemetry> {
    let telemetry =
        Telemetry::new(keyring.pseudonyms(), Arc::clone(clock)).context("the metrics are inconsistent")?;
    match &config.audit {
        Some(settings) => Ok(telemetry.auditing(settings, Arc::clone(clock))?),
        None => Ok(telemetry),
    }
}

fn keyring(config: &Config, entropy: &dyn Entropy) -> anyhow::Result<Keyring> {
    let mut keys = config.code_keys.clone();
    if keys.is_empty() {
        let mut secret = zeroize::Zeroizing::new([0_u8; 32]);
        entropy.fill(secret.as_mut());
        keys.push((KeyId::parse("generated").map_err(anyhow::Error::new)?, secret));
    }
    Keyring::new(keys).context("no code key is configured")
}

fn store(
    config: &Config,
    telemetry: &Arc<Telemetry>,
    clock: &Arc<dyn Clock>,
    runtime: &TrafficRuntime,
) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match &config.state {
        StateTarget::Memory => {
            tracing::warn!("state is kept in memory: for one replica, and lost at a restart (see --state)");
            let memory = MemoryStore::new(Arc::clone(clock));
            Arc::new(Observed::new(memory, "memory", Arc::clone(telemetry)))
        }
        StateTarget::Redis(url) => {
            let settings = RedisSettings {
                url: url.clone(),
                deadline: config.store_deadline,
                max_in_flight: STORE_IN_FLIGHT,
            };
            let redis = match runtime.handle() {
                Some(handle) => RedisStore::driven_by(&settings, handle),
                None => RedisStore::new(&settings),
            }
            .context("--state")?;
            let redis = if config.audit.is_some() { redis } else { redis.briefly() };
            Arc::new(Observed::new(redis, "redis", Arc::clone(telemetry)))
        }
    })
}
