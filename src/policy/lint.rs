//! What is legal in a set but unwise. Warnings never stop a start or a reload.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;

use super::coverage;
use super::diagnostic::{At, Code, Collector};
use super::document::Document;
use super::document::tree::Text;
use super::field::Source;
use super::snapshot::{Action, KeySource, LimitRule, PolicySnapshot};
use crate::domain::id::LimitName;
use crate::domain::window::Count;

/// Looks at a set that compiled.
pub fn lint(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    limits(document, snapshot, out);
    shadowed_limits(document, snapshot, out);
    purposes(document, snapshot, out);
    key_set(document, snapshot, out);
    for (written, route) in document.routes.iter().zip(&snapshot.routes) {
        let bodiless =
            route.methods.iter().all(|m| matches!(*m, Method::GET | Method::DELETE | Method::OPTIONS));
        if bodiless && let Some(field) = route.selected.iter().find(|field| field.source == Source::Body) {
            out.report(Code::Bodiless, written.at, format!("`{field}`: requests of this route have no body"))
                .advise("select from `request.query.…`, or match methods that have a body");
        }
    }
    for path in coverage::still_protected(snapshot) {
        if let Some(text) = document.unprotect.iter().find(|text| text.text == path) {
            out.report(Code::StillProtected, text.at, format!("`{path}` is still the path of a route"))
                .advise("remove the route, or the path from `unprotect`");
        }
    }
}

fn limits(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    let names = |rules: &[Arc<LimitRule>]| rules.iter().map(|r| r.name.clone()).collect::<Vec<_>>();
    let mut used: BTreeSet<_> = names(&snapshot.identity.limits).into_iter().collect();
    let mut counts_failures = BTreeSet::new();
    for route in &snapshot.routes {
        used.extend(names(&route.limits));
        if matches!(route.action, Action::Verify(_)) {
            counts_failures.extend(names(&route.limits));
        }
    }
    used.extend(snapshot.purposes.values().flat_map(|purpose| names(&purpose.limits)));
    for limit in &document.limits {
        let at = limit.name.at;
        let Some(rule) = rule(snapshot, &limit.name) else { continue };
        if !used.contains(&rule.name) {
            out.report(Code::UnusedLimit, at, format!("nothing uses the limit `{}`", rule.name))
                .advise("list it under a route, a purpose or `identity`, or remove it");
        } else if rule.count == Count::Failures && !counts_failures.contains(&rule.name) {
            let message =
                format!("`{}` counts failures, but no route that uses it compares codes", rule.name);
            out.report(Code::IdleLimit, at, message).advise("list it under a `verify` route, or count all");
        }
        if rule.by.client && snapshot.identity.trusted_proxies.is_empty() {
            let message = format!("`{}` counts by address, and no proxy is trusted", rule.name);
            out.report(Code::ClientWithoutProxies, at, message).advise(
                "behind an ingress all clients share its address: list its network under \
                 `identity.trusted_proxies`",
            );
        }
    }
}

fn rule<'a>(snapshot: &'a PolicySnapshot, name: &Text) -> Option<&'a LimitRule> {
    LimitName::parse(&name.text).ok().and_then(|name| snapshot.limits.get(&name)).map(Arc::as_ref)
}

/// A limit next to a stricter one of the same kind never refuses anything.
fn shadowed_limits(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    let identity = document.identity.iter().map(|identity| identity.limits.as_slice());
    let purposes = document.purposes.iter().map(|purpose| purpose.limits.as_slice());
    let routes = document.routes.iter().map(|route| route.limits.as_slice());
    for list in identity.chain(purposes).chain(routes) {
        for (index, text) in list.iter().enumerate() {
            let stricter = list.iter().enumerate().find(|(other, candidate)| {
                rule(snapshot, text)
                    .zip(rule(snapshot, candidate))
                    .is_some_and(|(a, b)| shadows(a, b, index <= *other))
            });
            if let Some((_, stricter)) = stricter {
                let message = format!("`{}` never refuses anything next to `{}`", text.text, stricter.text);
                out.report(Code::IdleLimit, text.at, message)
                    .advise("raise its window or lower its number, or take it off the list");
            }
        }
    }
}

/// Whether `b` fills no later than `a`, whatever happens. Of two equal ones the later is idle, and none
/// shadows itself.
fn shadows(a: &LimitRule, b: &LimitRule, a_is_no_later: bool) -> bool {
    let same = a.by == b.by && a.count == b.count;
    let equal = a.max == b.max && a.per == b.per;
    same && b.max <= a.max && b.per >= a.per && !(equal && a_is_no_later)
}

fn purposes(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    let sends = snapshot.routes.iter().any(|route| matches!(route.action, Action::Send(_)));
    for written in &document.purposes {
        let rules = snapshot.purposes.values().find(|rules| rules.name.as_str() == written.name.text);
        let Some(rules) = rules else { continue };
        let issued = snapshot
            .routes
            .iter()
            .any(|route| matches!(&route.action, Action::Issue(issue) if issue.purpose.name == rules.name));
        if !issued && !sends {
            out.report(
                Code::IdlePurpose,
                written.name.at,
                format!("nothing issues codes for `{}`", rules.name),
            )
            .advise("add a route with `issue` for it or one with `send`, or remove it");
        }
        let mut idle = |text: &Option<Text>, message: &str, advice: &str| {
            let at = text.as_ref().map_or(written.name.at, |text: &Text| text.at);
            report_idle(at, message, advice, out);
        };
        if rules.cooldown >= rules.ttl {
            idle(&written.cooldown, "no code can be sent again while one is valid", "lower it below `ttl`");
        }
        let lockout = written.lockout.as_ref();
        if rules.lockout.after >= rules.lockout.disable_after {
            let text =
                lockout.map(|l| l.disable_after.clone().or_else(|| l.after.clone())).unwrap_or_default();
            idle(&text, "the purpose is disabled before it is ever locked", "raise it above `after`");
        }
        if rules.lockout.escalate > 1 && rules.lockout.lock_for == rules.lockout.at_most {
            let text = lockout.and_then(|lockout| lockout.escalate.clone());
            idle(&text, "the first lock is already as long as one gets", "raise `at_most`, or leave it out");
        }
    }
}

fn report_idle(at: At, message: &str, advice: &str, out: &mut Collector<'_>) {
    out.report(Code::IdleRule, at, message).advise(advice);
}

fn key_set(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    let KeySource::Jwks(url) = &snapshot.identity.jwt.key else { return };
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() == "http" && !loopback {
        let written = document.identity.as_ref().and_then(|identity| identity.jwt.as_ref());
        let text = written.and_then(|jwt| jwt.key.as_ref()).and_then(|key| key.jwks_url.as_ref());
        out.report(
            Code::PlainJwks,
            text.map_or(At::default(), |text| text.at),
            "whoever can change the answer of this URL can sign tokens",
        )
        .advise("write `https://`");
    }
}
