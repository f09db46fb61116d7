//! What is legal in a set but unwise. Warnings never stop a start or a reload.

mod limits;
mod purposes;

use http::Method;

use super::coverage;
use super::diagnostic::{At, Code, Collector};
use super::document::Document;
use super::document::routes::Action as Written;
use super::field::Source;
use super::snapshot::{KeySource, PolicySnapshot};

/// Looks at a set that compiled.
pub fn lint(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    limits::lint(document, snapshot, out);
    purposes::lint(document, snapshot, out);
    key_set(document, snapshot, out);
    verifying(document, snapshot, out);
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

/// With several `verify` routes, one that does not say whose codes it takes confirms with the codes of the
/// others.
fn verifying(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    let actions = || document.routes.iter().map(|route| (route.at, route.actions.first()));
    let is_verify = |action: &Written| matches!(action, Written::Verify { .. });
    let routes = actions().filter(|(_, action)| action.is_some_and(|(_, action)| is_verify(action))).count();
    if routes < 2 || snapshot.purposes.len() < 2 {
        return;
    }
    for (at, action) in actions() {
        if let Some((_, Written::Verify { purposes: None, .. })) = action {
            out.report(
                Code::TakesAll,
                at,
                "the route takes codes of every purpose, beside another `verify` route",
            )
            .advise(
                "list the `purposes` of each `verify` route: otherwise a code for one confirms the other",
            );
        }
    }
}
