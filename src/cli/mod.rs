//! The command line: argument tree and exit codes. Commands decide nothing themselves.

mod argument;
mod audit;
mod challenges;
mod change;
mod cleanup;
mod client;
mod completions;
#[cfg(feature = "demo")]
mod demo;
mod document;
mod ending;
mod explain;
mod finding;
mod health;
mod inject;
mod limits;
mod locks;
mod mail;
mod man;
mod moment;
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

const EXAMPLES: &str = "\
Examples:
  otp-sidecar serve --upstream http://127.0.0.1:3000 --policies policies
  otp-sidecar policy check policies
  otp-sidecar status
  otp-sidecar COMMAND --help";

/// Issues, mails, verifies and locks one-time codes in front of a wallet backend.
#[derive(Debug, Parser)]
#[command(name = "otp-sidecar", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stand in front of a wallet backend.
    #[command(after_help = serve::EXAMPLES, next_line_help = true)]
    Serve(Box<ServeFlags>),
    /// Show it at work: a sample wallet, a mail catcher and the sidecar in one process.
    #[cfg(feature = "demo")]
    #[command(after_help = "Examples:\n  otp-sidecar demo\n  otp-sidecar demo --once")]
    Demo(demo::DemoFlags),
    /// Check, test, compare and describe policies, without a sidecar.
    #[command(
        subcommand,
        after_help = "Examples:\n  otp-sidecar policy check policies\n  otp-sidecar policy test policies/tests"
    )]
    Policy(policy::PolicyCommand),

    /// Look at everything that the morning and weekly checks look at, and say what needs a look.
    #[command(after_help = status::EXAMPLES, next_line_help = true)]
    Status(Box<status::StatusFlags>),
    /// Tell what a month, or any other time, was like: codes, mails, locks, limits, findings.
    #[command(after_help = report::EXAMPLES, next_line_help = true)]
    Report(Box<report::ReportFlags>),
    /// Say what expiry has removed from the state, and remove what it cannot.
    #[command(after_help = cleanup::EXAMPLES, next_line_help = true)]
    Cleanup(Box<cleanup::CleanupFlags>),
    /// Say why a request was refused, how a person stands, or whether a code is right.
    #[command(after_help = explain::EXAMPLES, next_line_help = true)]
    Explain(Box<explain::ExplainFlags>),
    /// See who is locked out, and let them in again.
    #[command(
        after_help = "Examples:\n  otp-sidecar locks list\n  otp-sidecar locks clear --subject 65f1c0ffee --reason 'ticket 4711'"
    )]
    Locks(locks::LocksCommand),
    /// See which codes are pending, and revoke one.
    #[command(after_help = "Examples:\n  otp-sidecar challenges list --purpose wallet_funding")]
    Challenges(challenges::ChallengesCommand),
    /// See how full limits are, and empty them.
    #[command(after_help = "Examples:\n  otp-sidecar limits show --subject 65f1c0ffee")]
    Limits(limits::LimitsCommand),
    /// See whether mails get out, and what they say.
    #[command(
        after_help = "Examples:\n  otp-sidecar mail test --to me@example.com\n  otp-sidecar mail preview wallet_funding"
    )]
    Mail(mail::MailCommand),

    /// Check a running wallet from end to end with a test account.
    #[command(after_help = smoke::EXAMPLES)]
    Smoke(Box<smoke::SmokeFlags>),
    /// Examine the security of a running deployment. The log of decisions is another thing: serve --audit.
    #[command(after_help = audit::EXAMPLES)]
    Audit(Box<audit::AuditFlags>),
    /// Ask a sidecar whether it is ready, by exit code.
    #[command(after_help = health::EXAMPLES, next_line_help = true)]
    Health(health::HealthFlags),
    /// Add the sidecar to Kubernetes manifests, or take it out again.
    #[command(after_help = inject::EXAMPLES, next_line_help = true)]
    Inject(Box<inject::InjectFlags>),

    /// Print what a shell needs to complete commands and flags.
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionFlags),
    /// Print the manual page, or write one for each command.
    #[command(after_help = man::EXAMPLES)]
    Man(man::ManFlags),
}

/// Runs the command that the arguments name. 0: fine; 1: findings, or it failed; 2: it could not run.
pub fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(flags) => return serve::run(*flags),
        #[cfg(feature = "demo")]
        Command::Demo(flags) => return demo::run(&flags),
        Command::Policy(command) => policy::run(command),
        Command::Status(flags) => status::run(*flags),
        Command::Report(flags) => report::run(*flags),
        Command::Cleanup(flags) => cleanup::run(*flags),
        Command::Explain(flags) => explain::run(*flags),
        Command::Locks(command) => locks::run(command),
        Command::Challenges(command) => challenges::run(command),
        Command::Limits(command) => limits::run(command),
        Command::Mail(command) => mail::run(command),
        Command::Smoke(flags) => smoke::run(&flags),
        Command::Audit(flags) => audit::run(&flags),
        Command::Health(flags) => health::run(&flags),
        Command::Inject(flags) => inject::run(&flags),
        Command::Completions(flags) => completions::run(&flags, Arguments::command()),
        Command::Man(flags) => man::run(&flags, Arguments::command()),
    };
    ending::finish(result)
}
