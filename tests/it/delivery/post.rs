//! What the delivery tests share: messages, a channel to a relay, a dispatcher and a witness.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use otp_sidecar::delivery::channel::{Channel, DeliveryError, FailureKind, FailureReason};
use otp_sidecar::delivery::dispatch::{DeliveryEvent, DeliveryOutcome, DeliverySink, Dispatcher};
use otp_sidecar::delivery::email::EmailChannel;
use otp_sidecar::delivery::settings::{Sender, Settings, Timing};
use otp_sidecar::delivery::target::parse_smtp;
use otp_sidecar::domain::code::Entropy;
use otp_sidecar::domain::id::{Purpose, RequestId};
use otp_sidecar::domain::outbox::{Envelope, Message, MessageKind};
use otp_sidecar::domain::subject::Recipient;
use otp_sidecar::domain::time::{Clock, Timestamp};
use otp_sidecar::store::contract::Outbox;
use otp_sidecar::store::outbox::ProcessOutbox;
use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::support::smtp::SmtpServer;

pub const CODE: &str = "603645";
pub const RECIPIENT: &str = "jane.doe@customer.example";
/// The relay's login as a URL spells it.
pub const LOGIN: &str = "otp%40wallet.example:correct%20horse@";

/// A clock that runs from a fixed beginning.
pub struct Running(Instant);

impl Running {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for Running {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_768_000_000_000).plus(self.0.elapsed())
    }
}

struct Even;

impl Entropy for Even {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0xff);
    }
}

pub fn envelope(code: &str) -> Envelope {
    Envelope {
        recipient: Recipient::parse(RECIPIENT).unwrap(),
        subject: "Ihr Code für ₦5,000".to_owned(),
        text: Zeroizing::new(format!("Your code to add ₦5,000:\n\n{code}\n\nIt lasts 5 minutes.\n")),
        html: Some(Zeroizing::new(format!("<p>Your code to add &#8358;5,000:</p>\n<p>{code}</p>\n"))),
    }
}

pub fn request(number: u32) -> RequestId {
    RequestId::parse(&format!("{number:032x}")).unwrap()
}

/// A channel to the URL that `form` makes of a relay, with short limits.
pub fn channel(url: &str) -> EmailChannel {
    channel_within(url, Duration::from_secs(10))
}

pub fn channel_within(url: &str, attempt: Duration) -> EmailChannel {
    let target = parse_smtp(url, &|_| None).unwrap();
    let from = Sender::parse("Wallet <otp@wallet.example>").unwrap();
    let timing = Timing { attempt, ..Timing::default() };
    EmailChannel::new(Settings { target, from, timing }, Running::new()).unwrap()
}

pub fn starttls(server: &SmtpServer) -> String {
    format!("smtp://{LOGIN}localhost:{}?tls=required&ca={}", server.port("starttls"), server.ca())
}

pub fn implicit(server: &SmtpServer) -> String {
    format!("smtps://{LOGIN}127.0.0.1:{}?ca={}", server.port("implicit"), server.ca())
}

/// What a failed attempt says, after a look at whether it says too much.
pub fn failure(result: Result<(), DeliveryError>) -> (FailureKind, FailureReason) {
    let error = result.expect_err("the relay took it");
    assert_discreet(&format!("{error} {error:?}"));
    (error.kind, error.reason)
}

/// No text for people or logs may hold a code, a credential or an address.
pub fn assert_discreet(text: &str) {
    // The password also as AUTH LOGIN and AUTH PLAIN spell it.
    for secret in [CODE, "correct horse", "Y29ycmVjdCBob3JzZQ", "AG90cEB3YWxsZXQ", "jane.doe", "otp@wallet"] {
        assert!(!text.contains(secret), "{secret:?} shows in {text:?}");
    }
}

/// A dispatcher's surroundings, and what it told.
pub struct Post {
    pub outbox: Arc<ProcessOutbox>,
    pub witness: Arc<Witness>,
    pub clock: Arc<Running>,
}

impl Post {
    pub fn new() -> Self {
        let clock = Running::new();
        let outbox = Arc::new(ProcessOutbox::new(100, clock.clone()));
        Self { outbox, witness: Arc::default(), clock }
    }

    pub fn put(&self, number: u32) {
        self.put_until(number, Duration::from_secs(300));
    }

    pub fn put_until(&self, number: u32, worth: Duration) {
        let now = self.clock.now();
        self.outbox.reserve().unwrap().put(Message {
            request: request(number),
            purpose: Purpose::parse("wallet_funding").unwrap(),
            kind: MessageKind::Code,
            envelope: envelope(CODE),
            queued_at: now,
            worthless_at: now.plus(worth),
            traceparent: None,
        });
    }

    pub fn dispatcher(&self, channel: impl Channel + 'static) -> Dispatcher {
        Dispatcher {
            outbox: self.outbox.clone(),
            channel: Arc::new(channel),
            sink: self.witness.clone(),
            clock: self.clock.clone(),
            entropy: Arc::new(Even),
            concurrency: 4,
        }
    }

    /// Dispatches until the condition holds for what was told.
    pub async fn dispatch_until(
        &self,
        channel: impl Channel + 'static,
        condition: impl Fn(&[Told]) -> bool + Send,
    ) -> Vec<Told> {
        self.dispatcher(channel).run(self.witness.until(condition)).await;
        self.witness.told()
    }
}

/// What was told of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub request: RequestId,
    pub attempt: u32,
    pub outcome: &'static str,
    pub reason: Option<FailureReason>,
}

/// Remembers what it is told.
#[derive(Default)]
pub struct Witness {
    told: Mutex<Vec<Told>>,
    more: Notify,
}

impl Witness {
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    pub fn until(&self, condition: impl Fn(&[Told]) -> bool + Send) -> impl Future<Output = ()> + Send {
        let wait = async move {
            while !condition(&self.told()) {
                self.more.notified().await;
            }
        };
        async move {
            let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
            assert!(waited.is_ok(), "nothing more came after {:?}", self.told());
        }
    }
}

impl DeliverySink for Witness {
    fn delivery(&self, event: &DeliveryEvent<'_>) {
        assert_discreet(&format!("{event:?}"));
        let (outcome, reason) = match event.outcome {
            DeliveryOutcome::Delivered => ("delivered", None),
            DeliveryOutcome::Retried { error, .. } => ("retried", Some(error.reason)),
            DeliveryOutcome::GivenUp { error } => ("given up", Some(error.reason)),
            DeliveryOutcome::Expired => ("expired", None),
        };
        let told = Told { request: event.request.clone(), attempt: event.attempt, outcome, reason };
        self.told.lock().unwrap().push(told);
        self.more.notify_one();
    }
}
