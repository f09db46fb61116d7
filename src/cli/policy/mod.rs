//! `otp-sidecar policy`: work on policies, without a sidecar.

mod schema;

use clap::Subcommand;

use super::ending::Ending;

/// The verbs of `otp-sidecar policy`.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Print the JSON Schema of policy files, for completion and checks in editors.
    #[command(after_help = schema::EXAMPLES)]
    Schema,
}

/// Runs the verb that the arguments name.
pub(super) fn run(command: PolicyCommand) -> anyhow::Result<Ending> {
    match command {
        PolicyCommand::Schema => schema::run(),
    }
}
