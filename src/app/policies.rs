//! The policy in force and its reloads: what the `reload` module reads, `enforce` uses.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::rulebook;
use crate::domain::id::Purpose;
use crate::domain::time::{Clock, Timestamp};
use crate::enforce::handle::{InForce, PolicyHandle};
use crate::identity::jwks::JwksRegistry;
use crate::identity::jwt::Authenticator;
use crate::policy::diagnostic::{Diagnostic, Diagnostics};
use crate::policy::reasons;
use crate::policy::snapshot::{Action, PolicySnapshot};
use crate::reload::{self, Outcome, ReloadReport, Reloader, Status, Subscriber, Trigger, watcher};
use crate::server::admin::health::PolicyState;
use crate::server::admin::operations::rules::{Rulebook, Rules};
use crate::telemetry::event::Event;
use crate::telemetry::metrics::{KnownLabels, KnownRoute};
use crate::telemetry::recorder::Telemetry;

/// Writes a log line of this level about one problem of a policy.
macro_rules! tell {
    ($level:ident, $problem:expr, $message:literal) => {{
        let problem: &Diagnostic = $problem;
        tracing::$level!(
            code = problem.code.as_str(),
            file = problem.file,
            line = problem.at.map(|at| at.line),
            column = problem.at.map(|at| at.column),
            problem = problem.message,
            advice = problem.advice,
            $message
        );
    }};
}

/// The policies of one sidecar.
pub struct Policies {
    handle: PolicyHandle,
    reloader: Arc<Reloader>,
}

/// Puts a new set in force, and says so.
struct Switch {
    handle: PolicyHandle,
    jwks: JwksRegistry,
    telemetry: Arc<Telemetry>,
}

impl Policies {
    /// Loads the first set.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub fn load(
        path: &Path,
        jwks: JwksRegistry,
        telemetry: Arc<Telemetry>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Arc<Self>> {
        let loaded = reload::load_initial(path)
            .with_context(|| format!("the policies in {} cannot be used", path.display()))?;
        warn(&loaded.warnings);
        let snapshot = Arc::clone(&loaded.snapshot);
        let handle = PolicyHandle::new(in_force(Arc::clone(&snapshot), &jwks)?);
        telemetry.know(&known_labels(&snapshot));
        note(&telemetry, &snapshot.hash, snapshot.routes.len(), None, clock.now());
        let switch = Arc::new(Switch { handle: handle.clone(), jwks, telemetry });
        let reloader = Arc::new(Reloader::new(loaded, clock, switch));
        Ok(Arc::new(Self { handle, reloader }))
    }

    /// Where the set in force is found.
    pub fn handle(&self) -> PolicyHandle {
        self.handle.clone()
    }

    /// Whether some route makes codes, which need a way to a person.
    pub fn needs_mail(&self) -> bool {
        let routes = &self.handle.current().snapshot.routes;
        routes.iter().any(|route| matches!(route.action, Action::Issue(_) | Action::Send(_)))
    }

    /// The purposes of the set in force.
    pub fn purposes(&self) -> Vec<Purpose> {
        self.handle.current().snapshot.purposes.keys().cloned().collect()
    }

    /// What is in force, and how the last reload went.
    pub fn state(&self) -> PolicyState {
        told(self.reloader.status())
    }

    /// Loads again, now.
    pub async fn reload(self: Arc<Self>) -> PolicyState {
        told(Arc::clone(&self.reloader).reload_now(Trigger::Call).await.status)
    }

    /// Loads again whenever the files change, and at SIGHUP. Never ends.
    pub async fn watch(self: Arc<Self>) {
        let by_signal = async {
            match signal(SignalKind::hangup()) {
                Ok(mut hangup) => {
                    while hangup.recv().await.is_some() {
                        Arc::clone(&self.reloader).reload_now(Trigger::Signal).await;
                    }
                }
                Err(error) => tracing::warn!(error = %error, "SIGHUP cannot be watched"),
            }
            std::future::pending::<()>().await;
        };
        tokio::join!(watcher::run(Arc::clone(&self.reloader)), by_signal);
    }
}

impl Rulebook for Policies {
    fn rules(&self) -> Arc<Rules> {
        Arc::new(rulebook::rules(&self.handle.current().snapshot))
    }
}

impl Subscriber for Switch {
    fn replace(&self, snapshot: Arc<PolicySnapshot>) -> Result<(), String> {
        let next = in_force(Arc::clone(&snapshot), &self.jwks).map_err(|error| format!("{error:#}"))?;
        self.telemetry.know(&known_labels(&snapshot));
        self.handle.replace(next);
        Ok(())
    }

    fn report(&self, report: &ReloadReport) {
        if let Outcome::Replaced { warnings } = &report.outcome {
            warn(warnings);
        }
        let Status { hash, routes, at, error, problems } = &report.status;
        note(&self.telemetry, hash, *routes, error.as_deref(), *at);
        for problem in problems.iter() {
            tell!(error, problem, "the policy is wrong");
        }
    }
}

fn in_force(snapshot: Arc<PolicySnapshot>, jwks: &JwksRegistry) -> anyhow::Result<InForce> {
    let authenticator =
        Authenticator::new(&snapshot.identity, jwks).context("the policy's identity cannot be used")?;
    Ok(InForce { snapshot, authenticator })
}

fn note(
    telemetry: &Telemetry,
    hash: &crate::domain::id::PolicyHash,
    routes: usize,
    error: Option<&str>,
    at: Timestamp,
) {
    telemetry.emit(&Event::Reload { hash, routes, error, at });
}

fn warn(warnings: &Diagnostics) {
    for warning in warnings.iter() {
        tell!(warn, warning, "the policy is legal but unwise");
    }
}

fn known_labels(snapshot: &PolicySnapshot) -> KnownLabels {
    KnownLabels {
        purposes: snapshot
            .purposes
            .values()
            .map(|rules| (rules.name.clone(), rules.channel.as_str()))
            .collect(),
        limits: snapshot
            .limits
            .keys()
            .cloned()
            .chain([crate::domain::id::LimitName::resend_cooldown()])
            .collect(),
        routes: snapshot
            .routes
            .iter()
            .map(|route| KnownRoute {
                name: route.name.clone(),
                action: route.action.as_str(),
                reasons: reasons::of(&route.action),
            })
            .collect(),
    }
}

fn told(status: Status) -> PolicyState {
    PolicyState {
        hash: status.hash,
        routes: status.routes,
        at: status.at,
        error: status.error,
        problems: status.problems.to_json(),
    }
}
