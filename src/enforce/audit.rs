//! What the audit log is told of one request: the decision when it is made, and what ended it later.

use super::Enforcer;
use super::context::Context;
use crate::policy::decision::Denial;
use crate::policy::snapshot::Action;
use crate::telemetry::event::{Event, Ruling};
use crate::telemetry::label::outcome;

/// Why a request was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// It is within its limits, and nobody is locked.
    Admitted,
    /// Its code is right, and reserved for it.
    Matched,
    /// The sidecar itself made a code.
    Issued,
    /// The sidecar itself told where a code stands.
    Told,
}

impl Allowed {
    fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Matched => "matched",
            Self::Issued => "issued",
            Self::Told => "told",
        }
    }
}

impl Enforcer {
    /// Tells that a request was let through, once.
    pub(super) fn allowed(&self, context: &Context, why: Allowed) {
        if self.parts.telemetry.audit().is_none() || context.known.mark_ruled() {
            return;
        }
        let right = (why == Allowed::Matched).then_some(true);
        self.ruled(context, Ruling { outcome: "allowed", reason: why.as_str(), right, ..ruling(context) });
    }

    /// Tells that a request was refused; or, if it had been let through, how it failed.
    pub(super) fn refused(&self, context: &Context, denial: &Denial) {
        if self.parts.telemetry.audit().is_none() {
            return;
        }
        let reason = denial.reason();
        if context.known.mark_ruled() {
            self.parts.telemetry.emit(&Event::Failed { actor: context.actor(), reason });
            return;
        }
        let wrong = matches!(denial, Denial::CodeInvalid { .. } | Denial::Locked { set_now: true, .. });
        self.ruled(
            context,
            Ruling {
                outcome: outcome(reason),
                reason: reason.as_str(),
                rule: denial.rule(&context.route, ruling(context).purpose),
                until: denial.until(),
                right: wrong.then_some(false),
                ..ruling(context)
            },
        );
    }

    fn ruled(&self, context: &Context, ruling: Ruling<'_>) {
        self.parts.telemetry.emit(&Event::Ruled { actor: context.actor(), ruling: &ruling });
    }
}

/// What is known so far.
fn ruling(context: &Context) -> Ruling<'_> {
    let known = &context.known;
    let counted = known.counted.get();
    let named = match &context.route.action {
        Action::Issue(rule) => Some(&rule.purpose.name),
        _ => None,
    };
    Ruling {
        at: counted.map(|(at, _)| *at),
        action: context.route.action.word(),
        outcome: "",
        reason: "",
        rule: None,
        until: None,
        purpose: known.purpose.get().or(named),
        reference: known.reference.get(),
        right: None,
        tally: counted.map(|(_, tally)| tally),
    }
}
