//! `otp-sidecar policy replay`.

mod log;
mod report;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use super::Ending;
use super::diff::load;
use crate::cli::output::{OutputFlags, Progress, Screen};
use crate::domain::time::{Clock as _, Timestamp};
use crate::policy::replay::{Replay, Report};
use crate::policy::snapshot::PolicySnapshot;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar policy replay --log /var/log/otp/audit.jsonl* --policy new-policies/
  otp-sidecar policy replay --log audit.jsonl --policy new/ --policy-was policies/ --since 24h
  kubectl logs deploy/wallet -c otp-sidecar | otp-sidecar policy replay --log - --policy new/ --json

The exit code is 0 when every decision would have been the same, 1 when one would have been another, 2 when the log or
a policy cannot be read.";

/// Flags of `policy replay`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ReplayFlags {
    /// Audit logs: plain or .gz, in any order; `-` is standard input.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    log: Vec<PathBuf>,

    /// The policies to try: a file or a folder.
    #[arg(long, value_name = "PATH")]
    policy: PathBuf,

    /// The policies that made the log. With them routes are compared by their paths, without by their names.
    #[arg(long, value_name = "PATH")]
    policy_was: Option<PathBuf>,

    /// Report only the decisions since so long ago: 30m, 24h, 7d.
    #[arg(long, value_name = "SPAN", value_parser = crate::config::duration::duration, conflicts_with_all = ["from", "to"])]
    since: Option<Duration>,

    /// Report only decisions from then on, such as 2026-11-22T15:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = point)]
    from: Option<Timestamp>,

    /// Report only decisions before then.
    #[arg(long, value_name = "TIME", value_parser = point)]
    to: Option<Timestamp>,

    /// How many subjects are listed.
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,

    #[command(flatten)]
    output: OutputFlags,
}

fn point(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_iso8601(text)
        .ok_or_else(|| "write a time in UTC, such as 2026-11-22T15:00:00Z".to_owned())
}

/// Replays the logs.
pub(super) fn run(flags: &ReplayFlags) -> anyhow::Result<Ending> {
    let policy = load(&flags.policy)?;
    let was = flags.policy_was.as_deref().map(load).transpose()?;
    let from = match flags.since {
        Some(span) => crate::app::host::SystemClock.now().minus(span),
        None => flags.from.unwrap_or_default(),
    };
    let to = flags.to.unwrap_or(Timestamp::from_millis(u64::MAX));
    let (report, read) = replay(flags, &policy, was.as_ref(), (from, to))?;
    if read.lines == read.broken {
        bail!("the log holds no audit line: name the files that `--audit` of the sidecar names");
    }
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        screen.json(&report::json(&report, &read, flags.top, &policy, was.as_deref()))?;
    } else {
        report::show(&report, &read, flags.top, was.as_deref(), &mut screen)?;
    }
    screen.flush()?;
    Ok(Ending::of(report.all.different() > 0))
}

fn replay(
    flags: &ReplayFlags,
    policy: &PolicySnapshot,
    was: Option<&Arc<PolicySnapshot>>,
    (from, to): (Timestamp, Timestamp),
) -> anyhow::Result<(Report, log::Read)> {
    let mut replay = Replay::new(policy, was.map(AsRef::as_ref), from, to);
    let mut progress = Progress::new();
    let mut lines = 0_u64;
    let read = log::read(&flags.log, |entries| {
        for entry in &entries {
            replay.entry(entry);
        }
        lines += entries.len() as u64;
        progress.tell(|| format!("{lines} lines"));
    })
    .context("the log cannot be read")?;
    drop(progress);
    Ok((replay.finish(), read))
}
