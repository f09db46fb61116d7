//! `otp-sidecar limits`: which limits there are, how full they are, and how they are emptied.

mod reset;
mod show;

use clap::{Args, Subcommand};

use super::argument;
use super::ending::Ending;

/// Flags of `otp-sidecar limits`.
#[derive(Debug, Args)]
pub(super) struct LimitsCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the limits of the policy in force; or how full those of a person, an address or everyone are.
    #[command(after_help = show::EXAMPLES, next_line_help = true)]
    Show(Box<show::ShowFlags>),
    /// Forget what limits have counted.
    #[command(after_help = reset::EXAMPLES, next_line_help = true)]
    Reset(Box<reset::ResetFlags>),
}

/// Whose counts are meant, and of which limits.
#[derive(Debug, Args)]
struct WhoseFlags {
    /// Limits by person: this one's.
    #[arg(long, value_name = "SUBJECT", value_parser = argument::subject)]
    subject: Option<String>,
    /// Limits by address: this one's. Together with --subject: limits by both.
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// Limits with one count for everyone.
    #[arg(long, conflicts_with_all = ["subject", "client"])]
    everyone: bool,
    /// Only what is counted for this purpose, by limits that count by purpose.
    #[arg(long, value_name = "NAME")]
    purpose: Option<String>,
    /// Only this limit.
    #[arg(long = "limit", value_name = "NAME")]
    name: Option<String>,
}

impl WhoseFlags {
    /// Whether somebody's counts are meant at all.
    fn is_someone(&self) -> bool {
        self.subject.is_some() || self.client.is_some() || self.everyone
    }

    /// Name and value of each that is said, as the API has them; `everyone` aside.
    fn fields(&self) -> Vec<(&'static str, &str)> {
        let fields = [
            ("subject", &self.subject),
            ("client", &self.client),
            ("purpose", &self.purpose),
            ("name", &self.name),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

/// Runs the verb.
pub(super) fn run(command: LimitsCommand) -> anyhow::Result<Ending> {
    match command.verb {
        Verb::Show(flags) => show::run(*flags),
        Verb::Reset(flags) => reset::run(*flags),
    }
}
