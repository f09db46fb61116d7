//! A mail relay that repeats what it was told, at every step of the conversation.

use serde_json::Value;

use super::World;
use crate::support::sidecar::PATIENCE;
use crate::support::wait::until;

impl World {
    /// The details of every mail that failed, as the log tells them.
    fn failures(&self) -> Vec<String> {
        let lines = self.sidecar.lines().into_iter().filter(|line| line.contains("\"message\":\"mail "));
        let said = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
        said.filter_map(|line| line["detail"].as_str().map(str::to_owned)).collect()
    }

    /// How many attempts to send failed.
    async fn failed(&self) -> f64 {
        let text = self.sidecar.operator().get("/metrics").await.text();
        let lines = text.lines().filter(|line| line.starts_with("otp_email_errors_total"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Asks for a code as somebody.
    async fn ask(&mut self, subject: &str) {
        let somebody = self.somebody(subject);
        let answer = somebody.fund(5_000).await;
        assert_eq!(answer.status, 200);
        self.keep("fund", answer);
    }

    /// Codes that never arrived are known to nobody: no number of their length may show.
    fn assert_no_code_in_failures(&self, at_least: usize) {
        let failures = self.failures();
        assert!(failures.len() >= at_least, "{failures:#?}");
        for detail in failures {
            let longest = detail.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
            assert!(longest.unwrap_or_default() < 6, "{detail}");
        }
    }
}

#[tokio::test]
async fn a_relay_that_repeats_what_it_was_sent_leaves_no_trace_in_what_is_written() {
    let mut world = World::start().await;
    let client = world.somebody("jane");
    world.funded(&client).await;
    for (number, mode) in
        ["echo", "reject_rcpt", "reject_sender", "reject_auth", "busy", "drop"].iter().enumerate()
    {
        world.relay.mode(mode, None);
        if *mode == "reject_auth" {
            world.relay.hang_up();
        }
        let before = world.failed().await;
        world.ask(&format!("user{number}")).await;
        until(mode, PATIENCE, async || world.failed().await > before).await;
    }
    world.assert_no_code_in_failures(6);
    world.secrets.add("what a busy relay says", "603645");
    world.assert_discreet().await;
}

#[tokio::test]
async fn a_relay_that_tells_all_it_ever_heard_at_any_step_leaves_no_trace_in_what_is_written() {
    let mut world = World::start().await;
    let client = world.somebody("jane");
    // Now it knows the password, the address and a code.
    world.funded(&client).await;
    for (mode, step) in [
        ("gossip_data", "the message"),
        ("gossip_rcpt", "RCPT TO"),
        ("gossip_mail", "MAIL FROM"),
        ("gossip_ehlo", "the greeting"),
        // The last one: after a refused login the relay is left alone for a while.
        ("gossip_auth", "AUTH"),
    ] {
        world.relay.mode(mode, None);
        // So that the next conversation begins at its beginning.
        world.relay.hang_up();
        world.ask(mode).await;
        let told = format!("the relay answered 554 to {step}");
        until(&told, PATIENCE, async || world.failures().iter().any(|detail| detail.ends_with(&told))).await;
    }
    world.assert_no_code_in_failures(5);
    world.secrets.add("the relay's user in base64", "b3RwQHdhbGxldC5leGFtcGxl");
    world.assert_discreet().await;
}
