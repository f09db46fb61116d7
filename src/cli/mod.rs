//! The command line: argument tree and exit codes. Commands decide nothing themselves.

mod change;
mod client;
#[cfg(feature = "demo")]
mod demo;
mod document;
mod ending;
mod locks;
mod mail;
mod moment;
mod inject;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod output;
mod policy;
mod serve;
mod without_secrets;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// See whether mails get out, and what they say.
    Mail(mail::MailCommand),
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
        Command::Mail(command) => ending::finish(mail::run(command)),
        Command::Policy(command) => ending::finish(policy::run(command)),
        Command::Inject(flags) => inject::run(&flags),
        #[cfg(feature = "demo")]
        Command::Demo(flags) => demo::run(&flags),
    }
}
