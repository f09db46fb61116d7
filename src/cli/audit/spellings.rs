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
        if guarded.path.contains("/1/") || guarded.path.ends_with("/1") {
            continue;
        }
        paths(world, checks, progress, &guarded).await;
        if guarded.route.other_methods == OtherMethods::Refuse {
            methods(world, checks, &guarded).await;
        }
    }
    rewriting_headers(world, checks).await;
}

async fn paths(world: &World<'_>, checks: &mut Checks, progress: &mut Progress, guarded: &Guarded<'_>) {
    let name = format!("no other spelling of {} gets through", guarded.name());
    let all = spellings(&guarded.path);
    let count = all.len();
    let mut tried = futures_util::stream::iter(all)
        .map(|spelling| async move { (reaches(world, guarded, &spelling).await, spelling) })
        .buffer_unordered(AT_ONCE);
    let (mut through, mut unanswered, mut done) = (Vec::new(), 0_usize, 0_usize);
    while let Some((reached, spelling)) = tried.next().await {
        done += 1;
        progress.tell(|| format!("spellings of {}: {done}/{count}", guarded.name()));
        match reached {
            Ok(false) => {}
            Ok(true) => through.push(spelling),
            Err(_) => unanswered += 1,
        }
    }
    if through.is_empty() && unanswered * 10 < count.max(1) {
        checks.pass(name, format!("{count} spellings"));
    } else if through.is_empty() {
        checks.fail(
            name,
            format!("{unanswered} of {count} had no answer"),
            "Too many to judge: look at the log.",
        );
    } else {
        through.sort();
        let shown: Vec<String> = through.iter().take(3).map(|spelling| visible(spelling)).collect();
        checks.fail(name, format!("{} of {count}, such as {}", through.len(), shown.join("  ")), ADVICE);
    }
}

/// Whether this spelling comes to a handler of the wallet. An answer of the sidecar's own and one that a path
/// which does not exist gets too mean no.
async fn reaches(world: &World<'_>, guarded: &Guarded<'_>, spelling: &str) -> anyhow::Result<bool> {
    let answer = speak(world, guarded, spelling).await?;
    let Some(status) = answer.status.filter(|_| !answer.is_of_the_sidecar()) else { return Ok(false) };
    if status == 404 {
        return Ok(false);
    }
    let Some(nowhere) = elsewhere(&guarded.path, spelling) else { return Ok(status < 400) };
    Ok(speak(world, guarded, &nowhere).await?.status != Some(status))
}

async fn speak(world: &World<'_>, guarded: &Guarded<'_>, target: &str) -> anyhow::Result<Spoken> {
    let line = format!("{} {}", guarded.method, world.target.path(target));
    let has_body = guarded.method != Method::GET;
    let (headers, body) = if has_body { ("Content-Type: application/json\r\n", "{}") } else { ("", "") };
    world.target.speak(line.as_bytes(), headers, body).await
}

/// The same spelling of a path that does not exist: each letter of its last name is another one.
fn elsewhere(path: &str, spelling: &str) -> Option<String> {
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    let tail = name.get(name.len().saturating_sub(3)..)?;
    let at = spelling.to_ascii_lowercase().rfind(&tail.to_ascii_lowercase());
    match at {
        Some(at) => {
            let end = at + tail.len();
            Some(format!("{}{}{}", spelling.get(..at)?, "zqx".get(..tail.len())?, spelling.get(end..)?))
        }
        None => Some(format!("{}zqx", spelling.trim_end_matches(['/', '\\']))),
    }
}

/// Methods that no route of this path has.
async fn methods(world: &World<'_>, checks: &mut Checks, guarded: &Guarded<'_>) {
    let name = format!("{} is not reached by other methods", guarded.path);
    let own: Vec<&Method> = world
        .policy
        .routes
        .iter()
        .filter(|route| route.paths.iter().any(|path| *path == guarded.path))
        .flat_map(|route| &route.methods)
        .collect();
    let mut through = Vec::new();
    for word in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "X"] {
        let Ok(method) = Method::from_bytes(word.as_bytes()) else { continue };
        if own.contains(&&method) {
            continue;
        }
        let line = format!("{word} {}", world.target.path(&guarded.path));
        match world.target.speak(line.as_bytes(), "Content-Type: application/json\r\n", "{}").await {
            Ok(answer) if answer.is_of_the_sidecar() => {}
            Ok(answer) if matches!(answer.status, None | Some(400 | 404 | 405 | 501)) => {}
            Ok(_) => through.push(word),
            Err(error) => return checks.unanswered(name, &error),
        }
    }
    if through.is_empty() {
        checks.pass(name, "refused");
    } else {
        checks.fail(name, format!("{} came through", through.join(", ")), ADVICE);
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
            assert_eq!(elsewhere("/api/wallet/fund", spelling).as_deref(), Some(expected), "{spelling}");
        }
    }
}
