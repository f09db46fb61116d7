//! One mail, sent to see how far it gets: every step with its time, and the one that failed with its cause.
//!
//! For a person who mends the way to a relay. So it also shows what the relay said, which the channel never
//! does, but nothing in which the password could be.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::delivery::advice::advice;
use crate::delivery::channel::FailureReason;
use crate::delivery::email::SettingsError;
use crate::delivery::mail::compose;
use crate::delivery::session::{Relay, Watch};
use crate::delivery::settings::{Sender, Settings};
use crate::delivery::target::{SmtpTarget, TlsMode};
use crate::domain::id::RequestId;
use crate::domain::outbox::Envelope;
use crate::domain::time::Timestamp;

pub use crate::delivery::session::failure::{Cause, Failure, Step};

/// The most characters of a relay's words that are shown.
const LONGEST: usize = 300;

/// A relay, about to be tried.
pub struct Trial {
    relay: Relay,
    target: SmtpTarget,
    from: Sender,
}

/// How a trial went.
#[derive(Debug)]
pub struct Report {
    /// The steps that were begun, in their order.
    pub steps: Vec<Tried>,
    /// What became of the mail.
    pub outcome: Outcome,
}

/// A step that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Which.
    pub step: Step,
    /// How long it took.
    pub took: Duration,
    /// What was seen, if there is something to see.
    pub seen: Option<String>,
}

/// What became of the mail.
#[derive(Debug)]
pub enum Outcome {
    /// The relay has taken it.
    Accepted {
        /// What it said, often with the id under which it has queued the mail.
        said: Option<String>,
    },
    /// It was not taken.
    Failed {
        /// The step at which it ended: the last of [`Report::steps`].
        step: Step,
        /// One word, as in metrics and logs.
        reason: FailureReason,
        /// What happened.
        detail: String,
        /// What the relay said.
        said: Option<String>,
        /// What to do, the likeliest first.
        advice: Vec<String>,
    },
}

impl Trial {
    /// Prepares the trial. The file of authorities is read.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let Settings { target, from, timing } = settings;
        Ok(Self { relay: Relay::new(target.clone(), timing)?, target, from })
    }

    /// The steps that there will be when all goes well.
    pub fn steps(&self) -> Vec<Step> {
        let encryption = match self.target.tls {
            TlsMode::None => vec![Step::Greeting],
            TlsMode::Implicit => vec![Step::Tls, Step::Greeting],
            TlsMode::Required | TlsMode::Opportunistic => vec![Step::Greeting, Step::Tls],
        };
        let login = self.target.credentials.as_ref().map(|_| Step::Auth);
        let mail = [Step::MailFrom, Step::RcptTo, Step::Data, Step::Message];
        let begin = [Step::Resolve, Step::Connect];
        begin.into_iter().chain(encryption).chain(login).chain(mail).collect()
    }

    /// Sends the mail. `begins` is told each step as it begins.
    pub async fn run(
        &self,
        envelope: &Envelope,
        id: &RequestId,
        now: Timestamp,
        begins: &mut (dyn FnMut(Step) + Send),
    ) -> Report {
        let mut journal = Journal { steps: Vec::new(), since: Instant::now(), begins };
        let sent = self.send(envelope, id, now, &mut journal).await;
        journal.end_step();
        let mut steps = journal.steps;
        let outcome = match sent {
            Ok(said) => Outcome::Accepted { said: self.discreet(&said) },
            Err(failure) => self.failed(&failure, &mut steps),
        };
        Report { steps, outcome }
    }

    async fn send(
        &self,
        envelope: &Envelope,
        id: &RequestId,
        now: Timestamp,
        journal: &mut Journal<'_>,
    ) -> Result<String, Failure> {
        let mail = compose(&self.from, envelope, id, now)
            .map_err(|error| Failure::of(Step::RcptTo, Cause::Unusable(error)))?;
        let mut session = self.relay.open_watched(journal).await?;
        let answer = session.send_watched(&mail, journal).await?;
        journal.end_step();
        let lines: Vec<&str> = answer.message().collect();
        let said = format!("{} {}", answer.code(), lines.join(" "));
        session.quit().await;
        Ok(said)
    }

    fn failed(&self, failure: &Failure, steps: &mut Vec<Tried>) -> Outcome {
        let step = self.place(failure);
        // The step that was begun is not always the one to blame: see `place`, and a password that waits for
        // encryption.
        let begun = steps.last().map(|last| last.step);
        if matches!((begun, step), (Some(Step::Tls), Step::Connect) | (Some(Step::Auth), Step::Tls)) {
            steps.pop();
        }
        if steps.last().is_none_or(|last| last.step != step) {
            steps.push(Tried { step, took: Duration::ZERO, seen: None });
        }
        Outcome::Failed {
            step,
            reason: failure.error().reason,
            detail: failure.detail(),
            said: failure.said.as_deref().and_then(|said| self.discreet(said)),
            advice: advice(&self.target, step, &failure.cause),
        }
    }

    /// Where it failed. With TLS from the first byte, connecting, the handshake and the greeting are one
    /// step to the channel.
    fn place(&self, failure: &Failure) -> Step {
        if self.target.tls != TlsMode::Implicit || failure.step != Step::Connect {
            return failure.step;
        }
        match failure.cause {
            Cause::Refused { .. } | Cause::NotSmtp | Cause::Closed => Step::Greeting,
            Cause::Unreachable(_) => Step::Connect,
            _ => Step::Tls,
        }
    }

    /// The relay's words on one line, unless the password is in them.
    fn discreet(&self, said: &str) -> Option<String> {
        let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let line: String = line.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        let secrets = self.secrets();
        let tells = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
        if tells(said) || tells(&line) {
            return Some("(not shown, since it repeats the password)".to_owned());
        }
        Some(line).filter(|line| !line.is_empty())
    }

    /// Every form in which the password goes over the wire (RFC 4616, and AUTH LOGIN).
    fn secrets(&self) -> Vec<String> {
        let Some(login) = &self.target.credentials else { return Vec::new() };
        let password = login.password.as_str();
        let plain = format!("\0{}\0{password}", login.user);
        vec![password.to_owned(), STANDARD.encode(password), STANDARD.encode(plain)]
    }
}

