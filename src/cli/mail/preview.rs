//! `otp-sidecar mail preview`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::sample::{self, Facts};
use crate::app::host::{OsEntropy, SystemClock};
use crate::cli::ending::Ending;
use crate::cli::output::{OutputFlags, Screen, Tone, visible};
use crate::delivery::mail::written;
use crate::delivery::settings::Sender;
use crate::domain::id::RequestId;
use crate::domain::outbox::Envelope;
use crate::domain::subject::Recipient;
use crate::domain::time::Clock as _;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar mail preview wallet_funding --amount 5000
  otp-sidecar mail preview wallet_funding --part html > mail.html
  otp-sidecar mail preview wallet_deduction --lock-notice
  otp-sidecar mail preview wallet_funding --out mail.eml

The code in it, 123456, is a sample. Secrets that the policies name need not be set.";

/// Flags of `otp-sidecar mail preview`.
#[derive(Debug, Args)]
pub(super) struct PreviewFlags {
    /// Whose mail to show.
    #[arg(value_name = "PURPOSE")]
    purpose: String,

    /// A policy file, or a folder of them.
    #[arg(long, env = "OTP_SIDECAR_POLICIES", default_value = "policies", value_name = "PATH")]
    policies: PathBuf,

    /// Which part to show.
    #[arg(long, value_enum, default_value_t = Part::Text)]
    part: Part,

    /// The amount that the code is for; the same as --bind amount=AMOUNT.
    #[arg(long, value_name = "AMOUNT")]
    amount: Option<String>,

    /// Another field that the code is tied to. May be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    bind: Vec<String>,

    /// Show the mail that tells of a lock, instead of the one with a code.
    #[arg(long)]
    lock_notice: bool,

    /// The recipient that it shows.
    #[arg(long, default_value = "ada@example.com", value_name = "ADDRESS")]
    to: String,

    /// The sender that it shows.
    #[arg(long, env = "OTP_SIDECAR_MAIL_FROM", default_value = "otp@example.com", value_name = "ADDRESS")]
    mail_from: String,

    /// Write the whole mail there, for a mail program to open.
    #[arg(long, value_name = "FILE.eml")]
    out: Option<PathBuf>,

    #[command(flatten)]
    output: OutputFlags,
}

/// A part of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Subject and plain text, as people read them.
    Text,
    /// The HTML part.
    Html,
    /// The headers as they are sent.
    Headers,
    /// Everything as it is sent.
    All,
}

/// Shows the mail.
pub(super) fn run(flags: &PreviewFlags) -> anyhow::Result<Ending> {
    let recipient = Recipient::parse(&flags.to).map_err(|problem| anyhow::anyhow!("--to: {problem}"))?;
    let from = Sender::parse(&flags.mail_from).context("--mail-from")?;
    let facts = Facts { bound: bound(flags)?, lock_notice: flags.lock_notice };
    let envelope = sample::envelope(&flags.policies, &flags.purpose, recipient, &facts)?;
    let raw = written(&from, &envelope, &RequestId::mint(&OsEntropy), SystemClock.now())?;
    if let Some(path) = &flags.out {
        std::fs::write(path, raw.as_slice()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let raw = String::from_utf8_lossy(&raw).replace("\r\n", "\n");
    let mut screen = Screen::new(flags.output);
    match &flags.out {
        _ if screen.is_json() => screen.json(&document(flags, &envelope, headers(&raw)))?,
        Some(path) => screen.line(&format!("wrote {}", visible(&path.display().to_string())))?,
        None => show(&mut screen, flags.part, &envelope, &raw)?,
    }
    screen.flush()?;
    Ok(Ending::Fine)
}

fn headers(raw: &str) -> &str {
    raw.split_once("\n\n").map_or(raw, |(headers, _)| headers)
}

fn document(flags: &PreviewFlags, envelope: &Envelope, headers: &str) -> Value {
    json!({
        "purpose": flags.purpose,
        "kind": if flags.lock_notice { "lockNotice" } else { "code" },
        "subject": envelope.subject,
        "text": envelope.text.as_str(),
        "html": envelope.html.as_ref().map(|html| html.as_str()),
        "headers": headers.lines().collect::<Vec<_>>(),
    })
}

fn show(screen: &mut Screen, part: Part, envelope: &Envelope, raw: &str) -> anyhow::Result<()> {
    match part {
        Part::Text => {
            let subject = screen.toned(Tone::Bold, &format!("Subject: {}", envelope.subject));
            screen.line(&subject)?;
            screen.line("")?;
            lines(screen, &envelope.text)?;
        }
        Part::Html => match &envelope.html {
            Some(html) => lines(screen, html)?,
            None => bail!("this mail has no HTML part: its template has no .html file"),
        },
        Part::Headers => lines(screen, headers(raw))?,
        Part::All => lines(screen, raw)?,
    }
    Ok(())
}

fn lines(screen: &mut Screen, text: &str) -> std::io::Result<()> {
    text.lines().try_for_each(|line| screen.line(&visible(line)))
}

fn bound(flags: &PreviewFlags) -> anyhow::Result<Vec<(String, String)>> {
    let mut bound: Vec<(String, String)> = Vec::new();
    if let Some(amount) = &flags.amount {
        bound.push(("amount".to_owned(), amount.clone()));
    }
    for pair in &flags.bind {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            bail!("--bind: `{pair}` is not NAME=VALUE");
        };
        bound.push((name.to_owned(), value.to_owned()));
    }
    Ok(bound)
}
