//! `otp-sidecar explain --code-stdin`: does this code pass, and if not, why? It is never shown.

use std::io::{IsTerminal as _, Read as _};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::ExplainFlags;
use crate::cli::change::sign;
use crate::cli::client::{Client, wait_for};
use crate::cli::document::{flag, list, text};
use crate::cli::ending::Ending;
use crate::cli::moment;
use crate::cli::output::{Cell, Screen, Table, Tone, visible};
use crate::domain::code::Code;
use crate::domain::time::Timestamp;

/// The most bytes that are read for a code.
const LONGEST: u64 = 64;

/// Compares a code, and says what is the matter with it. 1 when it would not pass.
pub(super) fn run(flags: ExplainFlags) -> anyhow::Result<Ending> {
    let code = from_stdin()?;
    let mut request = json!({
        "subject": flags.subject,
        // Leaves the type that wipes it: it goes out over the connection now.
        "code": code.expose(),
    });
    for (name, value) in [("reference", flags.reference), ("purpose", flags.purpose)] {
        if let Some(value) = value {
            request[name] = Value::from(value);
        }
    }
    drop(code);
    sign(&mut request, flags.reason, flags.by);
    let answer = wait_for(async {
        let client = Client::reach(flags.access).await?;
        client.post("/-/explain/code", &request).await
    })?;
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        screen.json(&answer)?;
    } else {
        print(&mut screen, &answer)?;
    }
    screen.flush()?;
    Ok(Ending::of(!flag(&answer, "wouldPass")))
}

fn from_stdin() -> anyhow::Result<Code> {
    let stdin = std::io::stdin();
    anyhow::ensure!(
        !stdin.is_terminal(),
        "the code comes through a pipe, so that it shows nowhere: \
         read -rs CODE; printf %s \"$CODE\" | otp-sidecar explain --subject … --code-stdin"
    );
    let mut typed = Zeroizing::new(String::with_capacity(64));
    stdin.lock().take(LONGEST).read_to_string(&mut typed)?;
    Code::presented(&typed, None).ok_or_else(|| {
        anyhow::anyhow!("standard input has no code: it must be at most 10 digits and nothing else")
    })
}

fn print(screen: &mut Screen, answer: &Value) -> std::io::Result<()> {
    let now = moment::of(answer, "at").unwrap_or_default();
    let verdict = text(answer, "verdict");
    let tone = if flag(answer, "wouldPass") { Tone::Good } else { Tone::Bad };
    let verdict_shown = screen.toned(tone, verdict);
    screen.line(&format!("{verdict_shown}: {}", meaning(verdict)))?;
    if let Some(account) = answer.get("account").filter(|account| flag(account, "locked")) {
        let lock = screen.toned(Tone::Warn, &lock_told(account, now));
        screen.line(&lock)?;
    }
    print_stored(screen, answer, now)?;
    let keys: Vec<&str> = list(answer, "keys").iter().filter_map(Value::as_str).collect();
    screen.line(&format!("Keys here: {}", visible(&keys.join(", "))))
}

fn lock_told(account: &Value, now: Timestamp) -> String {
    match moment::of(account, "lockedUntil") {
        Some(until) => {
            format!("And the person is locked until {} UTC: no code is compared.", moment::beside(until, now))
        }
        None => "And the purpose is disabled for the person until cleared: no code is compared.".to_owned(),
    }
}

fn print_stored(screen: &mut Screen, answer: &Value, now: Timestamp) -> std::io::Result<()> {
    screen.title("Stored codes")?;
    let mut table =
        Table::new(&["REFERENCE", "PURPOSE", "STATE", "ISSUED (UTC)", "EXPIRES (UTC)", "KEY", "MATCHES"]);
    for challenge in list(answer, "challenges") {
        for code in list(challenge, "codes") {
            let at = |name| moment::of(code, name).unwrap_or_default();
            let matches = match (flag(code, "matches"), flag(code, "knownKey")) {
                (true, _) => Cell::toned(Tone::Good, "yes"),
                (false, true) => Cell::from("no"),
                (false, false) => Cell::toned(Tone::Bad, "unknown key"),
            };
            table.row([
                Cell::from(text(challenge, "reference")),
                Cell::from(text(challenge, "purpose")),
                Cell::from(text(challenge, "phase")),
                Cell::from(moment::shown(at("issuedAt"))),
                Cell::from(moment::beside(at("expiresAt"), now)),
                Cell::from(text(code, "key")),
                matches,
            ]);
        }
    }
    if table.is_empty() {
        return screen.line("None.");
    }
    screen.table(&table)
}

/// What a verdict means, and what to do.
fn meaning(verdict: &str) -> &'static str {
    match verdict {
        "right" => {
            "the code is right. If verification still fails, look at the decision: explain DECISION_ID --log FILE."
        }
        "expired" => {
            "the code was right and has expired. Mail is slow, or people are: send a new one; see code.ttl."
        }
        "superseded" => {
            "the code was right, and a newer challenge took its place, or an operator revoked it. The newest mail counts."
        }
        "used" => "the code was right and has been used. If the wallet shows nothing, look at its own log.",
        "reserved" => {
            "the code is right, and a request holds it: the wallet is being asked, or nobody knows whether it acted."
        }
        "other_reference" => {
            "the code is right for another transaction of this person: the front end sends the wrong reference, or the person looks at the wrong mail."
        }
        "shortened" => {
            "the code is right but for the zeros at its beginning: the front end cuts them. It must send text, or a JSON number."
        }
        "digits" => {
            "codes of this purpose have another number of digits: something was lost or added on the way."
        }
        "unknown_key" => {
            "the stored codes were made with keys that are not known here: replicas run with different --code-keys, or a key was taken away too early."
        }
        "wrong" => {
            "it is none of the stored codes that were looked at. Without --reference that is the pending challenge only: a code of an older mail, or a used one, is told with the reference of that mail (the wallet has it). If everybody sees this, the front end changes what people type."
        }
        "no_challenge" => {
            "there is nothing to compare it with: no code was made for this person and reference, or it is forgotten (30 minutes after it expired). A used code, or one of an older mail, is told with --reference."
        }
        _ => "this version does not know that word.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::verdict::Verdict;

    #[test]
    fn every_verdict_is_told_what_it_means() {
        let unknown = meaning("something else");
        for verdict in Verdict::ALL {
            assert_ne!(meaning(verdict.as_str()), unknown, "{}", verdict.as_str());
        }
    }

    #[test]
    fn a_lock_is_told_by_its_end() {
        let account = json!({ "locked": true, "lockedUntil": "2026-11-22T15:22:00.000Z" });
        let now = Timestamp::from_iso8601("2026-11-22T15:12:00.000Z").unwrap();
        assert!(lock_told(&account, now).contains("(in 10m)"));
    }
}
