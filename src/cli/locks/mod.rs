//! `otp-sidecar locks`: who is locked out, and how they get in again.

mod clear;
mod list;
pub(super) mod show;
mod top;

use clap::{Args, Subcommand};

use super::ending::Ending;

/// Flags of `otp-sidecar locks`.
#[derive(Debug, Args)]
pub(super) struct LocksCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List who is locked now, those first whose lock ends first.
    #[command(after_help = list::EXAMPLES, next_line_help = true)]
    List(Box<list::ListFlags>),
    /// Rank who is locked out most often, from where and in what pattern.
    #[command(after_help = top::EXAMPLES, next_line_help = true)]
    Top(Box<top::TopFlags>),
    /// Show everything live about one person: failures, locks, codes, limits, what operators did.
    #[command(after_help = show::EXAMPLES, next_line_help = true)]
    Show(Box<show::ShowFlags>),
    /// End a person's locks, and forgive their failures and the limits on failures.
    #[command(after_help = clear::EXAMPLES, next_line_help = true)]
    Clear(Box<clear::ClearFlags>),
}

/// Runs the verb.
pub(super) fn run(command: LocksCommand) -> anyhow::Result<Ending> {
    match command.verb {
        Verb::List(flags) => list::run(*flags),
        Verb::Top(flags) => top::run(*flags),
        Verb::Show(flags) => show::run(*flags),
        Verb::Clear(flags) => clear::run(*flags),
    }
}
