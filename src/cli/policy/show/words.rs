//! The parts of a set in the words of policies.

use std::sync::Arc;

use crate::domain::pseudonym::{ClientForm, SubjectForm};
use crate::domain::window::Count;
use crate::policy::scalar::show_span;
use crate::policy::snapshot::{
    Action, CorsRules, IdentityRules, KeySource, LimitRule, PolicySnapshot, PurposeRules, RecipientRule,
    Route,
};

pub(super) fn methods(route: &Route) -> Vec<String> {
    route.methods.iter().map(ToString::to_string).collect()
}

pub(super) fn recipient(rule: &RecipientRule) -> String {
    match &rule.named_by {
        Some(field) => format!("{} = {field}", rule.claim),
        None => rule.claim.to_string(),
    }
}

/// The limits that requests of a route count under: its own, and those of the purpose that it issues for.
pub(super) fn limits_of(route: &Route) -> Vec<&Arc<LimitRule>> {
    let purpose = match &route.action {
        Action::Issue(rule) => rule.purpose.limits.as_slice(),
        _ => &[],
    };
    route.limits.iter().chain(purpose).collect()
}

pub(super) fn lockout(rules: &PurposeRules) -> String {
    let lockout = &rules.lockout;
    let mut text = format!("after {} for {}", lockout.after, show_span(lockout.lock_for));
    if lockout.escalate > 1 {
        text.push_str(&format!(", x{} up to {}", lockout.escalate, show_span(lockout.at_most)));
    }
    format!("{text}; disabled after {}", lockout.disable_after)
}

pub(super) fn counted_by(rule: &LimitRule) -> Vec<&'static str> {
    let by = rule.by;
    let keys = [(by.subject, "subject"), (by.purpose, "purpose"), (by.client, "client_ip")];
    let named: Vec<&str> = keys.iter().filter(|(counts, _)| *counts).map(|(_, name)| *name).collect();
    if named.is_empty() { vec!["everyone"] } else { named }
}

pub(super) fn counts(rule: &LimitRule) -> &'static str {
    match rule.count {
        Count::All => "all",
        Count::Failures => "failures",
    }
}

/// Where a limit is listed.
pub(super) fn places(set: &PolicySnapshot, rule: &LimitRule) -> Vec<String> {
    let lists = |list: &[Arc<LimitRule>]| list.iter().any(|other| other.name == rule.name);
    let identity = lists(&set.identity.limits).then(|| "identity".to_owned());
    let routes = set.routes.iter().filter(|route| lists(&route.limits)).map(|route| route.name.to_string());
    let purposes =
        set.purposes.values().filter(|rules| lists(&rules.limits)).map(|rules| rules.name.to_string());
    identity.into_iter().chain(routes).chain(purposes).collect()
}

pub(super) fn algorithms(identity: &IdentityRules) -> Vec<String> {
    identity.jwt.algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect()
}

/// What kind of key it is, never the key.
pub(super) fn key(identity: &IdentityRules) -> String {
    match &identity.jwt.key {
        KeySource::Secret(_) => "a secret".to_owned(),
        KeySource::PublicPem(_) => "a public key".to_owned(),
        KeySource::Jwks(url) => {
            let host = url.host_str().unwrap_or_default();
            format!("the key set at {}://{host}{}", url.scheme(), url.path())
        }
        KeySource::Unread => "not to be had here".to_owned(),
    }
}

/// Networks in the form of policies.
pub(super) fn proxies(identity: &IdentityRules) -> Vec<String> {
    identity.trusted_proxies.iter().map(|network| format!("{}/{}", network.address, network.prefix)).collect()
}

/// Origins in the form of policies.
pub(super) fn origins(set: &PolicySnapshot) -> Vec<String> {
    match &set.cors {
        CorsRules::Off => Vec::new(),
        CorsRules::Any => vec!["*".to_owned()],
        CorsRules::Origins(origins) => origins.clone(),
    }
}

/// `audit.subject`.
pub(super) fn audit_subject(set: &PolicySnapshot) -> &'static str {
    match set.audit.subject {
        SubjectForm::Plain => "plain",
        SubjectForm::Hash => "hash",
    }
}

/// `audit.client_address`.
pub(super) fn audit_client(set: &PolicySnapshot) -> &'static str {
    match set.audit.client {
        ClientForm::Full => "full",
        ClientForm::Masked => "masked",
        ClientForm::Hash => "hash",
    }
}
