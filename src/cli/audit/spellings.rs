//! Other spellings of the protected paths, other methods and headers that name another path do not get
//! through to the wallet's handlers.

use futures_util::StreamExt as _;
use http::Method;

use super::spelling::spellings;
use super::world::{Checks, Guarded, World};
use crate::cli::output::{Progress, visible};
use crate::cli::wire::{Call, Spoken};
use crate::policy::snapshot::{Action, OtherMethods};

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

const ADVICE: &str = "The wallet's handler was reached without the sidecar's decision: send all of the wallet's traffic through the \
                      sidecar, set match.router to what the backend uses, and report what got through.";

pub(super) async fn check(world: &World<'_>, checks: &mut Checks, progress: &mut Progress) {
    for guarded in
        world.guarded().into_iter().filter(|guarded| !matches!(guarded.route.action, Action::Limit))
    {
        if !guarded.route.paths.contains(&guarded.path) {
            let name = format!("no other spelling of {} gets through", guarded.name());
            checks.skip(name, "a path with parameters has no one spelling");
            continue;
        }
        paths(world, checks, progress, &guarded).await;
        if guarded.route.other_methods == OtherMethods::Refuse {
            methods(world, checks, &guarded).await;
        }
    }
    rewriting_headers(world, checks).await;
}

/// Where a request has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// The sidecar refused it, or the wallet knows no such path.
    Nothing,
    /// The wallet's handler.
    Handler,
    /// The wallet refuses strangers before it looks at the path.
    Unknown,
}

async fn paths(world: &World<'_>, checks: &mut Checks, progress: &mut Progress, guarded: &Guarded<'_>) {
    let name = format!("no other spelling of {} gets through", guarded.name());
    let all = spellings(&guarded.path);
    let count = all.len();
    let mut tried = futures_util::stream::iter(all)
        .map(|spelling| async move {
            (reached(world, guarded.method.as_str(), &guarded.path, &spelling).await, spelling)
        })
        .buffer_unordered(AT_ONCE);
    let (mut through, mut unknown, mut unanswered, mut done) = (Vec::new(), 0_usize, 0_usize, 0_usize);
    while let Some((reached, spelling)) = tried.next().await {
        done += 1;
        progress.tell(|| format!("spellings of {}: {done}/{count}", guarded.name()));
        match reached {
            Ok(Reached::Nothing) => {}
            Ok(Reached::Handler) => through.push(spelling),
            Ok(Reached::Unknown) => unknown += 1,
            Err(_) => unanswered += 1,
        }
    }
    if !through.is_empty() {
        through.sort();
        let shown: Vec<String> = through.iter().take(3).map(|spelling| visible(spelling)).collect();
        checks.fail(name, format!("{} of {count}, such as {}", through.len(), shown.join("  ")), ADVICE);
    } else if unanswered * 10 > count {
        checks.fail(
            name,
            format!("{unanswered} of {count} had no answer"),
            "Too many to judge: look at the log.",
        );
    } else if unknown > 0 {
        checks.skip(name, format!("{count} spellings; for {unknown} only --token tells"));
    } else {
        checks.pass(name, format!("{count} spellings"));
    }
}

/// Where this spelling of a path comes to. An answer of the sidecar's own, and one that a path which does not
/// exist gets too, mean nowhere; but a wallet that refuses every stranger must be asked with a token.
async fn reached(world: &World<'_>, method: &str, path: &str, spelling: &str) -> anyhow::Result<Reached> {
    let nowhere = elsewhere(path, spelling);
    for token in [None, world.token].into_iter().take(1 + usize::from(world.token.is_some())) {
        let answer = speak(world, method, spelling, token).await?;
        let Some(status) = answer.status.filter(|status| !answer.is_of_the_sidecar() && *status != 404)
        else {
            return Ok(Reached::Nothing);
        };
        if speak(world, method, &nowhere, token).await?.status != Some(status) {
            return Ok(Reached::Handler);
        }
        if !matches!(status, 401 | 403) {
            return Ok(Reached::Nothing);
        }
    }
    Ok(Reached::Unknown)
}

