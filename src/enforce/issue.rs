//! `issue`: the upstream agrees first, then a code is made.

use http::{HeaderMap, header};

use super::answer::{self, ReadAnswer};
use super::audit::Allowed;
use super::context::Context;
use super::guard::{Decided, Judged, unavailable};
use super::{Enforcer, unanswered};
use crate::domain::id::Reference;
use crate::domain::issue::{Expected, IssueOutcome};
use crate::domain::reason::Reason;
use crate::domain::time::Timestamp;
use crate::policy::extend;
use crate::policy::issue::{self, Order};
use crate::policy::snapshot::IssueRule;
use crate::proxy::forward::Care;
use crate::telemetry::event::Event;

impl Enforcer {
    /// Lets the request through if its subject is not locked and within the limits; makes a code if
    /// the upstream agrees.
    pub(super) async fn issue(&self, context: &Context, rule: &IssueRule, judged: Judged) -> Decided {
        let binding = judged.facts.binding(&rule.bind)?;
        let recipient = judged.facts.recipient(&rule.recipient)?;
        let command = issue::before(&context.route, &rule.purpose, &judged.facts);
        let stamped = self.parts.store.admit(&command).await.map_err(|error| unavailable(&error))?;
        context.known.counted(stamped.at, &stamped.tally);
        let (admission, _) = issue::admitted(stamped.outcome, stamped.at)?;
        self.allowed(context, Allowed::Admitted);

        let mut request = self.judged_request(context, &judged);
        ask_for_readable(request.headers_mut());
        let response = self
            .forward(context, admission, request, Care::Once)
            .await
            .map_err(|error| unanswered(&error))?;
        if !response.status().is_success() {
            self.not_issued(context, rule, Reason::UpstreamRefused);
            return Ok(response);
        }
        Ok(match answer::read(response).await {
            ReadAnswer::Unreadable(response) => {
                self.not_issued(context, rule, Reason::NoReference);
                response
            }
            ReadAnswer::Object { head, text, value } => {
                let made = match issue::reference_in(rule, &value) {
                    None => Err(Reason::NoReference),
                    Some(reference) => {
                        let order = Order {
                            purpose: &rule.purpose,
                            subject: judged.facts.subject(),
                            recipient,
                            reference,
                            expected: Expected::Anything,
                            binding,
                            request: &context.request,
                            at: stamped.at,
                        };
                        self.make(context, order).await
                    }
                };
                let fields = match made {
                    Ok(Made::Issued { .. }) => extend::sent(rule.purpose.ttl),
                    Ok(Made::TooSoon { .. } | Made::Stale) => extend::not_sent(),
                    Err(reason) => {
                        self.not_issued(context, rule, reason);
                        extend::not_sent()
                    }
                };
                answer::extended(head, &text, &value, fields)
            }
        })
    }

    /// Makes a code: a place in the queue first, then the stored digest, then the message.
    pub(super) async fn make(&self, context: &Context, order: Order<'_>) -> Result<Made, Reason> {
        let slot = self.parts.outbox.reserve().map_err(|_| Reason::OutboxFull)?;
        let recipient = order.recipient.clone();
        let (purpose, reference) = (order.purpose, order.reference.clone());
        let (command, mut message) = issue::mint(order, &self.parts.keyring, self.parts.entropy.as_ref())
            .map_err(|error| {
                tracing::error!(error = %error, decision_id = %context.request, "the mail could not be written");
                Reason::TemplateFailed
            })?;
        message.traceparent = context.trace.for_messages();
        message.queued_at = self.parts.clock.now();
        message.worthless_at = message.queued_at.plus(purpose.ttl);
        let stamped = self.parts.store.issue(&command).await.map_err(|_| Reason::StateUnavailable)?;
        match stamped.outcome {
            IssueOutcome::Issued { .. } => {
                slot.put(message);
                context.known.reference(&reference);
                self.allowed(context, Allowed::Issued);
                let actor = context.actor();
                self.parts.telemetry.emit(&Event::CodeIssued {
                    actor,
                    purpose: &purpose.name,
                    reference: &reference,
                    channel: purpose.channel.as_str(),
                    recipient: &recipient,
                    expires_in: purpose.ttl,
                });
                self.decided(context, Reason::Issued);
                Ok(Made::Issued { reference })
            }
            IssueOutcome::TooSoon { retry_at } => Ok(Made::TooSoon { retry_at, at: stamped.at }),
            IssueOutcome::Stale => Ok(Made::Stale),
            IssueOutcome::Spent => Err(Reason::ReferenceSpent),
        }
    }

    fn not_issued(&self, context: &Context, rule: &IssueRule, reason: Reason) {
        let actor = context.actor();
        self.parts.telemetry.emit(&Event::CodeNotIssued { actor, purpose: &rule.purpose.name, reason });
        self.decided(context, reason);
    }
}

/// What came of making a code.
pub(super) enum Made {
    /// It is stored and its message queued.
    Issued {
        /// The challenge it belongs to.
        reference: Reference,
    },
    /// The one before it is too young.
    TooSoon {
        /// When another may be made.
        retry_at: Timestamp,
        /// When that was found.
        at: Timestamp,
    },
    /// Something else became pending in the meantime.
    Stale,
}

/// Compressed answers, parts of answers and "not modified" could not be read for their reference.
fn ask_for_readable(headers: &mut HeaderMap) {
    for name in [header::ACCEPT_ENCODING, header::RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_is_asked_for_an_answer_that_can_be_read() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
        headers.insert(header::RANGE, "bytes=0-1".parse().unwrap());
        headers.insert(header::ACCEPT, "application/json".parse().unwrap());
        ask_for_readable(&mut headers);
        assert_eq!(headers.len(), 1);
    }
}
