//! `verify`: reserve, forward, then commit or release.

use std::sync::Arc;
use std::time::Duration;

use super::audit::Allowed;
use super::context::Context;
use super::guard::{Decided, Judged, unavailable};
use super::{Enforcer, unanswered};
use crate::domain::admit::Refusal;
use crate::domain::id::Purpose;
use crate::domain::lockout::Lock;
use crate::domain::reason::Reason;
use crate::domain::time::Timestamp;
use crate::domain::verify::{SettleCommand, SettleOutcome, Settlement, VerifyCommand, VerifyOutcome};
use crate::policy::facts::Facts;
use crate::policy::snapshot::VerifyRule;
use crate::policy::verify::{self, Answer, Hold};
use crate::proxy::failure::UpstreamError;
use crate::proxy::forward::Care;
use crate::store::contract::{Challenges, Stamped, StoreError};
use crate::telemetry::event::{Event, Settled};
use crate::telemetry::span;

/// How often a settlement is tried when the store does not answer.
const SETTLE_TRIES: u32 = 5;

impl Enforcer {
    /// Lets the request through with a right code only.
    pub(super) async fn verify(&self, context: &Arc<Context>, rule: &VerifyRule, judged: Judged) -> Decided {
        let keyring = &self.parts.keyring;
        let command = verify::before(&context.route, rule, &judged.facts, keyring, &context.request)?;
        context.known.reference(&command.reference);
        let stamped = match self.parts.store.verify(&command).await {
            Ok(stamped) => stamped,
            Err(error) => {
                self.release_unanswered(&command, &error);
                return Err(unavailable(&error));
            }
        };
        context.known.counted(stamped.at, &stamped.tally);
        self.note_outcome(context, &judged.facts, &stamped);
        let (admission, hold) = verify::reserved(command, stamped.outcome, stamped.at)?;
        self.allowed(context, Allowed::Matched);

        let request = self.judged_request(context, &judged);
        match self.forward(context, admission, request, Care::Once).await {
            Ok(response) => {
                let answer = Answer::Status(response.status().as_u16());
                self.settle(context, rule, hold, answer).await;
                Ok(response)
            }
            Err(error) => {
                let answer = match error {
                    UpstreamError::NotSent(_) => Answer::NotSent,
                    UpstreamError::Timeout(_)
                    | UpstreamError::Unclear(_)
                    | UpstreamError::Switched
                    | UpstreamError::Request(_) => Answer::Unclear,
                };
                self.settle(context, rule, hold, answer).await;
                Err(unanswered(&error))
            }
        }
    }

    /// Settles the reservation as the upstream's answer demands. When the store does not answer now,
    /// the challenge stays reserved, which is safe: its code cannot be used again.
    async fn settle(&self, context: &Context, rule: &VerifyRule, hold: Hold, answer: Answer) {
        let (purpose, age) = (hold.purpose.clone(), hold.age);
        let actor = context.actor();
        let telemetry = &self.parts.telemetry;
        let settled = |result| telemetry.emit(&Event::Settled { actor, purpose: &purpose, result, age });
        let Some(command) = hold.settle(rule, answer) else {
            telemetry.emit(&Event::Unsettled { actor, detail: "it is unknown whether the upstream acted" });
            settled(Settled::Unknown);
            self.decided(context, Reason::OutcomeUnknown);
            return;
        };
        let settlement = command.settlement;
        match self.parts.store.settle(&command).await {
            Ok(stamped) if stamped.outcome == SettleOutcome::Settled => settled(match settlement {
                Settlement::Commit => Settled::Committed,
                Settlement::Release => Settled::Released,
            }),
            Ok(_) => {
                let detail = "the store no longer knows the reservation";
                telemetry.emit(&Event::Unsettled { actor, detail });
                settled(Settled::Held);
            }
            Err(error) => {
                let detail = error.to_string();
                telemetry.emit(&Event::Unsettled { actor, detail: &detail });
                settled(Settled::Held);
                self.settle_later(command);
            }
        }
        match settlement {
            Settlement::Commit => {
                telemetry.emit(&Event::CodeAccepted { actor, purpose: &purpose, age });
                self.decided(context, Reason::Verified);
            }
            // A release after a failure to connect is noted as that failure, by whoever answers it.
            Settlement::Release if answer != Answer::NotSent => self.decided(context, Reason::Released),
            Settlement::Release => {}
        }
    }

