//! Encryption on the way to the deployment.

use std::time::Duration;

use http::Method;

use super::certificate;
use super::world::{Checks, World};
use crate::app::host::SystemClock;
use crate::cli::wire::Call;
use crate::domain::time::{Clock as _, Timestamp};

/// The shortest time that browsers must remember to come by HTTPS: 180 days.
const HSTS: u64 = 180 * 24 * 60 * 60;

/// A certificate that ends sooner is somebody's task now.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

pub(super) async fn check(world: &World<'_>, checks: &mut Checks) {
    if !world.target.is_https() {
        let host = world.target.url().host_str().unwrap_or_default();
        let name = "the way to the deployment is encrypted";
        if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
            return checks
                .skip(name, "http on this machine: run the audit against the public https:// address too");
        }
        let advice =
            "Tokens and codes cross the network in the clear: give the https:// address, and close this one.";
        return checks.fail(name, "http", advice);
    }
    match world.target.handshake().await {
        Ok(Some(handshake)) => {
            let version = handshake.version.clone();
            checks.pass("the way to the deployment is encrypted", version);
            match handshake.certificate.as_deref().and_then(certificate::not_after) {
                Some(end) => expiry(checks, end, SystemClock.now()),
                None => checks.skip("the certificate lasts", "its end cannot be read"),
            }
        }
        Ok(None) => {}
        Err(error) => return checks.unanswered("the way to the deployment is encrypted", &error),
    }
    hsts(world, checks).await;
}

fn expiry(checks: &mut Checks, end: Timestamp, now: Timestamp) {
    let name = "the certificate lasts";
    let left = end.since(now);
    let seen = format!("until {}, {} days more", end.to_iso8601(), left.as_secs() / 86_400);
    if left >= SOON {
        checks.pass(name, seen);
    } else {
        checks.fail(name, seen, "Renew it now, and see why that did not happen by itself.");
    }
}

async fn hsts(world: &World<'_>, checks: &mut Checks) {
    let name = "browsers are told to come by HTTPS only";
    let path = world.guarded().first().map_or_else(|| "/".to_owned(), |guarded| guarded.path.clone());
    match world.target.call(Call::new(Method::GET, &path)).await {
        Err(error) => checks.unanswered(name, &error),
        Ok(answer) => match answer.header("strict-transport-security") {
            Some(value) if max_age(value).is_some_and(|age| age >= HSTS) => checks.pass(name, value),
            other => checks.fail(
                name,
                other.unwrap_or("no Strict-Transport-Security"),
                "Let what ends TLS add: Strict-Transport-Security: max-age=31536000; includeSubDomains",
            ),
        },
    }
}

/// RFC 6797, section 6.1.1.
fn max_age(value: &str) -> Option<u64> {
    let directives = value.split(';').filter_map(|directive| directive.trim().split_once('='));
    let mut ages = directives.filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"));
    ages.next()?.1.trim().trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::audit::world::Verdict;

    #[test]
    fn the_age_is_read_from_among_other_directives() {
        for (value, age) in [
            ("max-age=31536000; includeSubDomains", Some(31_536_000)),
            ("includeSubDomains; Max-Age=\"5\"", Some(5)),
            ("preload", None),
            ("max-age=x", None),
        ] {
            assert_eq!(max_age(value), age, "{value}");
        }
    }

    #[test]
    fn a_certificate_that_ends_within_two_weeks_is_a_finding() {
        let now = Timestamp::from_millis(1_768_000_000_000);
        for (days, verdict) in [(13, Verdict::Fail), (14, Verdict::Pass), (0, Verdict::Fail)] {
            let mut checks = Checks::default();
            expiry(&mut checks, now.plus(Duration::from_secs(days * 86_400)), now);
            assert_eq!(checks.all()[0].verdict, verdict, "{days}");
        }
    }
}
