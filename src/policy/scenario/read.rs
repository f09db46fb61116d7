//! A file of tests, read with everything that is wrong in it and where.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Map, Value};

use super::{Ask, Expectation, Locked, Mail, Payload, Presented, Step, Suite, Test, WalletSays, Want, When};
use crate::domain::outbox::MessageKind;
use crate::domain::time::Timestamp;
use crate::policy::diagnostic::{At, Code, Collector, Diagnostics};
use crate::policy::document::fields::{Fields, entries, items, text};
use crate::policy::document::tree::{self, Kind, Node, Text};
use crate::policy::scalar;
use crate::policy::source::SourceFile;

/// When tests start that do not say when.
const START: Timestamp = Timestamp::from_millis(1_768_644_000_000);
/// The longest that a test may last.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// The most that one step may be repeated.
const MOST: u32 = 10_000;
/// Where requests come from that do not say where: an address for documentation (RFC 5737).
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// Reads a file of tests.
///
/// # Errors
/// With everything that is wrong in it.
pub fn read(file: &SourceFile) -> Result<Suite, Diagnostics> {
    let files = std::slice::from_ref(file);
    let mut out = Collector::new(files);
    let suite = tree::read(0, &file.text, &mut out).and_then(|root| suite(root, &mut out));
    match suite {
        Some(suite) if !out.has_errors() => Ok(suite),
        _ => Err(out.finish()),
    }
}

/// What tests and steps take over when they do not say it themselves.
#[derive(Clone)]
struct Defaults {
    start: Timestamp,
    claims: Option<Map<String, Value>>,
    client: IpAddr,
}

impl Defaults {
    fn read(&self, fields: &mut Fields, out: &mut Collector<'_>) -> Self {
        let start = fields.text("start", out).and_then(|text| time(&text, out));
        Self {
            start: start.unwrap_or(self.start),
            claims: claims(fields, self.claims.clone(), out),
            client: fields.text("client", out).and_then(|text| address(&text, out)).unwrap_or(self.client),
        }
    }
}

fn suite(root: Node, out: &mut Collector<'_>) -> Option<Suite> {
    const KNOWN: &[&str] = &["version", "policy", "start", "claims", "client", "tests"];
    let mut fields = Fields::open(root, "a file of tests", KNOWN, out)?;
    match fields.need_text("version", "1", out) {
        Some(version) if version.text != "1" => {
            let message = format!("this program does not know version `{}`", version.text);
            out.report(Code::Version, version.at, message).advise("write `version: 1`");
        }
        _ => {}
    }
    let policy = fields.text("policy", out);
    let defaults = Defaults { start: START, claims: None, client: CLIENT }.read(&mut fields, out);
    let list = fields.need("tests", "[{ name: …, steps: […] }]", out)?;
    if matches!(&list.kind, Kind::List(items) if items.is_empty()) {
        out.report(Code::Empty, list.at, "`tests` is empty").advise("write a test");
    }
    let tests =
        items(list, "`tests`", out).into_iter().filter_map(|node| test(node, &defaults, out)).collect();
    Some(Suite { policy, tests })
}

fn test(node: Node, defaults: &Defaults, out: &mut Collector<'_>) -> Option<Test> {
    let at = node.at;
    let mut fields = Fields::open(node, "a test", &["name", "start", "claims", "client", "steps"], out)?;
    let name = fields.need_text("name", "a fourth code in a minute is refused", out)?;
    let defaults = defaults.read(&mut fields, out);
    let list = fields.need("steps", "[{ request: …, expect: … }]", out)?;
    if matches!(&list.kind, Kind::List(items) if items.is_empty()) {
        out.report(Code::Empty, list.at, "`steps` is empty").advise("write a step");
    }
    Some(Test { name: name.text, at, start: defaults.start, steps: steps(list, &defaults, out) })
}

/// Steps in a row. A group that is repeated becomes as many steps.
fn steps(list: Node, defaults: &Defaults, out: &mut Collector<'_>) -> Vec<Step> {
    let is_steps = |(name, _): &(Text, Node)| name.text == "steps";
    let mut found = Vec::new();
    for node in items(list, "`steps`", out) {
        if matches!(&node.kind, Kind::Map(members) if members.iter().any(is_steps)) {
            found.extend(group(node, defaults, out));
        } else {
            found.extend(step(node, defaults, out));
        }
    }
    found
}

