//! Nothing is answered without a valid token, and the sidecar is what refuses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::world::{Checks, FAKE, Guarded, World};
use crate::cli::wire::Answer;
use crate::policy::snapshot::Action;

const NOT_IN_FRONT: &str = "The sidecar did not decide on this request: does this path go through it, and are these the policies \
                            that it runs (--policies)?";
const OPEN: &str = "The route answers strangers: protect it in the policy, and let nothing reach the wallet but the sidecar.";

pub(super) async fn check(world: &World<'_>, checks: &mut Checks) {
    for guarded in world.guarded() {
        if matches!(guarded.route.action, Action::Limit) {
            continue;
        }
        match world.stranger(&guarded, None).await {
            Ok(answer) => judge(checks, &guarded, &answer),
            Err(error) => checks.unanswered(name(&guarded), &error),
        }
    }
    forged(world, checks).await;
}

fn name(guarded: &Guarded<'_>) -> String {
    format!("{} needs a token", guarded.name())
}

fn judge(checks: &mut Checks, guarded: &Guarded<'_>, answer: &Answer) {
    let status = answer.status.as_u16();
    let name = name(guarded);
    match (status, answer.is_of_the_sidecar()) {
        (401 | 429, true) => checks.pass(name, answer.summary()),
        (401 | 403 | 429, false) => {
            checks.fail(name, format!("{status}, not from the sidecar"), NOT_IN_FRONT)
        }
        (404, false) => checks.fail(name, "404: nothing is there", NOT_IN_FRONT),
        _ if answer.status.is_success() => checks.fail(name, answer.summary(), OPEN),
        _ => checks.fail(name, format!("{} instead of 401", answer.summary()), NOT_IN_FRONT),
    }
}

/// Tokens that somebody could try.
async fn forged(world: &World<'_>, checks: &mut Checks) {
    let Some(guarded) = world
        .route_that(|action| matches!(action, Action::Status(_)))
        .or_else(|| world.route_that(|action| !matches!(action, Action::Limit)))
    else {
        return;
    };
    let mut tokens = vec![("a made-up token", FAKE.to_owned()), ("a token without a signature", unsigned())];
    if let Some(token) = world.token {
        tokens.push(("the test account's token with another signature", other_signature(token)));
        tokens.push(("the test account's token with other claims", other_claims(token)));
    }
    for (what, token) in tokens {
        let name = format!("{what} is refused");
        match world.stranger(&guarded, Some(&token)).await {
            Ok(answer) if matches!(answer.status.as_u16(), 401 | 429) => checks.pass(name, answer.summary()),
            Ok(answer) => checks.fail(
                name,
                answer.summary(),
                "Tokens are not verified: name algorithm and key under identity.jwt in the policy.",
            ),
            Err(error) => checks.unanswered(name, &error),
        }
    }
    two_headers(world, checks, &guarded).await;
}

/// One reader may take the first of them, and another the last.
async fn two_headers(world: &World<'_>, checks: &mut Checks, guarded: &Guarded<'_>) {
    let name = "two Authorization headers are refused";
    let mut path = String::new();
    let token = world.token.unwrap_or(FAKE);
    let call = guarded.call(&mut path).token(Some(token)).header("authorization", "Bearer FAKE");
    match world.target.call(call).await {
        Ok(answer) if answer.is_of_the_sidecar() && matches!(answer.status.as_u16(), 400 | 401 | 429) => {
            checks.pass(name, answer.summary());
        }
        Ok(answer) if answer.status.is_success() => checks.fail(name, answer.summary(), OPEN),
        Ok(answer) => checks.fail(name, answer.summary(), NOT_IN_FRONT),
        Err(error) => checks.unanswered(name, &error),
    }
}

fn unsigned() -> String {
    let [head, claims] =
        [r#"{"alg":"none","typ":"JWT"}"#, r#"{"id":"audit","email":"audit@example.com","exp":4102444800}"#]
            .map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{head}.{claims}.")
}

/// The same length, another signature.
fn other_signature(token: &str) -> String {
    let (head, signature) = token.rsplit_once('.').unwrap_or(("", token));
    let turned: String = signature.chars().map(|c| if c == 'A' { 'B' } else { 'A' }).collect();
    format!("{head}.{turned}")
}

/// Somebody else's claims under the same signature.
fn other_claims(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let claims = URL_SAFE_NO_PAD
        .encode(r#"{"id":"audit-somebody-else","email":"audit@example.com","exp":4102444800}"#);
    match parts.as_slice() {
        [head, _, signature] => format!("{head}.{claims}.{signature}"),
        _ => format!("x.{claims}.x"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_tokens_differ_from_the_real_one_where_they_say() {
        assert_eq!(other_signature("a.b.ACA"), "a.b.BAB");
        assert!(other_claims("a.b.c").starts_with("a.") && other_claims("a.b.c").ends_with(".c"));
        assert!(unsigned().ends_with('.'));
    }
}
