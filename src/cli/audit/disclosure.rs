//! The sidecar's own answers tell no versions, no insides, and are not kept by caches.

use http::Method;

use super::world::{Checks, FAKE, World};
use crate::cli::wire::{Answer, Call};
use crate::policy::snapshot::Action;

/// Headers that some servers tell their name and version in.
const TELLING: [&str; 6] = ["server", "x-powered-by", "x-aspnet-version", "x-generator", "x-runtime", "via"];

/// What a trace of the insides looks like.
const INSIDES: [&str; 5] = ["    at ", "Traceback (most recent", "panicked at", "node_modules", ".rs:"];

pub(super) async fn check(world: &World<'_>, checks: &mut Checks) {
    let Some(guarded) = world.route_that(|action| !matches!(action, Action::Limit)) else {
        return checks.skip("answers of the sidecar", "the policy has no route that asks for a token");
    };
    let refusals = [
        ("the answer without a token", world.stranger(&guarded, Some(FAKE)).await),
        ("the answer to another method", {
            let call = Call::new(Method::from_bytes(b"PROPFIND").unwrap_or(Method::DELETE), &guarded.path);
            world.target.call(call).await
        }),
    ];
    for (what, answer) in refusals {
        match answer {
            Ok(answer) => judge(checks, what, &answer),
            Err(error) => checks.unanswered(what, &error),
        }
    }
}

fn judge(checks: &mut Checks, what: &str, answer: &Answer) {
    let name = format!("{what} tells no versions");
    let told: Vec<String> = TELLING
        .iter()
        .filter_map(|header| Some((header, answer.header(header)?)))
        .filter(|(header, value)| **header == "x-powered-by" || value.bytes().any(|b| b.is_ascii_digit()))
        .map(|(header, value)| format!("{header}: {value}"))
        .collect();
    if told.is_empty() {
        checks.pass(name, "no name or version in a header");
    } else {
        let advice = "Take these headers away where they are added: Express by app.disable('x-powered-by'), nginx by \
                      server_tokens off.";
        checks.fail(name, told.join(", "), advice);
    }
    let body = String::from_utf8_lossy(&answer.body);
    let name = format!("{what} shows nothing of the insides");
    match INSIDES.iter().find(|mark| body.contains(**mark)) {
        None => checks.pass(name, "no trace of a program"),
        Some(mark) => checks.fail(name, format!("the body has {mark:?}"), "Switch the debugging mode off."),
    }
    let name = format!("{what} is not kept by caches");
    match answer.header("cache-control") {
        Some(value) if value.contains("no-store") => checks.pass(name, format!("Cache-Control: {value}")),
        other => checks.fail(
            name,
            other.map_or_else(|| "no Cache-Control".to_owned(), |value| format!("Cache-Control: {value}")),
            "The sidecar writes no-store: is this answer the sidecar's, and does something in between change it?",
        ),
    }
}
