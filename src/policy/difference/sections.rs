//! Everything but routes.

use std::sync::Arc;
use std::time::Duration;

use super::{Effect, Found, texts};
use crate::domain::binding::Binding;
use crate::domain::code::Code;
use crate::domain::lockout::Lock;
use crate::domain::pseudonym::{AuditForms, ClientForm, SubjectForm};
use crate::domain::time::Timestamp;
use crate::domain::window::Count;
use crate::policy::scalar::show_span;
use crate::policy::snapshot::{
    CorsRules, CountedBy, IdentityRules, KeySource, LimitRule, PolicySnapshot, PurposeRules,
};
use crate::policy::template::{CodeFacts, LockFacts};

pub(super) fn identity(found: &mut Found, was: &IdentityRules, now: &IdentityRules) {
    let algorithms = |rules: &IdentityRules| texts(rules.jwt.algorithms.iter().map(|one| format!("{one:?}")));
    found.list("identity.jwt.algorithms", &algorithms(was), &algorithms(now), Effect::Looser);
    if !is_same_key(&was.jwt.key, &now.jwt.key) {
        let (was, mut now) = (key(&was.jwt.key), key(&now.jwt.key));
        if was == now {
            now = format!("another {now}");
        }
        found.add("identity.jwt.key".to_owned(), Some(was), Some(now), Effect::Other);
    }
    let claims = |rules: &IdentityRules| {
        texts(rules.jwt.claims.iter().map(|(ours, theirs)| format!("{ours}: {theirs}")))
    };
    found.list("identity.jwt.claims", &claims(was), &claims(now), Effect::Other);
    for (name, was, now) in
        [("issuer", &was.jwt.issuer, &now.jwt.issuer), ("audience", &was.jwt.audience, &now.jwt.audience)]
    {
        let effect = match (was, now) {
            (None, Some(_)) => Effect::Stricter,
            (Some(_), None) => Effect::Looser,
            _ => Effect::Other,
        };
        found.add(format!("identity.jwt.{name}"), was.clone(), now.clone(), effect);
    }
    let leeway = (was.jwt.leeway, now.jwt.leeway);
    found.measure("identity.jwt.leeway".to_owned(), leeway, show_span, Effect::Looser);
    found.list("identity.limits", &names(&was.limits), &names(&now.limits), Effect::Stricter);
    let proxies = |rules: &IdentityRules| {
        texts(rules.trusted_proxies.iter().map(|one| format!("{}/{}", one.address, one.prefix)))
    };
    found.list("identity.trusted_proxies", &proxies(was), &proxies(now), Effect::Other);
    found.list("identity.strip", &texts(was.strip.iter()), &texts(now.strip.iter()), Effect::Stricter);
}

fn is_same_key(was: &KeySource, now: &KeySource) -> bool {
    match (was, now) {
        (KeySource::Secret(was), KeySource::Secret(now)) => was == now,
        (KeySource::PublicPem(was), KeySource::PublicPem(now)) => was == now,
        (KeySource::Jwks(was), KeySource::Jwks(now)) => was == now,
        // Neither could be read: nothing says that they differ.
        (KeySource::Unread, KeySource::Unread) => true,
        _ => false,
    }
}

/// Never the key itself.
fn key(key: &KeySource) -> String {
    match key {
        KeySource::Secret(_) => "secret".to_owned(),
        KeySource::PublicPem(_) => "public key".to_owned(),
        KeySource::Jwks(url) => format!("key set at {}", url.host_str().unwrap_or("an address")),
        KeySource::Unread => "a key that cannot be read here".to_owned(),
    }
}

/// What is around requests: other origins, audit lines, headers, paths that are given up.
pub(super) fn surroundings(found: &mut Found, was: &PolicySnapshot, now: &PolicySnapshot) {
    let origins = |cors: &CorsRules| match cors {
        CorsRules::Off => texts::<&str>([]),
        CorsRules::Any => texts(["*"]),
        CorsRules::Origins(origins) => texts(origins),
    };
    found.list("cors.allow_origins", &origins(&was.cors), &origins(&now.cors), Effect::Looser);
    let subject = |forms: &AuditForms| match forms.subject {
        SubjectForm::Plain => "plain",
        SubjectForm::Hash => "hash",
    };
    let client = |forms: &AuditForms| match forms.client {
        ClientForm::Full => "full",
        ClientForm::Masked => "masked",
        ClientForm::Hash => "hash",
    };
    for (name, was, now) in [
        ("subject", subject(&was.audit), subject(&now.audit)),
        ("client_address", client(&was.audit), client(&now.audit)),
    ] {
        found.add(format!("audit.{name}"), Some(was.to_owned()), Some(now.to_owned()), Effect::Other);
    }
    let headers = |policy: &PolicySnapshot| texts(policy.intermediary_headers.iter());
    found.list("headers.intermediary", &headers(was), &headers(now), Effect::Stricter);
    found.list("unprotect", &texts(&was.unprotected), &texts(&now.unprotected), Effect::Looser);
}