fn group(node: Node, defaults: &Defaults, out: &mut Collector<'_>) -> Vec<Step> {
    let at = node.at;
    let Some(mut fields) = Fields::open(node, "a group of steps", &["repeat", "steps"], out) else {
        return Vec::new();
    };
    let repeated = fields.need_text("repeat", "3 every 1h", out).and_then(|text| repeat(&text, out));
    let (times, every) = repeated.unwrap_or((1, Duration::ZERO));
    let inner = fields.take("steps").map(|list| steps(list, defaults, out)).unwrap_or_default();
    if inner.len().saturating_mul(times as usize) > MOST as usize {
        out.report(Code::TooLarge, at, format!("the group makes more than {MOST} steps"))
            .advise("repeat it less often");
        return Vec::new();
    }
    if let Some(fixed) = inner.iter().find(|step| matches!(step.when, When::Since(_))) {
        out.report(Code::Word, fixed.at, "a step of a group cannot be at a fixed time")
            .advise("write `at: +1m`");
    }
    let mut all = Vec::new();
    for round in 0..times {
        let begun = all.len();
        all.extend(inner.iter().cloned());
        if round > 0
            && let Some(Step { when: When::Later(by), .. }) = all.get_mut(begun)
        {
            *by += every;
        }
    }
    all
}

fn step(node: Node, defaults: &Defaults, out: &mut Collector<'_>) -> Option<Step> {
    let at = node.at;
    let mut fields = Fields::open(node, "a step", &["at", "repeat", "request", "upstream", "expect"], out)?;
    let when = fields.text("at", out).and_then(|text| when(&text, out));
    let (times, every) = fields.text("repeat", out).and_then(|text| repeat(&text, out)).unwrap_or_default();
    let request = fields.need("request", "{ path: /api/wallet/fund }", out);
    let ask = request.and_then(|node| ask(node, defaults, out));
    let wallet = fields.take("upstream").and_then(|node| wallet(node, out));
    let expect = fields.need("expect", "{ status: 200 }", out);
    let expectations = expect.map(|node| expectations(node, out)).unwrap_or_default();
    let when = when.unwrap_or(When::Later(Duration::ZERO));
    Some(Step { at, when, times: times.max(1), every, ask: ask?, wallet, expectations })
}

fn ask(node: Node, defaults: &Defaults, out: &mut Collector<'_>) -> Option<Ask> {
    const KNOWN: &[&str] = &["method", "path", "claims", "client", "headers", "body", "code", "reference"];
    let mut fields = Fields::open(node, "a request", KNOWN, out)?;
    let path = fields.need_text("path", "/api/wallet/fund", out);
    let method = fields.text("method", out);
    let claims = claims(&mut fields, defaults.claims.clone(), out);
    let client = fields.text("client", out).and_then(|text| address(&text, out));
    let headers = fields.take("headers").map(|node| headers(node, out)).unwrap_or_default();
    let body = fields.take("body").map_or(Payload::Nothing, |node| payload(node, out));
    let code = fields.text("code", out).map(|text| match text.text.as_str() {
        "right" => Presented::Right,
        "previous" => Presented::Previous,
        "wrong" => Presented::Wrong,
        _ => Presented::Literal(text.text),
    });
    let reference = fields.text("reference", out).map(|text| text.text);
    let method = match method {
        Some(text) => {
            let method = Method::from_bytes(text.text.as_bytes()).ok();
            if method.is_none() {
                out.report(Code::Method, text.at, format!("`{}` is no method", text.text))
                    .advise("write `POST`");
            }
            method
        }
        None if body != Payload::Nothing || code.is_some() => Some(Method::POST),
        None => Some(Method::GET),
    };
    let path = path?;
    let target = path.text.parse::<Uri>().ok().filter(|target| target.path().starts_with('/'));
    if target.is_none() {
        let message = format!("`{}` is no path", path.text);
        out.report(Code::Path, path.at, message)
            .advise("write `/api/wallet/otp/status?purpose=wallet_funding`");
    }
    let client = client.unwrap_or(defaults.client);
    Some(Ask { method: method?, target: target?, claims, client, headers, body, code, reference })
}

fn claims(
    fields: &mut Fields,
    otherwise: Option<Map<String, Value>>,
    out: &mut Collector<'_>,
) -> Option<Map<String, Value>> {
    let Some(node) = fields.take("claims") else { return otherwise };
    match &node.kind {
        Kind::Scalar(word) if word == "anonymous" => None,
        Kind::Map(_) => match json(node, out) {
            Value::Object(members) => Some(members),
            _ => None,
        },
        _ => {
            out.report(Code::WrongShape, node.at, "`claims` is a mapping or `anonymous`")
                .advise("write `claims: { id: u1, email: jane@example.com }`");
            None
        }
    }
}

