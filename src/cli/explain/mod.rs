//! `otp-sidecar explain`: why a request was refused, how a person stands, whether a code is right.

mod code;
mod decision;
pub(super) mod log;
mod names;
mod story;
mod subject;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use super::argument;
use super::client::{Client, wait_for};
use super::ending::Ending;
use super::output::OutputFlags;
use crate::config::access::AccessFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar explain 5f0c6a1e9b7d4c3f8a2e1d0b9c8f7a6e --log /var/log/otp/audit.jsonl
  otp-sidecar explain --subject 65f1c0ffee --log /var/log/otp/audit.jsonl
  kubectl logs deploy/wallet -c otp-sidecar | otp-sidecar explain --subject 65f1c0ffee --log -
  read -rs CODE; printf %s \"$CODE\" | otp-sidecar explain --subject 65f1c0ffee --code-stdin

DECISION_ID is the decisionId of a refusal. A log is read with its rotated files. Where the policy hides people behind
pseudonyms, give the code keys too (--code-keys-file), and lines of a person are found by theirs.";

/// Flags of `otp-sidecar explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainFlags {
    /// A decision: 32 hexadecimal digits, the decisionId of a refusal.
    #[arg(value_name = "DECISION_ID")]
    decision: Option<String>,

    /// A person: the claim of the token that the policy takes for the subject.
    #[arg(long, value_name = "SUBJECT", value_parser = argument::subject)]
    subject: Option<String>,

    /// An audit file of the sidecar, or - for standard input. May be given several times, once for each replica.
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,

    /// How many of the latest decisions about the person are shown.
    #[arg(long, default_value_t = 10, value_name = "N", conflicts_with = "decision")]
    last: usize,

    /// Compare the code on standard input with what is stored, and say why it does not pass. Nothing is counted
    /// or used up; it is told to the audit log, and ten a minute for one person are the most.
    #[arg(long, requires = "subject", conflicts_with_all = ["decision", "log"])]
    code_stdin: bool,

    /// With --code-stdin: the challenge that it was presented for.
    #[arg(long, value_name = "REFERENCE", requires = "code_stdin", conflicts_with = "purpose")]
    reference: Option<String>,

    /// With --code-stdin: only the pending challenge of this purpose.
    #[arg(long, value_name = "NAME", requires = "code_stdin")]
    purpose: Option<String>,

    /// With --code-stdin: why you ask.
    #[arg(long, value_name = "TEXT", default_value = "verification fails", value_parser = argument::note)]
    reason: String,

    /// With --code-stdin: who asks [default: this system's user and host].
    #[arg(long, env = "OTP_SIDECAR_OPERATOR", value_name = "NAME", value_parser = argument::note)]
    by: Option<String>,

    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Explains.
pub(super) fn run(flags: ExplainFlags) -> anyhow::Result<Ending> {
    if flags.code_stdin {
        return code::run(flags);
    }
    match flags.decision.clone() {
        Some(_) if flags.log.is_empty() && flags.subject.is_none() => {
            bail!("decisions are in the audit log: give its file, or - for standard input, with --log")
        }
        Some(decision) => decision::run(&decision, flags),
        None if flags.subject.is_none() => bail!(
            "what is to be explained? Give DECISION_ID (the decisionId of a refusal) with --log FILE, or a person with \
             --subject SUBJECT"
        ),
        None => subject::run(flags),
    }
}

/// How a person stands now. With a log, which says a lot by itself, a deployment that cannot be reached
/// is remarked and no reason to stop.
fn live(access: AccessFlags, subject: &str) -> anyhow::Result<Value> {
    wait_for(async {
        let client = Client::reach(access).await?;
        client.get("/-/accounts", &[("subject", subject)]).await
    })
    .context("how the person stands now is not known")
}
