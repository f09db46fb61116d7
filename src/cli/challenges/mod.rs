//! `otp-sidecar challenges`: which codes are pending, and how one is revoked.

mod list;
mod revoke;

use clap::{Args, Subcommand};

use super::ending::Ending;

/// Flags of `otp-sidecar challenges`.
#[derive(Debug, Args)]
pub(super) struct ChallengesCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List pending codes, those first that expire first. Never the codes themselves: nobody has them.
    #[command(after_help = list::EXAMPLES, next_line_help = true)]
    List(Box<list::ListFlags>),
    /// End a person's pending challenge: its codes pass no more.
    #[command(after_help = revoke::EXAMPLES, next_line_help = true)]
    Revoke(Box<revoke::RevokeFlags>),
}

/// Runs the verb.
pub(super) fn run(command: ChallengesCommand) -> anyhow::Result<Ending> {
    match command.verb {
        Verb::List(flags) => list::run(*flags),
        Verb::Revoke(flags) => revoke::run(*flags),
    }
}