/// Writes the steps down as they happen.
struct Journal<'a> {
    steps: Vec<Tried>,
    since: Instant,
    begins: &'a mut (dyn FnMut(Step) + Send),
}

impl Journal<'_> {
    fn end_step(&mut self) {
        let took = self.since.elapsed();
        if let Some(last) = self.steps.last_mut().filter(|last| last.took.is_zero()) {
            last.took = took;
        }
    }

    fn see(&mut self, seen: String) {
        if let Some(last) = self.steps.last_mut() {
            last.seen = Some(seen);
        }
    }
}

impl Watch for Journal<'_> {
    fn begins(&mut self, step: Step) {
        self.end_step();
        (self.begins)(step);
        self.steps.push(Tried { step, took: Duration::ZERO, seen: None });
        self.since = Instant::now();
    }

    fn resolved(&mut self, addresses: &[SocketAddr]) {
        let addresses: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        self.see(addresses.join(", "));
    }

    fn connected(&mut self, address: Option<SocketAddr>) {
        if let Some(address) = address {
            self.see(address.to_string());
        }
    }

    fn is_thorough(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::settings::Timing;
    use crate::delivery::target::parse_smtp;

    fn trial(url: &str) -> Trial {
        let target = parse_smtp(url, &|_| None).unwrap();
        let from = Sender::parse("otp@wallet.example").unwrap();
        Trial::new(Settings { target, from, timing: Timing::default() }).unwrap()
    }

    #[test]
    fn words_of_the_relay_are_shown_unless_the_password_is_in_them() {
        let trial = trial("smtp://jane:s3cret%20word@127.0.0.1?tls=none");
        assert_eq!(
            trial.discreet("5.7.8 no\r\nsuch\u{1b}[2J user").as_deref(),
            Some("5.7.8 no such[2J user")
        );
        assert_eq!(trial.discreet(" \r\n"), None);
        let hidden = Some("(not shown, since it repeats the password)".to_owned());
        for said in ["is it s3cret word?", "czNjcmV0IHdvcmQ=", "heard AGphbmUAczNjcmV0IHdvcmQ= from you"] {
            assert_eq!(trial.discreet(said), hidden, "{said}");
        }
        // Also behind what is cut off.
        assert_eq!(trial.discreet(&format!("{} s3cret word", "x".repeat(400))), hidden);
    }

    #[test]
    fn the_steps_follow_from_the_settings() {
        let names = |url: &str| trial(url).steps().into_iter().map(Step::name).collect::<Vec<_>>().join(" ");
        assert_eq!(
            names("smtp://127.0.0.1?tls=none"),
            "DNS connecting the greeting MAIL FROM RCPT TO DATA the message"
        );
        assert!(names("smtp://a:b@127.0.0.1").contains("the greeting STARTTLS AUTH MAIL FROM"));
        assert!(names("smtps://a:b@127.0.0.1").contains("connecting STARTTLS the greeting AUTH"));
    }
}