pub(super) fn limits(found: &mut Found, was: &PolicySnapshot, now: &PolicySnapshot) {
    for (name, old) in &was.limits {
        match now.limits.get(name) {
            None => found.add(format!("limits.{name}"), Some(limit(old)), None, Effect::Looser),
            Some(new) => {
                let path = |field: &str| format!("limits.{name}.{field}");
                found.measure(path("max"), (old.max, new.max), |max| max.to_string(), Effect::Looser);
                found.measure(path("per"), (old.per, new.per), show_span, Effect::Stricter);
                found.add(path("by"), Some(by(old.by)), Some(by(new.by)), Effect::Other);
                let effect = if new.count == Count::All { Effect::Stricter } else { Effect::Looser };
                found.add(path("count"), Some(count(old.count)), Some(count(new.count)), effect);
            }
        }
    }
    for (name, new) in now.limits.iter().filter(|(name, _)| !was.limits.contains_key(*name)) {
        found.add(format!("limits.{name}"), None, Some(limit(new)), Effect::Stricter);
    }
}

fn limit(limit: &LimitRule) -> String {
    format!("{} per {} by {}", limit.max, show_span(limit.per), by(limit.by))
}

fn by(by: CountedBy) -> String {
    let keys = [(by.subject, "subject"), (by.purpose, "purpose"), (by.client, "client_ip")];
    let keys: Vec<&str> = keys.iter().filter(|(is_key, _)| *is_key).map(|(_, name)| *name).collect();
    if keys.is_empty() { "everyone".to_owned() } else { keys.join(", ") }
}

fn count(count: Count) -> String {
    match count {
        Count::All => "all",
        Count::Failures => "failures",
    }
    .to_owned()
}

pub(super) fn purposes(found: &mut Found, was: &PolicySnapshot, now: &PolicySnapshot) {
    for (name, old) in &was.purposes {
        match now.purposes.get(name) {
            None => found.add(format!("purposes.{name}"), Some("defined".to_owned()), None, Effect::Other),
            Some(new) => purpose(found, old, new),
        }
    }
    for name in now.purposes.keys().filter(|name| !was.purposes.contains_key(*name)) {
        found.add(format!("purposes.{name}"), None, Some("defined".to_owned()), Effect::Other);
    }
}

fn purpose(found: &mut Found, old: &PurposeRules, new: &PurposeRules) {
    use Effect::{Looser, Stricter};
    let path = |field: &str| format!("purposes.{}.{field}", old.name);
    let number = |number: u32| number.to_string();
    let mut measure =
        |field: &str, values: (u32, u32), more| found.measure(path(field), values, number, more);
    measure("code.digits", (old.digits.get().into(), new.digits.get().into()), Stricter);
    measure("code.live", (old.live.into(), new.live.into()), Looser);
    let (was, now) = (&old.lockout, &new.lockout);
    measure("lockout.after", (was.after, now.after), Looser);
    measure("lockout.escalate", (was.escalate, now.escalate), Stricter);
    measure("lockout.disable_after", (was.disable_after, now.disable_after), Looser);
    let mut span =
        |field: &str, spans: (Duration, Duration), more| found.measure(path(field), spans, show_span, more);
    span("code.ttl", (old.ttl, new.ttl), Looser);
    span("lockout.for", (was.lock_for, now.lock_for), Stricter);
    span("lockout.at_most", (was.at_most, now.at_most), Stricter);
    span("resend.cooldown", (old.cooldown, new.cooldown), Stricter);
    found.list(&path("limits"), &names(&old.limits), &names(&new.limits), Stricter);
    let channel = |rules: &PurposeRules| Some(rules.channel.as_str().to_owned());
    found.add(path("channel"), channel(old), channel(new), Effect::Other);
    for (field, was, now) in
        [("template", code_mail(old), code_mail(new)), ("lockout.notice", lock_mail(old), lock_mail(new))]
    {
        if was != now {
            let (was, now) = (Some("one text".to_owned()), Some("another text".to_owned()));
            found.add(path(field), was, now, Effect::Other);
        }
    }
}

/// What a mail says of sample facts: where two templates say the same, they are the same to a person.
fn code_mail(rules: &PurposeRules) -> Option<(String, String, Option<String>)> {
    let code = Code::presented("123456", None)?;
    let facts = CodeFacts {
        purpose: &rules.name,
        code: &code,
        requested_at: Timestamp::default(),
        ttl: Duration::from_secs(300),
        binding: &Binding::of([("amount", "5000")]),
    };
    let mail = rules.template.render_code(&facts).ok()?;
    Some((mail.subject, mail.text.to_string(), mail.html.map(|html| html.to_string())))
}

fn lock_mail(rules: &PurposeRules) -> Option<(String, String, Option<String>)> {
    let at = Timestamp::default();
    let facts = LockFacts { purpose: &rules.name, lock: Lock::Until(at.plus(Duration::from_secs(900))), at };
    let mail = rules.lock_notice.render_lock(&facts).ok()?;
    Some((mail.subject, mail.text.to_string(), mail.html.map(|html| html.to_string())))
}

/// The names of limits.
pub(super) fn names(limits: &[Arc<LimitRule>]) -> std::collections::BTreeSet<String> {
    texts(limits.iter().map(|limit| &limit.name))
}