async fn speak(world: &World<'_>, method: &str, target: &str, token: Option<&str>) -> anyhow::Result<Spoken> {
    let line = format!("{method} {}", world.target.path(target));
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let (headers, body) = match method {
        "GET" => (authorization, ""),
        _ => (format!("{authorization}Content-Type: application/json\r\n"), "{}"),
    };
    world.target.speak(line.as_bytes(), &headers, body).await
}

/// The same spelling of a path that does not exist: the end of its last name is another.
fn elsewhere(path: &str, spelling: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let tail = name.get(name.len().saturating_sub(3)..).unwrap_or_default();
    let at = spelling.to_ascii_lowercase().rfind(&tail.to_ascii_lowercase());
    let replaced = at.filter(|_| !tail.is_empty()).and_then(|at| {
        let (before, after) = (spelling.get(..at)?, spelling.get(at + tail.len()..)?);
        Some(format!("{before}zqx{after}"))
    });
    replaced.unwrap_or_else(|| format!("{}zqx", spelling.trim_end_matches(['/', '\\'])))
}

/// Methods that no route of this path has.
async fn methods(world: &World<'_>, checks: &mut Checks, guarded: &Guarded<'_>) {
    let name = format!("{} is not reached by other methods", guarded.path);
    let own: Vec<&Method> = world
        .policy
        .routes
        .iter()
        .filter(|route| route.paths.contains(&guarded.path))
        .flat_map(|route| &route.methods)
        .collect();
    let (mut through, mut unknown) = (Vec::new(), false);
    for word in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "X"] {
        if own.iter().any(|method| method.as_str() == word) {
            continue;
        }
        match reached(world, word, &guarded.path, &guarded.path).await {
            Ok(Reached::Nothing) => {}
            Ok(Reached::Handler) => through.push(word),
            Ok(Reached::Unknown) => unknown = true,
            Err(error) => return checks.unanswered(name, &error),
        }
    }
    if !through.is_empty() {
        checks.fail(name, format!("{} came through", through.join(", ")), ADVICE);
    } else if unknown {
        checks.skip(name, "only --token tells");
    } else {
        checks.pass(name, "refused");
    }
}

/// Headers by which an intermediary names another path or method.
async fn rewriting_headers(world: &World<'_>, checks: &mut Checks) {
    let Some(guarded) = world.route_that(|action| matches!(action, Action::Issue(_) | Action::Verify(_)))
    else {
        return;
    };
    let nowhere = "/audit-no-such-path";
    for header in
        ["x-original-url", "x-rewrite-url", "x-forwarded-path", "x-http-method-override", "x-original-uri"]
    {
        let name = format!("{header} leads nowhere");
        let value = if header.contains("method") { "POST" } else { guarded.path.as_str() };
        let bare = Call::new(guarded.method.clone(), nowhere).json(&serde_json::json!({}));
        let led =
            Call::new(guarded.method.clone(), nowhere).json(&serde_json::json!({})).header(header, value);
        match (world.target.call(bare).await, world.target.call(led).await) {
            (Ok(bare), Ok(led)) if led.status == bare.status || led.is_of_the_sidecar() => {
                checks.pass(name, led.status.as_u16().to_string());
            }
            (Ok(bare), Ok(led)) => {
                let seen = format!("{} with it, {} without", led.status.as_u16(), bare.status.as_u16());
                checks.fail(name, seen, "Take the header away: list it under `intermediary` in the policy.");
            }
            (Err(error), _) | (_, Err(error)) => checks.unanswered(name, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_of_another_path_keeps_what_is_odd_about_it() {
        for (spelling, expected) in [
            ("/api/wallet//fund", "/api/wallet//fzqx"),
            ("/API/WALLET/FUND/", "/API/WALLET/Fzqx/"),
            ("/api/wallet/fund%2f", "/api/wallet/fzqx%2f"),
            ("/api/wallet/fun%64", "/api/wallet/fun%64zqx"),
        ] {
            assert_eq!(elsewhere("/api/wallet/fund", spelling), expected, "{spelling}");
        }
    }
}
