//! Bad requests are refused before anything is done. Nothing here is a request that would send a mail.

use http::Method;
use serde_json::{Value, json};

use super::world::{Checks, Guarded, World, nested};
use crate::cli::wire::Call;
use crate::policy::field::{Field, Source};
use crate::policy::snapshot::Action;

const ADVICE: &str = "Requests like this must end before the wallet: let the route go through the sidecar.";

/// A request that must be refused.
struct Bad {
    what: String,
    query: String,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Bad {
    fn json(what: &str, body: impl ToString) -> Self {
        let body = body.to_string().into_bytes();
        Self { what: what.to_owned(), query: String::new(), content_type: "application/json", body }
    }

    fn query(what: &str, query: String) -> Self {
        Self { what: what.to_owned(), query, content_type: "", body: Vec::new() }
    }
}

pub(super) async fn check(world: &World<'_>, checks: &mut Checks) {
    let Some(token) = world.token else {
        return checks
            .skip("bad requests are refused", "needs --token: without one, everything is refused with 401");
    };
    for guarded in world.guarded() {
        for bad in bad_requests(&guarded) {
            try_one(world, checks, &guarded, token, &bad).await;
        }
    }
}

async fn try_one(world: &World<'_>, checks: &mut Checks, guarded: &Guarded<'_>, token: &str, bad: &Bad) {
    let name = format!("{}: {} is refused", guarded.name(), bad.what);
    let path = format!("{}{}", guarded.path, bad.query);
    let call = Call::new(guarded.method.clone(), &path).token(Some(token));
    let call = if bad.content_type.is_empty() { call } else { call.body(bad.content_type, bad.body.clone()) };
    match world.target.call(call).await {
        Ok(answer) => match answer.status.as_u16() {
            413 => checks.pass(name, answer.summary()),
            400 | 403 | 415 if answer.is_of_the_sidecar() => checks.pass(name, answer.summary()),
            400 | 403 | 415 => {
                checks.fail(name, format!("{}, not from the sidecar", answer.summary()), ADVICE)
            }
            401 => checks.skip(name, "the token is not accepted"),
            423 | 429 => checks.skip(name, format!("{}: try again later", answer.summary())),
            _ => checks.fail(name, answer.summary(), ADVICE),
        },
        // Who refuses a body that is too long need not read it to its end.
        Err(_) if bad.body.len() > 64 * 1024 => checks.pass(name, "closed before it was read"),
        Err(error) => checks.unanswered(name, &error),
    }
}

fn bad_requests(guarded: &Guarded<'_>) -> Vec<Bad> {
    let mut fields = match &guarded.route.action {
        Action::Send(rule) => vec![&rule.purpose],
        Action::Verify(rule) => vec![&rule.code, &rule.reference],
        Action::Status(rule) => vec![&rule.purpose],
        Action::Issue(rule) => rule.bind.iter().map(|(_, field)| field).collect(),
        Action::Limit => return Vec::new(),
    };
    let mut bad = Vec::new();
    if let Action::Send(rule) = &guarded.route.action {
        bad.extend(send(&rule.purpose, rule.recipient.named_by.as_ref(), guarded.purpose));
    }
    if fields.iter().any(|field| field.source == Source::Query) {
        fields.retain(|field| field.source == Source::Query);
        return fields.into_iter().flat_map(|field| query(field, guarded.purpose)).collect();
    }
    fields.retain(|field| field.source == Source::Body);
    if guarded.method != Method::GET {
        bad.extend(fields.first().map(|field| body(field)).into_iter().flatten());
    }
    bad
}

/// A purpose that does not exist, and somebody else's address.
fn send(purpose: &Field, address: Option<&Field>, known: &str) -> Vec<Bad> {
    if purpose.source != Source::Body {
        return Vec::new();
    }
    let mut bad = vec![Bad::json("an unknown purpose", nested(purpose, json!("audit_no_such_purpose")))];
    if let Some(address) = address {
        let mut body = nested(purpose, json!(known));
        let other = nested(address, json!("somebody-else@example.com"));
        if let (Some(body), Value::Object(other)) = (body.as_object_mut(), other) {
            body.extend(other);
        }
        bad.push(Bad::json("somebody else's address", body));
    }
    bad
}

fn query(field: &Field, known: &str) -> Vec<Bad> {
    let name = field.path.join(".");
    vec![
        Bad::query("no purpose", String::new()),
        Bad::query("an unknown purpose", format!("?{name}=audit_no_such_purpose")),
        Bad::query("a purpose given twice", format!("?{name}={known}&{name}=audit_no_such_purpose")),
    ]
}

/// What is wrong with any body that must have this field.
fn body(field: &Field) -> Vec<Bad> {
    let name = field.path.join(".");
    let good = nested(field, json!("1")).to_string();
    let inner = good.trim_start_matches('{').trim_end_matches('}');
    let mut all = vec![
        Bad::json(&format!("an object as {name}"), nested(field, json!({ "$ne": null }))),
        Bad::json(&format!("a list as {name}"), nested(field, json!(["1"]))),
        Bad::json(&format!("{name} given twice"), format!("{{{inner},{inner}}}")),
        Bad::json("broken JSON", format!("{{{inner}")),
        Bad::json("a body that is no object", "[1]"),
        Bad::json("a very long body", format!("{{{inner},\"x\":\"{}\"}}", "x".repeat(1024 * 1024))),
    ];
    for content_type in ["text/plain", "application/xml"] {
        let body = good.clone().into_bytes();
        all.push(Bad {
            what: format!("{content_type} as the type"),
            query: String::new(),
            content_type,
            body,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_given_twice_is_really_there_twice() {
        let field = Field::parse("request.body.otp").unwrap();
        let twice = body(&field).into_iter().find(|bad| bad.what.ends_with("twice")).unwrap();
        assert_eq!(twice.body, br#"{"otp":"1","otp":"1"}"#);
    }
}