fn headers(node: Node, out: &mut Collector<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut found = Vec::new();
    for (name, value) in entries(node, "`headers`", out).unwrap_or_default() {
        let Some(value) = text(value, "a header", out) else { continue };
        match (HeaderName::from_bytes(name.text.as_bytes()), HeaderValue::from_str(&value.text)) {
            (Ok(name), Ok(value)) => found.push((name, value)),
            _ => {
                out.report(Code::Header, name.at, format!("`{}` is no header with this value", name.text));
            }
        }
    }
    found
}

fn payload(node: Node, out: &mut Collector<'_>) -> Payload {
    if let Kind::Scalar(text) = node.kind {
        return Payload::Text(text);
    }
    let at = node.at;
    match json(node, out) {
        Value::Object(members) => Payload::Object(members),
        _ => {
            out.report(Code::WrongShape, at, "a body is a mapping, which is sent as JSON, or a text");
            Payload::Nothing
        }
    }
}

fn wallet(node: Node, out: &mut Collector<'_>) -> Option<WalletSays> {
    if let Kind::Scalar(word) = &node.kind {
        let text = Text { text: word.clone(), at: node.at };
        let words = [("unreachable", false), ("timeout", true)];
        let silent = scalar::word(&text, &words, out)?;
        return Some(if silent { WalletSays::Timeout } else { WalletSays::Unreachable });
    }
    let mut fields = Fields::open(node, "`upstream`", &["status", "body"], out)?;
    let status = fields.text("status", out).and_then(|text| scalar::number(&text, 200..=599, out));
    let status = status.and_then(|number| StatusCode::from_u16(u16::try_from(number).ok()?).ok());
    let body = fields.take("body").map_or(Payload::Nothing, |node| payload(node, out));
    Some(WalletSays::Answers { status: status.unwrap_or(StatusCode::OK), body })
}

fn expectations(node: Node, out: &mut Collector<'_>) -> Vec<Expectation> {
    const KNOWN: &[&str] = &[
        "status", "error", "rule", "route", "headers", "body", "upstream", "lock", "failures", "purpose",
        "mails",
    ];
    let at = node.at;
    let Some(mut fields) = Fields::open(node, "`expect`", KNOWN, out) else { return Vec::new() };
    let mut found = Vec::new();
    let purpose = fields.text("purpose", out).map(|text| text.text);
    let mut add = |at: At, want: Want| found.push(Expectation { at, want });
    if let Some(text) = fields.text("status", out)
        && let Some(status) = scalar::number(&text, 100..=599, out)
    {
        add(text.at, Want::Status(u16::try_from(status).unwrap_or_default()));
    }
    if let Some(text) = fields.text("error", out) {
        add(text.at, Want::Error(unless_none(&text)));
    }
    if let Some(text) = fields.text("rule", out) {
        add(text.at, Want::Rule(unless_none(&text)));
    }
    if let Some(text) = fields.text("route", out) {
        add(text.at, Want::Route(unless_none(&text)));
    }
    for (name, value) in
        fields.take("headers").and_then(|node| entries(node, "`headers`", out)).unwrap_or_default()
    {
        let Some(value) = text(value, "a header", out) else { continue };
        match HeaderName::from_bytes(name.text.as_bytes()) {
            Ok(header) => add(name.at, Want::Header(header, unless_none(&value))),
            Err(_) => {
                out.report(Code::Header, name.at, format!("`{}` is no header", name.text));
            }
        }
    }
    if let Some(node) = fields.take("body") {
        leaves(node, &mut Vec::new(), &mut add, out);
    }
    if let Some(text) = fields.text("upstream", out)
        && let Some(asked) = scalar::word(&text, &[("asked", true), ("not asked", false)], out)
    {
        add(text.at, Want::Forwarded(asked));
    }
    if let Some(text) = fields.text("lock", out)
        && let Some(lock) = lock(&text, out)
    {
        add(text.at, Want::Lock(lock, purpose.clone()));
    }
    if let Some(text) = fields.text("failures", out)
        && let Some(failures) = scalar::number(&text, 0..=MOST, out)
    {
        add(text.at, Want::Failures(failures, purpose.clone()));
    }
    if let Some(node) = fields.take("mails") {
        let at = node.at;
        let list = items(node, "`mails`", out).into_iter().filter_map(|node| mail(node, out)).collect();
        add(at, Want::Mails(list));
    }
    if found.is_empty() {
        out.report(Code::Empty, at, "`expect` expects nothing").advise("write `expect: { status: 200 }`");
    }
    found
}

