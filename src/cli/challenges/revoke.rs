//! `otp-sidecar challenges revoke`.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::argument;
use crate::cli::change::ChangeFlags;
use crate::cli::client::{Client, wait_for};
use crate::cli::document::text;
use crate::cli::ending::Ending;
use crate::cli::output::{OutputFlags, Screen, visible};
use crate::config::access::AccessFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar challenges revoke --subject 65f1c0ffee --purpose wallet_funding --reason 'ticket 4711: lost phone'
  otp-sidecar challenges revoke --subject 65f1c0ffee --reference FUND-1f2e3d4c --reason 'ticket 4711'

Whoever presents a revoked code is answered as if a newer one had taken its place. A code that a request
holds right now is left as it is; the exit code is 1 then.";

/// Flags of `otp-sidecar challenges revoke`.
#[derive(Debug, Args)]
pub(super) struct RevokeFlags {
    /// The person: the claim of the token that the policy takes for the subject.
    #[arg(long, value_name = "SUBJECT", value_parser = argument::subject)]
    subject: String,
    /// The pending challenge of this purpose.
    #[arg(long, value_name = "NAME", required_unless_present = "reference", conflicts_with = "reference")]
    purpose: Option<String>,
    /// The challenge of this reference.
    #[arg(long, value_name = "REFERENCE")]
    reference: Option<String>,
    #[command(flatten)]
    change: ChangeFlags,
    #[command(flatten)]
    output: OutputFlags,
    #[command(flatten)]
    access: AccessFlags,
}

/// Revokes a challenge, and says what became of it.
pub(super) fn run(flags: RevokeFlags) -> anyhow::Result<Ending> {
    let RevokeFlags { subject, purpose, reference, change, output, access } = flags;
    let mut request = json!({ "subject": subject });
    if let Some(purpose) = purpose {
        request["purpose"] = Value::from(purpose);
    }
    if let Some(reference) = reference {
        request["reference"] = Value::from(reference);
    }
    change.add_to(&mut request);
    let done = wait_for(async {
        let client = Client::reach(access).await?;
        client.post("/-/challenges/revoke", &request).await
    })?;
    let mut screen = Screen::new(output);
    if screen.is_json() {
        screen.json(&done)?;
    } else {
        screen.line(&told(&done))?;
    }
    screen.flush()?;
    Ok(Ending::of(text(&done, "result") == "reserved"))
}

fn told(done: &Value) -> String {
    let [subject, purpose, reference] =
        ["subject", "purpose", "reference"].map(|name| visible(text(done, name)));
    match text(done, "result") {
        "revoked" => {
            format!("{subject}: {reference} ({purpose}) was live and is revoked: no code of it passes.")
        }
        "reserved" => format!(
            "{subject}: {reference} ({purpose}) is held by a request: a right code was presented, and the wallet \
             is being asked, or what it did is unknown. Nothing was changed."
        ),
        _ => format!("{subject}: no such challenge is live. Nothing was changed."),
    }
}
