//! The command line: argument tree and exit codes. Commands decide nothing themselves.

mod challenges;
mod change;
mod client;
mod audit;
mod cleanup;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod document;
mod ending;
mod finding;
mod explain;
mod limits;
mod locks;
mod health;
mod mail;
mod moment;
mod man;
mod inject;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod output;
mod policy;
mod report;
mod serve;
mod smoke;
mod status;
mod wire;
mod without_secrets;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::flags::ServeFlags;

/// Issues, mails, verifies and locks one-time codes in front of a wallet backend.
#[derive(Debug, Parser)]
#[command(name = "otp-sidecar", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stand in front of a wallet backend.
    #[command(after_help = serve::EXAMPLES, next_line_help = true)]
    Serve(Box<ServeFlags>),
    /// See who is locked out, and let them in again.
    Locks(locks::LocksCommand),
    /// Say why a request was refused, how a person stands, or whether a code is right.
    #[command(after_help = explain::EXAMPLES, next_line_help = true)]
    Explain(Box<explain::ExplainFlags>),
    /// See which codes are pending, and revoke one.
    Challenges(challenges::ChallengesCommand),
    /// See how full limits are, and empty them.
    Limits(limits::LimitsCommand),
    /// Ask a sidecar whether it is ready, by exit code.
    #[command(after_help = health::EXAMPLES, next_line_help = true)]
    Health(health::HealthFlags),
    /// See whether mails get out, and what they say.
    Mail(mail::MailCommand),
    /// Look at everything that the morning and weekly checks look at, and say what needs a look.
    #[command(after_help = status::EXAMPLES, next_line_help = true)]
    Status(Box<status::StatusFlags>),
    /// Say what expiry has removed from the state, and remove what it cannot.
    #[command(after_help = cleanup::EXAMPLES, next_line_help = true)]
    Cleanup(Box<cleanup::CleanupFlags>),
    /// Tell what a month, or any other time, was like: codes, mails, locks, limits, findings.
    #[command(after_help = report::EXAMPLES, next_line_help = true)]
    Report(Box<report::ReportFlags>),
    /// Check a running wallet from end to end with a test account.
    #[command(after_help = smoke::EXAMPLES)]
    Smoke(Box<smoke::SmokeFlags>),
    /// Examine the security of a running deployment. The log of decisions is another thing: serve --audit.
    #[command(after_help = audit::EXAMPLES)]
    Audit(Box<audit::AuditFlags>),
    /// Print what a shell needs to complete commands and flags.
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionFlags),
    /// Print the manual page, or write one for each command.
    #[command(after_help = man::EXAMPLES)]
    Man(man::ManFlags),
    /// Check, show and describe policies, without a sidecar.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Add the sidecar to Kubernetes manifests, or take it out again.
    #[command(after_help = inject::EXAMPLES, next_line_help = true)]
    Inject(Box<inject::InjectFlags>),
    /// Show it at work: a sample wallet, a mail catcher and the sidecar in one process.
    #[cfg(feature = "demo")]
    Demo(demo::DemoFlags),
}

/// Runs the command that the arguments name. 0: fine, 1: it failed, 2: it could not begin.
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(flags) => serve::run(*flags),
        Command::Locks(command) => ending::finish(locks::run(command)),
        Command::Explain(flags) => ending::finish(explain::run(*flags)),
        Command::Challenges(command) => ending::finish(challenges::run(command)),
        Command::Limits(command) => ending::finish(limits::run(command)),
        Command::Health(flags) => ending::finish(health::run(&flags)),
        Command::Mail(command) => ending::finish(mail::run(command)),
        Command::Status(flags) => ending::finish(status::run(*flags)),
        Command::Cleanup(flags) => ending::finish(cleanup::run(*flags)),
        Command::Report(flags) => ending::finish(report::run(*flags)),
        Command::Audit(flags) => ending::finish(audit::run(&flags)),
        Command::Smoke(flags) => ending::finish(smoke::run(&flags)),
        Command::Completions(flags) => ending::finish(completions::run(&flags, Arguments::command())),
        Command::Man(flags) => ending::finish(man::run(&flags, Arguments::command())),
        Command::Policy(command) => ending::finish(policy::run(command)),
        Command::Inject(flags) => inject::run(&flags),
        #[cfg(feature = "demo")]
        Command::Demo(flags) => demo::run(&flags),
    }
}
