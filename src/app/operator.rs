//! What the admin listener asks of the composition root.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::policies::Policies;
use crate::config::AdminToken;
use crate::delivery::channel::FailureReason;
use crate::delivery::probe::EmailHealth;
use crate::domain::id::Purpose;
use crate::server::admin::health::{EmailService, PolicyState};
use crate::server::admin::routes::Operated;

/// Answers for the parts.
pub struct Operator {
    policies: Arc<Policies>,
    email: Option<Arc<EmailHealth>>,
    token: Option<AdminToken>,
    draining: AtomicBool,
}

impl Operator {
    /// Answers for these.
    pub fn new(policies: Arc<Policies>, email: Option<Arc<EmailHealth>>, token: Option<AdminToken>) -> Self {
        Self { policies, email, token, draining: AtomicBool::new(false) }
    }

    /// From now on the sidecar is not ready.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Operated for Operator {
    fn email(&self) -> Option<EmailService> {
        let report = self.email.as_ref()?.report();
        Some(EmailService {
            status: report.status.as_str(),
            since: report.since,
            checked_at: report.checked_at,
            last_error: report.last_error.map(FailureReason::as_str),
            last_error_at: report.last_error_at,
        })
    }

    fn policy(&self) -> PolicyState {
        self.policies.state()
    }

    fn purposes(&self) -> Vec<Purpose> {
        self.policies.purposes()
    }

    async fn reload(&self) -> PolicyState {
        Arc::clone(&self.policies).reload().await
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn has_admin(&self) -> bool {
        self.token.is_some()
    }

    fn is_admin(&self, token: &str) -> bool {
        self.token.as_ref().is_some_and(|known| known.is(token))
    }
}
