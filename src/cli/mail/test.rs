//! `otp-sidecar mail test`.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use super::sample::{self, Facts};
use crate::app::host::{OsEntropy, SystemClock};
use crate::cli::ending::Ending;
use crate::cli::output::{Cell, OutputFlags, Progress, Screen, Table, Tone};
use crate::config::duration::duration;
use crate::config::mail::MailFlags;
use crate::delivery::settings::{Sender, Settings, Timing};
use crate::delivery::target::{SmtpTarget, TlsMode};
use crate::delivery::trial::{Outcome, Report, Step, Trial};
use crate::domain::id::RequestId;
use crate::domain::outbox::Envelope;
use crate::domain::subject::Recipient;
use crate::domain::time::Clock as _;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar mail test --to me@example.com
  EMAIL_USER=otp@gmail.com EMAIL_PASS=… otp-sidecar mail test --to me@example.com --smtp gmail
  otp-sidecar mail test --to me@example.com --smtp-file /etc/otp/smtp --mail-from otp@example.com --json

Ends with 0 when the relay has taken the mail, 1 when a step failed, 2 when it could not begin.";

/// Flags of `otp-sidecar mail test`.
#[derive(Debug, Args)]
pub(super) struct TestFlags {
    /// Who gets the mail.
    #[arg(long, value_name = "ADDRESS")]
    to: String,

    #[command(flatten)]
    mail: MailFlags,

    /// How long each step may take.
    #[arg(long, default_value = "10s", value_name = "TIME")]
    timeout: String,

    /// Send the mail of this purpose with a sample code, instead of a short note.
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,

    /// Where the policies are, for --purpose.
    #[arg(long, env = "OTP_SIDECAR_POLICIES", default_value = "policies", value_name = "PATH")]
    policies: std::path::PathBuf,

    #[command(flatten)]
    output: OutputFlags,
}

/// Sends the mail and tells how that went.
pub(super) fn run(flags: TestFlags) -> anyhow::Result<Ending> {
    let recipient = Recipient::parse(&flags.to).map_err(|problem| anyhow::anyhow!("--to: {problem}"))?;
    let limit = duration(&flags.timeout).map_err(|problem| anyhow::anyhow!("--timeout: {problem}"))?;
    let settings = settings(flags.mail, limit)?;
    let envelope = match &flags.purpose {
        Some(purpose) => sample::envelope(&flags.policies, purpose, recipient, &Facts::default())?,
        None => note(recipient),
    };
    let target = settings.target.clone();
    let trial = Trial::new(settings)?;
    let report = send(&trial, &envelope)?;
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        screen.json(&document(&target, &report))?;
    } else {
        show(&mut screen, &target, &trial, &report)?;
    }
    screen.flush()?;
    Ok(Ending::of(!matches!(report.outcome, Outcome::Accepted { .. })))
}

fn settings(flags: MailFlags, limit: Duration) -> anyhow::Result<Settings> {
    let mail = flags.read(&|name| std::env::var(name).ok()).map_err(|problems| {
        let problems = problems.join("\nerror: ");
        anyhow::anyhow!("{problems}")
    })?;
    let Some(mail) = mail else {
        bail!(
            "no relay is named: give --smtp or --smtp-file, or set OTP_SIDECAR_SMTP, as for `otp-sidecar serve`"
        );
    };
    let timing = Timing { connect: limit, command: limit, attempt: limit, ..Timing::default() };
    let from = Sender::parse(&mail.from).context("--mail-from")?;
    Ok(Settings { target: mail.relay, from, timing })
}

/// A mail without a code: nobody shall take it for a real one.
fn note(recipient: Recipient) -> Envelope {
    let text = "This is a test of the way that one-time codes take to you. It carries no code, and there is \
                nothing to do.\n\nIt was sent with `otp-sidecar mail test`.\n";
    Envelope {
        recipient,
        subject: "Test mail of otp-sidecar".to_owned(),
        text: zeroize::Zeroizing::new(text.to_owned()),
        html: None,
    }
}

fn send(trial: &Trial, envelope: &Envelope) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the system gives no runtime")?;
    let mut progress = Progress::new();
    let id = RequestId::mint(&OsEntropy);
    let mut begins = |step: Step| progress.tell(|| format!("{} …", word(step)));
    Ok(runtime.block_on(trial.run(envelope, &id, SystemClock.now(), &mut begins)))
}

