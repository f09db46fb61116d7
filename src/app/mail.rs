//! Mail: the channel, the workers that empty the outbox, and what becomes visible of them.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::Mail;
use crate::delivery::channel::{Channel, FailureReason};
use crate::delivery::dispatch::{DeliveryEvent, DeliveryOutcome, DeliverySink, Dispatcher};
use crate::delivery::email::EmailChannel;
use crate::delivery::probe::EmailHealth;
use crate::delivery::settings::{Sender, Settings, Timing};
use crate::domain::code::Entropy;
use crate::domain::time::Clock;
use crate::store::contract::Outbox;
use crate::store::outbox::ProcessOutbox;
use crate::telemetry::event::Event;
use crate::telemetry::propagation::TraceParent;
use crate::telemetry::recorder::Telemetry;
use crate::telemetry::span::Tracer;

/// How many attempts to send may be under way at once.
const CONCURRENCY: usize = 8;

/// Turns deliveries into events and into knowledge about the relay.
struct Told {
    telemetry: Arc<Telemetry>,
    tracer: Tracer,
    health: Arc<EmailHealth>,
}

impl Told {
    /// Records the attempt if the request that asked for it was recorded. Says where it is in the trace.
    fn trace(&self, event: &DeliveryEvent<'_>, failure: Option<&'static str>) -> Option<TraceParent> {
        let asked_by = TraceParent::parse(event.traceparent?.as_bytes())?;
        if event.outcome == DeliveryOutcome::Expired {
            return Some(asked_by);
        }
        let Some(mut span) = self.tracer.aftermath(asked_by, "deliver email", event.latency) else {
            return Some(asked_by);
        };
        span.set("otp_sidecar.channel", event.channel);
        span.set("otp_sidecar.message.kind", event.kind.as_str());
        span.set("otp_sidecar.purpose", event.purpose.as_str().to_owned());
        span.set("otp_sidecar.attempt", i64::from(event.attempt));
        let place = span.place();
        if let Some(failure) = failure {
            span.failed(failure);
        }
        Some(place)
    }
}

impl DeliverySink for Told {
    fn delivery(&self, event: &DeliveryEvent<'_>) {
        let detail;
        let failure = match event.outcome {
            DeliveryOutcome::Delivered => None,
            DeliveryOutcome::Expired => Some(("expired", "its code had expired before it could be sent")),
            DeliveryOutcome::Retried { error, .. } | DeliveryOutcome::GivenUp { error } => {
                detail = error.to_string();
                Some((error.reason.as_str(), detail.as_str()))
            }
        };
        match event.outcome {
            DeliveryOutcome::Delivered => self.health.observe(Ok(())),
            DeliveryOutcome::Retried { error, .. } | DeliveryOutcome::GivenUp { error } => {
                self.health.observe(Err(error));
            }
            DeliveryOutcome::Expired => {}
        }
        let place = self.trace(event, failure.map(|(reason, _)| reason));
        self.telemetry.emit(&Event::Delivery {
            request: event.request,
            place,
            purpose: event.purpose,
            kind: event.kind,
            failure,
            attempt: event.attempt,
            after: event.age,
            given_up: matches!(event.outcome, DeliveryOutcome::GivenUp { .. } | DeliveryOutcome::Expired),
        });
    }
}

/// Mail, not yet running.
pub struct MailService {
    dispatcher: Dispatcher,
    health: Arc<EmailHealth>,
    channel: Arc<EmailChannel>,
}

impl MailService {
    /// Prepares the channel.
    ///
    /// # Errors
    /// When TLS cannot be set up, or the sender is no address.
    pub fn new(
        mail: &Mail,
        outbox: &Arc<ProcessOutbox>,
        telemetry: &Arc<Telemetry>,
        tracer: &Tracer,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> anyhow::Result<Self> {
        let from = Sender::parse(&mail.from).context("--mail-from")?;
        let settings = Settings { target: mail.relay.clone(), from, timing: Timing::default() };
        let channel = Arc::new(EmailChannel::new(settings, Arc::clone(clock)).context("--smtp")?);
        let health = Arc::new(EmailHealth::new(Arc::clone(&channel) as Arc<dyn Channel>, Arc::clone(clock)));
        let reasons: Vec<&'static str> =
            FailureReason::ALL.iter().map(|reason| reason.as_str()).chain(["expired"]).collect();
        telemetry.metrics().prepare_email_errors(&reasons);
        let dispatcher = Dispatcher {
            outbox: Arc::clone(outbox) as Arc<dyn Outbox>,
            channel: Arc::clone(&channel) as Arc<dyn Channel>,
            sink: Arc::new(Told {
                telemetry: Arc::clone(telemetry),
                tracer: tracer.clone(),
                health: Arc::clone(&health),
            }),
            clock: Arc::clone(clock),
            entropy: Arc::clone(entropy),
            concurrency: CONCURRENCY,
        };
        Ok(Self { dispatcher, health, channel })
    }

    /// What is known of the relay.
    pub fn health(&self) -> Arc<EmailHealth> {
        Arc::clone(&self.health)
    }

    /// Starts the workers.
    pub fn start(self) -> RunningMail {
        let health = Arc::clone(&self.health);
        let probe = tokio::spawn(async move { health.run(EmailHealth::CHECK_EVERY).await });
        let (give_up, mut gives_up) = watch::channel(false);
        let dispatcher = self.dispatcher;
        let work = tokio::spawn(async move {
            dispatcher
                .run(async move {
                    let _dropped = gives_up.wait_for(|now| *now).await;
                })
                .await
        });
        RunningMail { probe, work, give_up, channel: self.channel }
    }
}

/// Mail, running.
pub struct RunningMail {
    probe: JoinHandle<()>,
    work: JoinHandle<usize>,
    give_up: watch::Sender<bool>,
    channel: Arc<EmailChannel>,
}

impl RunningMail {
    /// Sends what is left, until the deadline. Says how many messages were not sent.
    pub async fn drain(mut self, deadline: Instant) -> usize {
        self.probe.abort();
        let left = match tokio::time::timeout_at(deadline, &mut self.work).await {
            Ok(left) => left,
            Err(_) => {
                let _ended = self.give_up.send(true);
                self.work.await
            }
        };
        self.channel.close().await;
        left.unwrap_or(0)
    }
}