/// The values of a mapping, each with its path. Lists are compared as a whole.
fn leaves(node: Node, path: &mut Vec<String>, add: &mut impl FnMut(At, Want), out: &mut Collector<'_>) {
    let at = node.at;
    match node.kind {
        Kind::Map(members) => {
            for (name, value) in members {
                path.push(name.text);
                leaves(value, path, add, out);
                path.pop();
            }
        }
        _ if path.is_empty() => {
            out.report(Code::WrongShape, at, "`body` is a mapping of the fields that are expected");
        }
        _ => {
            let value = json(node, out);
            add(at, Want::Field(path.clone(), value));
        }
    }
}

fn mail(node: Node, out: &mut Collector<'_>) -> Option<Mail> {
    let mut fields = Fields::open(node, "a mail", &["to", "kind", "purpose", "subject", "contains"], out)?;
    let mut one = |name: &'static str, out: &mut Collector<'_>| fields.text(name, out).map(|text| text.text);
    let (to, purpose, subject) = (one("to", out), one("purpose", out), one("subject", out));
    let kinds = [("code", MessageKind::Code), ("lock_notice", MessageKind::LockNotice)];
    let kind = fields.text("kind", out).and_then(|text| scalar::word(&text, &kinds, out));
    let contains = match fields.take("contains") {
        Some(node) if matches!(node.kind, Kind::List(_)) => items(node, "`contains`", out),
        Some(node) => vec![node],
        None => Vec::new(),
    };
    let contains =
        contains.into_iter().filter_map(|node| text(node, "`contains`", out)).map(|text| text.text);
    Some(Mail { to, kind, purpose, subject, contains: contains.collect() })
}

fn unless_none(text: &Text) -> Option<String> {
    (text.text != "none").then(|| text.text.clone())
}

fn lock(text: &Text, out: &mut Collector<'_>) -> Option<Locked> {
    match text.text.as_str() {
        "none" => Some(Locked::Free),
        "disabled" => Some(Locked::Disabled),
        _ => span(text, out).map(Locked::For),
    }
}

fn when(text: &Text, out: &mut Collector<'_>) -> Option<When> {
    match text.text.strip_prefix('+') {
        Some(rest) => span(&Text { text: rest.to_owned(), at: text.at }, out).map(When::Later),
        None => span(text, out).map(When::Since),
    }
}

/// `3`, or `3 every 10s`.
fn repeat(text: &Text, out: &mut Collector<'_>) -> Option<(u32, Duration)> {
    let part = |part: &str| Text { text: part.trim().to_owned(), at: text.at };
    match text.text.split_once(" every ") {
        Some((times, every)) => {
            Some((scalar::number(&part(times), 1..=MOST, out)?, span(&part(every), out)?))
        }
        None => Some((scalar::number(text, 1..=MOST, out)?, Duration::ZERO)),
    }
}

/// A length of time as in policies, or in milliseconds.
fn span(text: &Text, out: &mut Collector<'_>) -> Option<Duration> {
    let millis = text.text.strip_suffix("ms").and_then(|digits| digits.parse().ok());
    match millis.map(Duration::from_millis) {
        Some(span) if span <= LONGEST => Some(span),
        _ => scalar::span(text, Duration::ZERO..=LONGEST, out),
    }
}

fn time(text: &Text, out: &mut Collector<'_>) -> Option<Timestamp> {
    let time = Timestamp::from_iso8601(&text.text);
    if time.is_none() {
        out.report(Code::Word, text.at, format!("`{}` is no point in time", text.text))
            .advise("write `2026-01-17T10:00:00Z`");
    }
    time
}

fn address(text: &Text, out: &mut Collector<'_>) -> Option<IpAddr> {
    let address = text.text.parse().ok();
    if address.is_none() {
        out.report(Code::Network, text.at, format!("`{}` is no address", text.text))
            .advise("write `192.0.2.1`");
    }
    address
}

/// A value as JSON: what is not in quotes and looks like a number, a truth value or null is one.
fn json(node: Node, out: &mut Collector<'_>) -> Value {
    match node.kind {
        Kind::Null => Value::Null,
        Kind::Scalar(text) if node.is_quoted => Value::String(text),
        Kind::Scalar(text) => match serde_json::from_str(&text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
            _ => Value::String(text),
        },
        Kind::List(items) => items.into_iter().map(|item| json(item, out)).collect(),
        Kind::Map(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                let value = json(value, out);
                if object.insert(name.text.clone(), value).is_some() {
                    out.report(Code::RepeatedKey, name.at, format!("`{}` is written twice", name.text))
                        .advise("keep one of them");
                }
            }
            Value::Object(object)
        }
        Kind::Refused => Value::Null,
    }
}
