//! A set as one JSON document.

use serde_json::{Value, json};

use super::words::{
    algorithms, audit_client, audit_subject, counted_by, counts, key, limits_of, methods, origins, places,
    proxies, recipient,
};
use crate::policy::scalar::show_span;
use crate::policy::snapshot::{Action, LimitRule, OtherMethods, PolicySnapshot, PurposeRules, Route};

/// The document. Secrets are never in it.
pub(super) fn to_json(set: &PolicySnapshot) -> Value {
    let headers = |list: &[http::HeaderName]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let jwt = &set.identity.jwt;
    json!({
        "hash": set.hash.to_string(),
        "identity": {
            "algorithms": algorithms(&set.identity),
            "key": key(&set.identity),
            "claims": jwt.claims,
            "issuer": jwt.issuer,
            "audience": jwt.audience,
            "leeway": show_span(jwt.leeway),
            "limits": set.identity.limits.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(),
            "trustedProxies": proxies(&set.identity),
            "strip": headers(&set.identity.strip),
        },
        "corsOrigins": origins(set),
        "audit": { "subject": audit_subject(set), "clientAddress": audit_client(set) },
        "intermediaryHeaders": headers(&set.intermediary_headers),
        "budget": {
            "perSubjectYear": set.budget.per_subject_year.to_string(),
            "ownerCodesPerDay": set.budget.owner_codes_per_day,
        },
        "limits": set.limits.values().map(|rule| limit(set, rule)).collect::<Value>(),
        "purposes": set.purposes.values().map(|rules| purpose(rules)).collect::<Value>(),
        "routes": set.routes.iter().map(|rule| route(rule)).collect::<Value>(),
        "unprotected": set.unprotected,
    })
}

fn limit(set: &PolicySnapshot, rule: &LimitRule) -> Value {
    json!({
        "name": rule.name.as_str(),
        "max": rule.max,
        "per": show_span(rule.per),
        "by": counted_by(rule),
        "count": counts(rule),
        "where": places(set, rule),
    })
}

fn purpose(rules: &PurposeRules) -> Value {
    let lockout = &rules.lockout;
    json!({
        "name": rules.name.as_str(),
        "code": { "digits": rules.digits.get(), "ttl": show_span(rules.ttl), "live": rules.live },
        "cooldown": show_span(rules.cooldown),
        "lockout": {
            "after": lockout.after,
            "for": show_span(lockout.lock_for),
            "escalate": lockout.escalate,
            "atMost": show_span(lockout.at_most),
            "disableAfter": lockout.disable_after,
        },
        "limits": rules.limits.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(),
        "channel": rules.channel.as_str(),
        "template": rules.template.name(),
        "lockNotice": rules.lock_notice.name(),
    })
}

fn route(route: &Route) -> Value {
    let mut document = json!({
        "name": route.name.as_str(),
        "methods": methods(route),
        "paths": route.paths,
        "otherMethods": if route.other_methods == OtherMethods::Forward { "forward" } else { "refuse" },
        "action": route.action.as_str(),
        "limits": limits_of(route).iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(),
    });
    let details = match &route.action {
        Action::Issue(rule) => json!({
            "purpose": rule.purpose.name.as_str(),
            "reference": rule.reference.to_string(),
            "recipient": recipient(&rule.recipient),
            "bind": rule.bind.iter().map(|(name, field)| (name.clone(), json!(field.to_string()))).collect::<serde_json::Map<_, _>>(),
        }),
        Action::Verify(rule) => json!({
            "purposes": rule.purposes.iter().map(|rules| rules.name.as_str()).collect::<Vec<_>>(),
            "code": rule.code.to_string(),
            "reference": rule.reference.to_string(),
            "retryable": rule.retryable,
        }),
        Action::Send(rule) => {
            json!({ "purpose": rule.purpose.to_string(), "recipient": recipient(&rule.recipient) })
        }
        Action::Status(rule) => json!({ "purpose": rule.purpose.to_string() }),
        Action::Limit => Value::Null,
    };
    if let (Some(fields), Value::Object(details)) = (document.as_object_mut(), details) {
        fields.extend(details);
    }
    document
}
