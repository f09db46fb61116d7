//! The command line: argument tree and exit codes. Commands decide nothing themselves.

mod client;
#[cfg(feature = "demo")]
mod demo;
#[allow(dead_code, reason = "the commands that use it come next")]
mod ending;
#[allow(dead_code, unused_imports, reason = "the commands that use it come next")]
mod output;
mod serve;

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
    /// Show it at work: a sample wallet, a mail catcher and the sidecar in one process.
    #[cfg(feature = "demo")]
    Demo(demo::DemoFlags),
}

/// Runs the command that the arguments name. 0: fine, 1: it failed, 2: it could not begin.
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(flags) => serve::run(*flags),
        #[cfg(feature = "demo")]
        Command::Demo(flags) => demo::run(&flags),
    }
}