/// A step as a word for programs and a title for people.
fn word(step: Step) -> &'static str {
    match step {
        Step::Resolve => "dns",
        Step::Connect => "connect",
        Step::Greeting => "greeting",
        Step::Tls => "tls",
        Step::Auth => "auth",
        Step::MailFrom => "sender",
        Step::RcptTo => "recipient",
        Step::Data | Step::Noop => "data",
        Step::Message => "message",
    }
}

fn relay(target: &SmtpTarget) -> String {
    if target.host.contains(':') {
        return format!("[{}]:{}", target.host, target.port);
    }
    format!("{}:{}", target.host, target.port)
}

/// The settings as they are understood, without the password.
fn understood(target: &SmtpTarget) -> String {
    let encryption = match target.tls {
        TlsMode::Required => "STARTTLS required",
        TlsMode::Opportunistic => "STARTTLS if offered",
        TlsMode::None => "not encrypted",
        TlsMode::Implicit => "TLS from the first byte",
    };
    let login = if target.credentials.is_some() { "user and password set" } else { "no login" };
    format!("{}, {encryption}, {login}", relay(target))
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}

fn show(screen: &mut Screen, target: &SmtpTarget, trial: &Trial, report: &Report) -> anyhow::Result<()> {
    let mut table = Table::new(&["", "STEP", "TIME", "WHAT"]);
    let tick = || Cell::toned(Tone::Good, "✓");
    table.row([tick(), "settings".into(), "".into(), understood(target).into()]);
    let failed = match &report.outcome {
        Outcome::Failed { step, .. } => Some(*step),
        Outcome::Accepted { .. } => None,
    };
    for tried in &report.steps {
        let mark = if failed == Some(tried.step) { Cell::toned(Tone::Bad, "✗") } else { tick() };
        let what = match &report.outcome {
            Outcome::Failed { detail, .. } if failed == Some(tried.step) => detail.clone(),
            Outcome::Accepted { said: Some(said) } if tried.step == Step::Message => said.clone(),
            _ => tried.seen.clone().unwrap_or_default(),
        };
        table.row([mark, word(tried.step).into(), milliseconds(tried.took).into(), what.into()]);
    }
    for step in not_reached(trial, report) {
        table.row([Cell::toned(Tone::Dim, "-"), Cell::toned(Tone::Dim, word(step))]);
    }
    screen.table(&table)?;
    conclude(screen, &report.outcome)
}

/// What follows from it.
fn conclude(screen: &mut Screen, outcome: &Outcome) -> anyhow::Result<()> {
    match outcome {
        Outcome::Accepted { .. } => {
            let line = screen.toned(Tone::Good, "The relay has taken the mail.");
            screen.line(&format!(
                "\n{line} If it does not arrive, look into the spam folder and the relay's log."
            ))?;
        }
        Outcome::Failed { said, advice, .. } => {
            if let Some(said) = said {
                let said = screen.toned(Tone::Plain, said);
                screen.line(&format!("\nThe relay said: {said}"))?;
            }
            screen.title("What to do")?;
            for sentence in advice {
                let sentence = screen.toned(Tone::Plain, sentence);
                screen.line(&format!("  - {sentence}"))?;
            }
        }
    }
    Ok(())
}

/// The steps after the one that failed.
fn not_reached(trial: &Trial, report: &Report) -> Vec<Step> {
    if matches!(report.outcome, Outcome::Accepted { .. }) {
        return Vec::new();
    }
    let begun = |step: &Step| report.steps.iter().any(|tried| tried.step == *step);
    trial.steps().into_iter().filter(|step| !begun(step)).collect()
}

fn document(target: &SmtpTarget, report: &Report) -> Value {
    let failed = match &report.outcome {
        Outcome::Failed { step, .. } => Some(*step),
        Outcome::Accepted { .. } => None,
    };
    let steps: Vec<Value> = report
        .steps
        .iter()
        .map(|tried| {
            json!({
                "step": word(tried.step),
                "result": if failed == Some(tried.step) { "failed" } else { "passed" },
                "milliseconds": tried.took.as_secs_f64() * 1_000.0,
                "seen": tried.seen,
            })
        })
        .collect();
    match &report.outcome {
        Outcome::Accepted { said } => json!({
            "accepted": true, "relay": relay(target), "steps": steps, "relaySaid": said,
        }),
        Outcome::Failed { step, reason, detail, said, advice } => json!({
            "accepted": false, "relay": relay(target), "steps": steps, "failedStep": word(*step),
            "reason": reason.as_str(), "detail": detail, "relaySaid": said, "advice": advice,
        }),
    }
}
