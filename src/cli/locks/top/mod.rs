//! `otp-sidecar locks top`: who is locked out too often, from where, and in what pattern.

mod live;
mod logged;

use std::path::PathBuf;

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::output::OutputFlags;
use crate::config::access::AccessFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar locks top --log /var/log/otp/audit.jsonl --since 30d
  kubectl logs deploy/wallet -c otp-sidecar | otp-sidecar locks top --log - --json
  otp-sidecar locks top --admin-token-file /etc/otp/admin-token

With --log, nothing else is asked: the audit log tells who, how often, from where and in what pattern. Without it, those
who are locked right now are ranked, which says nothing about addresses and hours.";

/// Flags of `otp-sidecar locks top`.
#[derive(Debug, Args)]
pub(super) struct TopFlags {
    /// An audit file of the sidecar, or - for standard input. May be given several times, once for each replica.
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// With --log: how far to look back, such as 24h or 30d.
    #[arg(long, default_value = "30d", value_name = "TIME", requires = "log")]
    since: String,
    /// Only this purpose.
    #[arg(long, value_name = "NAME")]
    purpose: Option<String>,
    /// How many people are listed.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Ranks people.
pub(super) fn run(flags: TopFlags) -> anyhow::Result<Ending> {
    if flags.log.is_empty() { live::run(flags) } else { logged::run(flags) }
}