    /// A store that did not answer in time may have reserved the challenge all the same. Nothing was
    /// forwarded, so the code is given back.
    fn release_unanswered(&self, command: &VerifyCommand, error: &StoreError) {
        if matches!(error, StoreError::Unreachable(_) | StoreError::Overloaded) {
            return;
        }
        self.settle_later(SettleCommand {
            subject: command.subject.clone(),
            reference: command.reference.clone(),
            request: command.request.clone(),
            settlement: Settlement::Release,
        });
    }

    fn settle_later(&self, command: SettleCommand) {
        let store = Arc::clone(&self.parts.store);
        let trace = span::current().unwrap_or_default();
        tokio::spawn(trace.within(async move { retry_settlement(store.as_ref(), &command).await }));
    }

    fn note_outcome(&self, context: &Context, facts: &Facts, stamped: &Stamped<VerifyOutcome>) {
        let Stamped { at, outcome, tally } = stamped;
        let (at, actor) = (*at, context.actor());
        let about = tally.account.as_ref().map(|account| &account.purpose);
        let telemetry = &self.parts.telemetry;
        let failed = |purpose: Option<&Purpose>, reason: Reason, attempt: Option<u32>| {
            telemetry.emit(&Event::VerifyFailed { actor, purpose, reason, attempt });
        };
        match outcome {
            VerifyOutcome::Reserved { purpose, .. } => telemetry.emit(&Event::CodeMatched { purpose }),
            VerifyOutcome::Mismatch { purpose, left, lock } => {
                let rules = context.in_force.snapshot.purposes.get(purpose);
                let after = rules.map_or(0, |rules| rules.lockout.after);
                failed(Some(purpose), Reason::Invalid, Some(after.saturating_sub(*left)));
                if let Some(lock) = lock {
                    telemetry.emit(&Event::Locked { actor, purpose, lock: *lock, attempts: after });
                    self.tell_of_lock(context, facts, purpose, *lock, at);
                }
            }
            VerifyOutcome::Expired { purpose } => failed(Some(purpose), Reason::Expired, None),
            VerifyOutcome::Superseded { purpose } => failed(Some(purpose), Reason::Superseded, None),
            VerifyOutcome::Spent { purpose } => failed(Some(purpose), Reason::Used, None),
            VerifyOutcome::UnknownKey { purpose } => failed(Some(purpose), Reason::UnknownKey, None),
            VerifyOutcome::Unknown => failed(None, Reason::NotFound, None),
            VerifyOutcome::Refused(Refusal::Locked(Lock::Disabled)) => failed(about, Reason::Disabled, None),
            VerifyOutcome::Refused(Refusal::Locked(Lock::Until(_))) => failed(about, Reason::Locked, None),
            VerifyOutcome::Refused(Refusal::Limited(_)) => failed(about, Reason::RateLimited, None),
        }
    }

    /// The person is told once, when the lock begins. A full queue or a token without an address only
    /// costs the notice.
    fn tell_of_lock(&self, context: &Context, facts: &Facts, purpose: &Purpose, lock: Lock, at: Timestamp) {
        let Some(rules) = context.in_force.snapshot.purposes.get(purpose) else { return };
        match verify::lock_notice(rules, facts, lock, &context.request, at) {
            Ok(Some(mut message)) => {
                message.traceparent = context.trace.for_messages();
                match self.parts.outbox.reserve() {
                    Ok(slot) => slot.put(message),
                    Err(full) => {
                        tracing::warn!(error = %full, decision_id = %context.request, "lock notice not sent")
                    }
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = %error, decision_id = %context.request, "lock notice could not be written");
            }
        }
    }
}

async fn retry_settlement(store: &dyn Challenges, command: &SettleCommand) {
    for attempt in 0..SETTLE_TRIES {
        tokio::time::sleep(Duration::from_millis(200) * 3_u32.pow(attempt)).await;
        // What timed out may still be on its way to the store, and take effect after a first release.
        let settled =
            store.settle(command).await.is_ok_and(|stamped| stamped.outcome == SettleOutcome::Settled);
        if settled {
            return;
        }
    }
}
