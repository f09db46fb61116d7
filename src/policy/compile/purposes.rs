//! Purposes: codes, lockouts, limits, texts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::limits::{Limits, Place};
use super::templates::Templates;
use crate::domain::code::Digits;
use crate::domain::id::Purpose as Name;
use crate::domain::lockout::LockoutRule;
use crate::policy::diagnostic::{At, Code, Collector};
use crate::policy::document::Document;
use crate::policy::document::purposes::{Lockout, Purpose};
use crate::policy::document::routes::{Action, Recipient};
use crate::policy::document::tree::Text;
use crate::policy::field::{Field, Source};
use crate::policy::scalar;
use crate::policy::snapshot::{Channel, PurposeRules};
use crate::policy::standards::{self, LONGEST_VALIDITY as LONGEST_TTL, MOST_FAILURES};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SECOND: Duration = Duration::from_secs(1);
const LONGEST_LOCK: Duration = Duration::from_secs(31 * 24 * 60 * 60);

pub(super) type Purposes = BTreeMap<Name, Arc<PurposeRules>>;

pub(super) fn compile(
    document: &Document,
    limits: &Limits,
    templates: &mut Templates<'_>,
    out: &mut Collector<'_>,
) -> Purposes {
    let mut first: BTreeMap<&str, At> = BTreeMap::new();
    let mut purposes = BTreeMap::new();
    for purpose in &document.purposes {
        if let Some(earlier) = first.get(purpose.name.text.as_str()) {
            let message = format!("the purpose `{}` is defined a second time", purpose.name.text);
            out.report(Code::DefinedTwice, purpose.name.at, message)
                .also(*earlier, "the first one")
                .advise("keep one of them");
            continue;
        }
        first.insert(&purpose.name.text, purpose.name.at);
        let address_claim = address_claim(document, &purpose.name.text);
        if let Some(rules) = rules(purpose, address_claim, limits, templates, out) {
            purposes.insert(rules.name.clone(), Arc::new(rules));
        }
    }
    purposes
}

fn rules(
    purpose: &Purpose,
    address_claim: Option<Field>,
    limits: &Limits,
    templates: &mut Templates<'_>,
    out: &mut Collector<'_>,
) -> Option<PurposeRules> {
    let name = scalar::name(&purpose.name, Name::parse, out);
    let lengths = u32::from(Digits::MIN)..=u32::from(Digits::MAX);
    let digits = cited(&standards::DIGITS, out, |out| number(purpose.digits.as_ref(), None, lengths, out));
    let ttl = cited(&standards::VALIDITY, out, |out| {
        span(purpose.ttl.as_ref(), None, 10 * SECOND..=LONGEST_TTL, out)
    });
    let live = number(purpose.live.as_ref(), Some(2), 1..=5, out);
    let cooldown = span(purpose.cooldown.as_ref(), Some(Duration::ZERO), Duration::ZERO..=10 * MINUTE, out);
    let lockout = purpose.lockout.as_ref().and_then(|lockout| lockout_rule(lockout, out));
    let limits = limits.resolve(&purpose.limits, Place::Purpose, out);
    let channel = match &purpose.channel {
        Some(text) => scalar::word(text, &[("email", Channel::Email)], out),
        None => Some(Channel::Email),
    };
    let template = templates.code(purpose.template.as_ref(), out);
    let lock_notice = templates.lock_notice(purpose.lock_notice.as_ref(), out);
    Some(PurposeRules {
        name: name?,
        digits: u8::try_from(digits?).ok().and_then(Digits::new)?,
        ttl: ttl?,
        live: u8::try_from(live?).ok()?,
        cooldown: cooldown?,
        lockout: lockout?,
        limits,
        channel: channel?,
        template: template?,
        lock_notice: lock_notice?,
        address_claim,
    })
}

fn lockout_rule(lockout: &Lockout, out: &mut Collector<'_>) -> Option<LockoutRule> {
    let after = number(lockout.after.as_ref(), None, 1..=MOST_FAILURES, out);
    let lock_for = span(lockout.lock_for.as_ref(), None, SECOND..=LONGEST_LOCK, out);
    let escalate = number(lockout.escalate.as_ref(), Some(1), 1..=100, out);
    let at_most = span(lockout.at_most.as_ref(), Some(DAY), SECOND..=LONGEST_LOCK, out);
    let disable_after = cited(&standards::DISABLING, out, |out| {
        number(lockout.disable_after.as_ref(), Some(MOST_FAILURES), 1..=MOST_FAILURES, out)
    });
    if let (Some(text), Some(lock_for), Some(at_most)) = (&lockout.lock_for, lock_for, at_most)
        && lock_for > at_most
    {
        let message = format!("a lock of {} is longer than `at_most`", text.text);
        out.report(Code::Contradiction, text.at, message).advise(format!(
            "write at most {}, or `at_most: {}`",
            scalar::show_span(at_most),
            text.text
        ));
    }
    Some(LockoutRule {
        after: after?,
        lock_for: lock_for?,
        escalate: escalate?,
        at_most: at_most?,
        disable_after: disable_after?,
    })
}

/// Reads a value whose bound is a rule of a standard, which a refusal names.
fn cited<T>(
    rule: &standards::Rule,
    out: &mut Collector<'_>,
    read: impl FnOnce(&mut Collector<'_>) -> Option<T>,
) -> Option<T> {
    let before = out.count();
    let value = read(out);
    if out.count() > before {
        out.cite(&format!("{}: {}", rule.source, rule.demand));
    }
    value
}

fn number(
    text: Option<&Text>,
    default: Option<u32>,
    range: std::ops::RangeInclusive<u32>,
    out: &mut Collector<'_>,
) -> Option<u32> {
    text.map_or(default, |text| scalar::number(text, range, out))
}

fn span(
    text: Option<&Text>,
    default: Option<Duration>,
    range: std::ops::RangeInclusive<Duration>,
    out: &mut Collector<'_>,
) -> Option<Duration> {
    text.map_or(default, |text| scalar::span(text, range, out))
}

/// The claim that codes of a purpose go to: that of the route that issues them, else of one that
/// sends any, else the claim called `email`.
fn address_claim(document: &Document, purpose: &str) -> Option<Field> {
    let actions = || document.routes.iter().flat_map(|route| route.actions.iter().map(|(_, action)| action));
    let issues = actions().filter_map(|action| match action {
        Action::Issue { purpose: Some(name), recipient: Some(recipient), .. } if name.text == purpose => {
            Some(recipient)
        }
        _ => None,
    });
    let sends = actions().filter_map(|action| match action {
        Action::Send { recipient, .. } => recipient.as_ref(),
        _ => None,
    });
    let claim = |recipient: &Recipient| match recipient {
        Recipient::Selector(text) => Some(text.text.clone()),
        Recipient::Named { must_equal, .. } => must_equal.as_ref().map(|text| text.text.clone()),
    };
    let declared = document
        .identity
        .as_ref()
        .and_then(|identity| identity.jwt.as_ref())
        .is_some_and(|jwt| jwt.claims.iter().any(|(name, _)| name.text == "email"));
    issues
        .chain(sends)
        .filter_map(claim)
        .chain(declared.then(|| "claims.email".to_owned()))
        .filter_map(|text| Field::parse(&text).ok())
        .find(|field| field.source == Source::Claims)
}
