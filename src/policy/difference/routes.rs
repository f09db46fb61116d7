//! Routes: which paths are protected, and by what.

use super::sections::names;
use super::{Effect, Found, texts};
use crate::policy::field::Field;
use crate::policy::snapshot::{Action, OtherMethods, PolicySnapshot, RecipientRule, Route};

pub(super) fn routes(found: &mut Found, was: &PolicySnapshot, now: &PolicySnapshot) {
    let called = |policy: &'_ PolicySnapshot, route: &Route| {
        policy.routes.iter().find(|other| other.name == route.name).cloned()
    };
    for old in &was.routes {
        match called(now, old) {
            None => found.add(format!("routes.{}", old.name), Some(summary(old)), None, Effect::Looser),
            Some(new) => route(found, old, &new),
        }
    }
    for new in now.routes.iter().filter(|new| called(was, new).is_none()) {
        found.add(format!("routes.{}", new.name), None, Some(summary(new)), Effect::Stricter);
    }
}

fn summary(route: &Route) -> String {
    let methods: Vec<&str> = route.methods.iter().map(http::Method::as_str).collect();
    format!("{} {} {}", route.action.as_str(), methods.join(","), route.paths.join(", "))
}

fn route(found: &mut Found, old: &Route, new: &Route) {
    let path = |field: &str| format!("routes.{}.{field}", old.name);
    let methods = |route: &Route| texts(route.methods.iter());
    found.list(&path("match.methods"), &methods(old), &methods(new), Effect::Stricter);
    found.list(&path("match.path"), &texts(&old.paths), &texts(&new.paths), Effect::Stricter);
    let other = |route: &Route| match route.other_methods {
        OtherMethods::Refuse => "refuse".to_owned(),
        OtherMethods::Forward => "forward".to_owned(),
    };
    let refuses = new.other_methods == OtherMethods::Refuse;
    let effect = if refuses { Effect::Stricter } else { Effect::Looser };
    found.add(path("match.other_methods"), Some(other(old)), Some(other(new)), effect);
    found.list(&path("limits"), &names(&old.limits), &names(&new.limits), Effect::Stricter);
    if old.action.as_str() != new.action.as_str() {
        let word = |route: &Route| Some(route.action.as_str().to_owned());
        found.add(path("action"), word(old), word(new), Effect::Other);
        return;
    }
    action(found, &format!("routes.{}.{}", old.name, old.action.as_str()), &old.action, &new.action);
}

fn action(found: &mut Found, path: &str, old: &Action, new: &Action) {
    let field = |name: &str| format!("{path}.{name}");
    match (old, new) {
        (Action::Issue(old), Action::Issue(new)) => {
            let purpose = (old.purpose.name.to_string(), new.purpose.name.to_string());
            found.add(field("purpose"), Some(purpose.0), Some(purpose.1), Effect::Other);
            selector(found, field("reference"), &old.reference, &new.reference);
            recipient(found, path, &old.recipient, &new.recipient);
            let bound =
                |bind: &[(String, Field)]| texts(bind.iter().map(|(name, from)| format!("{name}: {from}")));
            found.list(&field("bind"), &bound(&old.bind), &bound(&new.bind), Effect::Stricter);
        }
        (Action::Verify(old), Action::Verify(new)) => {
            selector(found, field("code"), &old.code, &new.code);
            selector(found, field("reference"), &old.reference, &new.reference);
            found.list(&field("retryable"), &texts(&old.retryable), &texts(&new.retryable), Effect::Looser);
            let purposes = |rule: &crate::policy::snapshot::VerifyRule| {
                texts(rule.purposes.iter().map(|purpose| &purpose.name))
            };
            found.list(&field("purposes"), &purposes(old), &purposes(new), Effect::Looser);
        }
        (Action::Send(old), Action::Send(new)) => {
            selector(found, field("purpose"), &old.purpose, &new.purpose);
            recipient(found, path, &old.recipient, &new.recipient);
        }
        (Action::Status(old), Action::Status(new)) => {
            selector(found, field("purpose"), &old.purpose, &new.purpose);
        }
        _ => {}
    }
}

fn selector(found: &mut Found, path: String, old: &Field, new: &Field) {
    found.add(path, Some(old.to_string()), Some(new.to_string()), Effect::Other);
}

fn recipient(found: &mut Found, path: &str, old: &RecipientRule, new: &RecipientRule) {
    selector(found, format!("{path}.recipient"), &old.claim, &new.claim);
    let from = |rule: &RecipientRule| rule.named_by.as_ref().map(Field::to_string);
    let effect = match (&old.named_by, &new.named_by) {
        (None, Some(_)) => Effect::Stricter,
        (Some(_), None) => Effect::Looser,
        _ => Effect::Other,
    };
    found.add(format!("{path}.recipient.from"), from(old), from(new), effect);
}
