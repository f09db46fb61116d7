//! `send` and `status`: answered by the sidecar itself, the upstream is not asked.

use http::StatusCode;

use super::audit::Allowed;
use super::context::Context;
use super::guard::{Decided, unavailable};
use super::issue::Made;
use super::{Enforcer, respond};
use crate::domain::admit::{AdmitCommand, Standing, Standpoint};
use crate::domain::reason::Reason;
use crate::domain::time::Timestamp;
use crate::policy::decision::{Denial, NotFound};
use crate::policy::facts::Facts;
use crate::policy::issue::{self, Order};
use crate::policy::snapshot::{PurposeRules, SendRule, StatusRule};
use crate::policy::{status, wire};

impl Enforcer {
    /// Sends another code of the pending challenge, or the first one of a new one.
    pub(super) async fn send(&self, context: &Context, rule: &SendRule, facts: &Facts) -> Decided {
        let purpose = facts.purpose(&rule.purpose, &context.in_force.snapshot.purposes)?;
        context.known.purpose(&purpose.name);
        let recipient = facts.recipient(&rule.recipient)?;
        let command = issue::before(&context.route, purpose, facts);
        let stamped = self.parts.store.admit(&command).await.map_err(|error| unavailable(&error))?;
        context.known.counted(stamped.at, &stamped.tally);
        let (_, mut standing) = issue::admitted(stamped.outcome, stamped.at)?;
        let mut at = stamped.at;
        // A second request of the same person may have changed what is pending: look once more.
        for _ in 0..2 {
            let (reference, expected, binding) =
                issue::resend(standing.pending.take(), self.parts.entropy.as_ref())?;
            let order = Order {
                purpose,
                subject: facts.subject(),
                recipient: recipient.clone(),
                reference,
                expected,
                binding,
                request: &context.request,
                at,
            };
            match self.make(context, order).await.map_err(issue::not_made)? {
                Made::Issued { reference } => {
                    return Ok(respond::json(StatusCode::OK, &wire::sent_json(purpose, &reference), context));
                }
                Made::TooSoon { retry_at, at } => return Err(issue::too_soon(retry_at, at)),
                Made::Stale => (standing, at) = self.standing(purpose, facts).await?,
            }
        }
        Err(Denial::CodeNotFound(NotFound::Superseded))
    }

    async fn standing(&self, purpose: &PurposeRules, facts: &Facts) -> Result<(Standing, Timestamp), Denial> {
        let command = AdmitCommand {
            standpoint: Some(Standpoint {
                subject: facts.subject().clone(),
                purpose: purpose.name.clone(),
                refuse_locked: true,
            }),
            takes: Vec::new(),
        };
        let stamped = self.parts.store.admit(&command).await.map_err(|error| unavailable(&error))?;
        let (_, standing) = issue::admitted(stamped.outcome, stamped.at)?;
        Ok((standing, stamped.at))
    }

    /// Tells where a code stands.
    pub(super) async fn status(&self, context: &Context, rule: &StatusRule, facts: &Facts) -> Decided {
        let purpose = facts.purpose(&rule.purpose, &context.in_force.snapshot.purposes)?;
        context.known.purpose(&purpose.name);
        let command = status::before(&context.route, purpose, facts);
        let stamped = self.parts.store.admit(&command).await.map_err(|error| unavailable(&error))?;
        context.known.counted(stamped.at, &stamped.tally);
        let (_, standing) = issue::admitted(stamped.outcome, stamped.at)?;
        self.allowed(context, Allowed::Told);
        self.decided(context, Reason::Told);
        let view = status::view(purpose, &standing, stamped.at);
        Ok(respond::json(StatusCode::OK, &wire::status_json(&view), context))
    }
}
