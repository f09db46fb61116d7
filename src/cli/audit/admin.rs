//! The admin listener is not reachable through the wallet's traffic, nor from outside.

use http::Method;

use super::world::{Checks, World};
use crate::cli::wire::{Answer, Call, Target};

/// Calls of the admin listener, with words of its answers that no wallet has. `/livez` and `/readyz` answer
/// `ok`, as many do, and tell nothing.
const MARKS: [(&str, &[&str]); 3] = [
    ("/metrics", &["otp_sidecar_"]),
    ("/health", &["\"codeKeys\""]),
    ("/-/reload", &["admin token", "\"hash\""]),
];

const PUBLISHED: &str = "The admin listener is published with the wallet: take its port out of Service and Ingress, and do not \
                         route these paths to it.";

pub(super) async fn check(world: &World<'_>, checks: &mut Checks) {
    for (path, marks) in MARKS {
        let name = format!("{path} on the wallet's port is not the admin listener's");
        let method = if path == "/-/reload" { Method::POST } else { Method::GET };
        match world.target.call(Call::new(method, path)).await {
            Err(error) => checks.unanswered(name, &error),
            Ok(answer) if has(&answer, marks) => checks.fail(name, answer.summary(), PUBLISHED),
            Ok(answer) => checks.pass(name, answer.status.as_u16().to_string()),
        }
    }
    match world.admin {
        Some(admin) => listener(admin, checks).await,
        None => checks.skip("the admin listener is not reachable from here", "needs --admin URL"),
    }
}

fn has(answer: &Answer, marks: &[&str]) -> bool {
    let body = String::from_utf8_lossy(&answer.body);
    marks.iter().any(|mark| body.contains(mark))
}

async fn listener(admin: &Target, checks: &mut Checks) {
    let name = "the admin listener is not reachable from here";
    let reached = admin.call(Call::new(Method::GET, "/livez")).await;
    let is_inside = is_loopback(admin);
    match &reached {
        Err(_) => return checks.pass(name, "no connection"),
        Ok(_) if is_inside => checks.skip(name, "this machine is inside: run the audit from outside"),
        Ok(answer) => checks.fail(
            name,
            format!("{} from {}", answer.status.as_u16(), admin.url()),
            "Bind it to loopback or to the pod's network (--admin-listen), and let a NetworkPolicy admit only Prometheus.",
        ),
    }
    for (what, token) in [("without a token", None), ("with a made-up token", Some("FAKE"))] {
        let name = format!("the admin listener reloads nothing {what}");
        match admin.call(Call::new(Method::POST, "/-/reload").token(token)).await {
            Ok(answer) if answer.status.is_client_error() => {
                checks.pass(name, answer.status.as_u16().to_string())
            }
            Ok(answer) => {
                checks.fail(name, answer.summary(), "Anybody can change what it does: update the sidecar.")
            }
            Err(error) => checks.unanswered(name, &error),
        }
    }
}

fn is_loopback(target: &Target) -> bool {
    match target.url().host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
