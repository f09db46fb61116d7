//! `otp-sidecar mail`: whether mails get out, and what they say.

mod preview;
mod sample;
mod test;

use clap::{Args, Subcommand};

use super::ending::Ending;

/// Flags of `otp-sidecar mail`.
#[derive(Debug, Args)]
pub(super) struct MailCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Send a real mail, and say which step fails and how to mend it.
    #[command(after_help = test::EXAMPLES, next_line_help = true)]
    Test(Box<test::TestFlags>),
    /// Show the mail of a purpose, with sample facts.
    #[command(after_help = preview::EXAMPLES, next_line_help = true)]
    Preview(Box<preview::PreviewFlags>),
}

/// Runs the verb.
pub(super) fn run(command: MailCommand) -> anyhow::Result<Ending> {
    match command.verb {
        Verb::Test(flags) => test::run(*flags),
        Verb::Preview(flags) => preview::run(&flags),
    }
}
