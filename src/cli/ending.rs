//! How a command ends: 0 fine, 1 findings, 2 could not run.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::output::visible;

/// What a command found out. What it could not do is an error instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing to do for anyone.
    Fine,
    /// It ran to its end and found something that somebody should look at.
    Findings,
}

impl Ending {
    /// [`Ending::Findings`] when there are any.
    pub(super) fn of(has_findings: bool) -> Self {
        if has_findings { Self::Findings } else { Self::Fine }
    }
}

/// The exit code, and the reason on standard error when there was one.
pub(super) fn finish(result: anyhow::Result<Ending>) -> ExitCode {
    match result {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::Findings) => ExitCode::from(1),
        // Whoever read the output has seen enough, as `head` has.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let told = format!("error: {error:#}");
            // Others have written parts of it. Nobody can be told when standard error is closed.
            let told: Vec<String> = told.lines().map(visible).collect();
            let _closed = writeln!(io::stderr(), "{}", told.join("\n"));
            ExitCode::from(2)
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_closed = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref::<io::Error>().is_some_and(is_closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_output_that_nobody_reads_any_more_ends_quietly() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&anyhow::Error::from(pipe())));
        assert!(!is_closed_pipe(&anyhow::Error::from(io::Error::from(io::ErrorKind::NotFound))));
        assert!(!is_closed_pipe(&anyhow::anyhow!("the relay closed the connection: {}", pipe())));
    }
}
