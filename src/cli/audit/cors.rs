//! What browsers of other origins may read, as the policy says.

use http::Method;

use super::world::{Checks, FAKE, World};
use crate::cli::wire::Call;
use crate::policy::snapshot::{Action, CorsRules};

/// An origin that no policy names.
const STRANGE: &str = "https://audit.invalid";

pub(super) async fn check(world: &World<'_>, checks: &mut Checks) {
    let Some(guarded) = world.route_that(|action| !matches!(action, Action::Limit)) else {
        return checks.skip("other origins", "the policy has no route that asks for a token");
    };
    let mut path = String::new();
    let call = guarded.call(&mut path).token(Some(FAKE)).header("origin", STRANGE);
    let name = "a strange origin reads what the policy allows";
    match world.target.call(call).await {
        Err(error) => checks.unanswered(name, &error),
        Ok(answer) => {
            let allowed = answer.header("access-control-allow-origin");
            let with_cookies = answer.header("access-control-allow-credentials") == Some("true");
            let seen = allowed.map_or_else(
                || "no Access-Control-Allow-Origin".to_owned(),
                |origin| format!("Access-Control-Allow-Origin: {origin}"),
            );
            match (&world.policy.cors, allowed) {
                (_, Some(_)) if with_cookies => checks.fail(
                    name,
                    format!("{seen}, with credentials"),
                    "Never allow credentials to any origin: name the origins under cors.allow_origins.",
                ),
                (CorsRules::Any, Some("*")) | (CorsRules::Off | CorsRules::Origins(_), None) => {
                    checks.pass(name, seen);
                }
                (CorsRules::Any, _) => checks.fail(
                    name,
                    seen,
                    "The policy allows any origin, and the answer does not say so: does something in between change it?",
                ),
                (_, Some(_)) => checks.fail(
                    name,
                    seen,
                    "The policy does not name this origin: does something in between add the header?",
                ),
            }
        }
    }
    named(world, checks, &guarded.path, &guarded.method).await;
}

/// An origin that the policy names may read.
async fn named(world: &World<'_>, checks: &mut Checks, path: &str, method: &Method) {
    let CorsRules::Origins(origins) = &world.policy.cors else { return };
    let Some(origin) = origins.first() else { return };
    let name = format!("{origin} may read");
    let call = Call::new(method.clone(), path).token(Some(FAKE)).header("origin", origin);
    match world.target.call(call).await {
        Ok(answer) if answer.header("access-control-allow-origin") == Some(origin) => {
            checks.pass(name, "allowed");
        }
        Ok(_) => checks.fail(name, "not allowed", "The policy names it: is this the policy that it runs?"),
        Err(error) => checks.unanswered(name, &error),
    }
}
