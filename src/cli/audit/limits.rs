//! Limits and the lock bind: requests are sent until they do.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{Checks, FAKE, Guarded, World, nested};
use crate::cli::wire::{Answer, Call, email_of};
use crate::policy::field::Field;
use crate::policy::snapshot::Action;

const ADVICE: &str = "List limits in the policy under identity, the route and the purpose, and check that all replicas \
                      share one state.";

pub(super) async fn check(world: &World<'_>, checks: &mut Checks) {
    bad_tokens(world, checks).await;
    let Some(token) = world.token else {
        checks.skip("asking for the status is limited", "needs --token");
        checks.skip("sending codes is limited", "needs --token and --yes-send");
        checks.skip("wrong codes lock", "needs --token, --yes-send and --yes-lock");
        return;
    };
    status(world, checks, token).await;
    let sent = sending(world, checks, token).await;
    lock(world, checks, token, sent.as_deref()).await;
}

/// The guide's check, with as many requests as the policy allows and one more.
async fn bad_tokens(world: &World<'_>, checks: &mut Checks) {
    let name = "a flood of bad tokens is limited";
    if world.policy.identity.limits.is_empty() {
        return checks.fail(
            name,
            "identity.limits is empty",
            "List a limit by client_ip under identity.limits.",
        );
    }
    let Some(guarded) = world.route_that(|action| !matches!(action, Action::Limit)) else {
        return checks.skip(name, "the policy has no route that asks for a token");
    };
    until_limited(world, checks, name, async || world.stranger(&guarded, Some(FAKE)).await).await;
}

async fn status(world: &World<'_>, checks: &mut Checks, token: &str) {
    let name = "asking for the status is limited";
    let Some(guarded) = world.route_that(|action| matches!(action, Action::Status(_))) else {
        return checks.skip(name, "the policy has no status route");
    };
    until_limited(world, checks, name, async || {
        let mut path = String::new();
        let call = guarded.call(&mut path).token(Some(token));
        world.target.call(call).await
    })
    .await;
}

/// Sends real codes to the test account until the limit binds. Gives the reference of one.
async fn sending(world: &World<'_>, checks: &mut Checks, token: &str) -> Option<String> {
    let name = "sending codes is limited";
    let Some(guarded) = world.route_that(|action| matches!(action, Action::Send(_))) else {
        checks.skip(name, "the policy has no send route");
        return None;
    };
    if !world.yes_send {
        checks.skip(name, "needs --yes-send: it sends real mails to the test account");
        return None;
    }
    let Action::Send(rule) = &guarded.route.action else { return None };
    let mut body = nested(&rule.purpose, json!(guarded.purpose));
    if let (Some(field), Some(email), Some(body)) =
        (&rule.recipient.named_by, email_of(token), body.as_object_mut())
        && let Value::Object(more) = nested(field, json!(email))
    {
        body.extend(more);
    }
    let mut reference = None;
    until_limited(world, checks, name, async || {
        let call = Call::new(guarded.method.clone(), &guarded.path).token(Some(token)).json(&body);
        let answer = world.target.call(call).await?;
        if let Some(Value::String(found)) = answer.field("transactionReference") {
            reference = Some(found);
        }
        Ok(answer)
    })
    .await;
    reference
}

/// Wrong codes until the test account is locked.
async fn lock(world: &World<'_>, checks: &mut Checks, token: &str, reference: Option<&str>) {
    let name = "wrong codes lock";
    let Some(guarded) = world.route_that(|action| matches!(action, Action::Verify(_))) else {
        return checks.skip(name, "the policy has no verify route");
    };
    let (Some(reference), true) = (reference, world.yes_lock) else {
        return checks.skip(name, "needs --yes-send and --yes-lock: it locks the test account");
    };
    let Action::Verify(rule) = &guarded.route.action else { return };
    let allowed = rule.purposes.iter().map(|purpose| purpose.lockout.after).max().unwrap_or(10);
    for tried in 1..=allowed.saturating_add(1) {
        let answer = world
            .target
            .call(wrong_code(&guarded, token, &rule.code, &rule.reference, reference, tried))
            .await;
        match answer {
            Err(error) => return checks.unanswered(name, &error),
            Ok(answer) if answer.status.as_u16() == 423 => {
                return checks.pass(name, format!("locked at wrong code {tried}; it may be {allowed}"));
            }
            Ok(answer) if answer.status.as_u16() == 429 => {
                return checks.skip(name, format!("{}: try again later", answer.summary()));
            }
            Ok(answer) if answer.status.is_success() => {
                return checks.fail(
                    name,
                    "a made-up code was accepted",
                    "Stop the deployment: codes are not checked.",
                );
            }
            Ok(_) => {}
        }
    }
    checks.fail(name, format!("not locked after {} wrong codes", allowed.saturating_add(1)), ADVICE);
}

fn wrong_code<'a>(
    guarded: &'a Guarded<'_>,
    token: &'a str,
    code: &Field,
    reference_field: &Field,
    reference: &str,
    tried: u32,
) -> Call<'a> {
    let mut body = nested(code, json!(format!("{:06}", 100_000 + tried)));
    if let (Some(body), Value::Object(more)) =
        (body.as_object_mut(), nested(reference_field, json!(reference)))
    {
        body.extend(more);
    }
    Call::new(guarded.method.clone(), &guarded.path).token(Some(token)).json(&body)
}

/// Asks until the answer is 429, and looks whether that answer says when to come back.
async fn until_limited(
    world: &World<'_>,
    checks: &mut Checks,
    name: &str,
    mut ask: impl AsyncFnMut() -> anyhow::Result<Answer>,
) {
    let mut last = String::new();
    for sent in 1..=world.most {
        let answer = match ask().await {
            Ok(answer) => answer,
            Err(error) => return checks.unanswered(name, &error),
        };
        if answer.status.as_u16() != 429 {
            last = answer.summary();
            continue;
        }
        let after = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
        return match after.map(Duration::from_secs) {
            Some(after) => {
                checks.pass(name, format!("429 at request {sent} of this check, for {} s", after.as_secs()))
            }
            None => checks.fail(
                name,
                format!("429 at request {sent}, without Retry-After"),
                "The sidecar says when to come back: does something in between take the header away?",
            ),
        };
    }
    checks.fail(name, format!("{} requests went through, the last with {last}", world.most), ADVICE);
}
