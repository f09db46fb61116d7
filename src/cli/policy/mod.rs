//! `otp-sidecar policy`: work on policies, without a sidecar.

mod budget;
mod check;
mod figures;
mod diff;
mod replay;
mod schema;
mod show;
mod source;
mod test;

use clap::Subcommand;

use super::ending::Ending;

/// The verbs of `otp-sidecar policy`.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Say what is wrong or unwise in a policy, and how likely it lets codes be guessed.
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckFlags),
    /// Show a policy as it is understood: routes, purposes, limits, identity.
    #[command(after_help = show::EXAMPLES)]
    Show(show::ShowFlags),
    /// Print the JSON Schema of policy files, for completion and checks in editors.
    #[command(after_help = schema::EXAMPLES)]
    Schema,
    /// Run the tests beside the policies: requests on a virtual clock, and what must come of them.
    #[command(after_help = test::EXAMPLES)]
    Test(test::TestFlags),
    /// Say in what one policy differs from another, and what becomes stricter or looser.
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::DiffFlags),
    /// Ask which past decisions of an audit log would have been different under another policy.
    #[command(after_help = replay::EXAMPLES)]
    Replay(Box<replay::ReplayFlags>),
}

/// Runs the verb that the arguments name.
pub(super) fn run(command: PolicyCommand) -> anyhow::Result<Ending> {
    match command {
        PolicyCommand::Check(flags) => check::run(&flags),
        PolicyCommand::Show(flags) => show::run(&flags),
        PolicyCommand::Schema => schema::run(),
        PolicyCommand::Test(flags) => test::run(&flags),
        PolicyCommand::Diff(flags) => diff::run(&flags),
        PolicyCommand::Replay(flags) => replay::run(&flags),
    }
}
