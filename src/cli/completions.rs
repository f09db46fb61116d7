//! `otp-sidecar completions`: what a shell needs to complete commands and flags.

use std::io::Write as _;

use clap::Args;
use clap_complete::Shell as Known;

use super::ending::Ending;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar completions bash > /etc/bash_completion.d/otp-sidecar
  otp-sidecar completions zsh > \"${fpath[1]}/_otp-sidecar\"
  otp-sidecar completions fish > ~/.config/fish/completions/otp-sidecar.fish
  source <(otp-sidecar completions bash)";

/// Flags of `otp-sidecar completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionFlags {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// The shells that are tried.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    /// GNU Bash, 4.4 or later.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

/// Prints the script.
pub(super) fn run(flags: &CompletionFlags, mut command: clap::Command) -> anyhow::Result<Ending> {
    let shell = match flags.shell {
        Shell::Bash => Known::Bash,
        Shell::Zsh => Known::Zsh,
        Shell::Fish => Known::Fish,
    };
    // The generator panics when it cannot write, so it writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "otp-sidecar", &mut script);
    let script = String::from_utf8_lossy(&script);
    // For Bash the generator writes the hyphen of our name in two ways, and then finds no command.
    let script = script.replace("otp__subcmd__sidecar", "otp__sidecar");
    let mut out = std::io::stdout().lock();
    out.write_all(script.as_bytes())?;
    out.flush()?;
    Ok(Ending::Fine)
}
