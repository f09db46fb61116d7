//! The code command: run again and again until it prints the code that was mailed.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use zeroize::Zeroizing;

use crate::domain::code::Code;

/// The first pause between two runs; each is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What the command is told.
pub(super) struct Asked<'a> {
    pub(super) reference: &'a str,
    pub(super) purpose: &'a str,
    pub(super) email: &'a str,
    pub(super) requested_at: &'a str,
}

/// Runs the command until it prints a code.
///
/// # Errors
/// What was wrong with the last run, when the time is over. Never what it printed.
pub(super) async fn wait_for(command: &str, asked: &Asked<'_>, patience: Duration) -> Result<Code, String> {
    let end = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let problem = match tokio::time::timeout(left, once(command, asked)).await {
            Ok(Ok(code)) => return Ok(code),
            Ok(Err(problem)) => problem,
            Err(_) => "the code command was still running".to_owned(),
        };
        if end.saturating_duration_since(Instant::now()) <= pause {
            return Err(format!("no code within {patience:?}: {problem}"));
        }
        tokio::time::sleep(pause).await;
        pause = (pause + pause / 2).min(LONGEST_PAUSE);
    }
}

async fn once(command: &str, asked: &Asked<'_>) -> Result<Code, String> {
    let run = Command::new("sh")
        .arg("-c")
        .arg(command)
        .env("SMOKE_REFERENCE", asked.reference)
        .env("SMOKE_PURPOSE", asked.purpose)
        .env("SMOKE_EMAIL", asked.email)
        .env("SMOKE_REQUESTED_AT", asked.requested_at)
        // The command reads mail, and needs no token of the wallet for that.
        .env_remove("OTP_SIDECAR_TEST_TOKEN")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("the code command cannot be run: {error}"))?;
    if !run.status.success() {
        // What it said may hold the code, or a password of the mailbox.
        return Err(format!("the code command ended with {}: run it by hand to see why", ended(&run.status)));
    }
    let printed = Zeroizing::new(String::from_utf8_lossy(&run.stdout).into_owned());
    let text = printed.trim();
    if text.is_empty() {
        return Err("the code command printed nothing".to_owned());
    }
    let has_length = (6..=10).contains(&text.len());
    Code::presented(text, None).filter(|_| has_length).ok_or_else(|| {
        "the code command printed something that is no code: it must print 6 to 10 digits and nothing else"
            .to_owned()
    })
}

fn ended(status: &std::process::ExitStatus) -> String {
    status.code().map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"))
}
