//! Purposes that lead nowhere, and numbers of one purpose that defeat each other.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::id::LimitName;
use crate::domain::window::Count;
use crate::policy::budget::room::{Of, issue_lists, room};
use crate::policy::diagnostic::{Code, Collector};
use crate::policy::document::Document;
use crate::policy::document::purposes::Purpose as Written;
use crate::policy::document::tree::Text;
use crate::policy::scalar::show_span;
use crate::policy::snapshot::{Action, LimitRule, PolicySnapshot, PurposeRules, Route};

/// Looks at every purpose.
pub(super) fn lint(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    for written in &document.purposes {
        let rules = snapshot.purposes.values().find(|rules| rules.name.as_str() == written.name.text);
        let Some(rules) = rules else { continue };
        ways(written, rules, snapshot, out);
        let verifying: Vec<&Route> =
            snapshot.routes.iter().map(AsRef::as_ref).filter(|route| takes(route, rules)).collect();
        if verifying.is_empty() {
            let message = format!("no `verify` route takes codes of `{}`", rules.name);
            out.report(Code::UncheckedPurpose, written.name.at, message)
                .advise("add a `verify` route for it, or remove it");
        }
        codes(written, rules, out);
        lockout(written, rules, out);
        short_lock(written, rules, &verifying, out);
    }
}

fn takes(route: &Route, rules: &PurposeRules) -> bool {
    matches!(&route.action, Action::Verify(verify) if verify.purposes.iter().any(|p| p.name == rules.name))
}

/// Whether codes are issued at all, and whether without end.
fn ways(written: &Written, rules: &PurposeRules, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    let lists = issue_lists(snapshot, rules);
    if lists.is_empty() {
        let message = format!("nothing issues codes for `{}`", rules.name);
        out.report(Code::IdlePurpose, written.name.at, message)
            .advise("add a route with `issue` for it or one with `send`, or remove it");
        return;
    }
    match room(&lists, Of::Subject, rules.ttl) {
        None => {
            let message = format!("a caller can have codes of `{}` mailed without end", rules.name);
            out.report(Code::EndlessCodes, written.name.at, message).advise(
                "list a limit by `subject` under its `limits`, such as `{ max: 15, per: 1h, by: [subject] }`",
            );
        }
        Some(room) if room.most < u64::from(rules.live) => {
            if let Some(live) = &written.live {
                let message = format!("limits let no more than {} be sent while one is valid", room.most);
                out.report(Code::IdleRule, live.at, message).advise("lower `live`, or raise the limit");
            }
        }
        Some(_) => {}
    }
}

fn codes(written: &Written, rules: &PurposeRules, out: &mut Collector<'_>) {
    if rules.cooldown >= rules.ttl {
        let message = "no code can be sent again while one is valid";
        idle(written, written.cooldown.as_ref(), message, "lower it below `ttl`", out);
        return;
    }
    let valid_at_once = match rules.cooldown.as_millis() {
        0 => u128::MAX,
        cooldown => rules.ttl.as_millis().div_ceil(cooldown),
    };
    if u128::from(rules.live) > valid_at_once {
        let message = format!("with this cooldown at most {valid_at_once} codes are valid at once");
        idle(written, written.live.as_ref(), &message, "lower it, or the cooldown", out);
    }
}

fn lockout(written: &Written, rules: &PurposeRules, out: &mut Collector<'_>) {
    let lockout = written.lockout.as_ref();
    if rules.lockout.after >= rules.lockout.disable_after {
        let text = lockout.and_then(|l| l.disable_after.as_ref().or(l.after.as_ref()));
        idle(
            written,
            text,
            "the purpose is disabled before it is ever locked",
            "raise it above `after`",
            out,
        );
    }
    if rules.lockout.escalate > 1 && rules.lockout.lock_for == rules.lockout.at_most {
        let text = lockout.and_then(|lockout| lockout.escalate.as_ref());
        let advice = "raise `at_most`, or leave it out";
        idle(written, text, "the first lock is already as long as one gets", advice, out);
    }
}

fn idle(written: &Written, text: Option<&Text>, message: &str, advice: &str, out: &mut Collector<'_>) {
    let at = text.map_or(written.name.at, |text| text.at);
    out.report(Code::IdleRule, at, message).advise(advice);
}

/// A lock that ends while something that belongs to it goes on.
fn short_lock(written: &Written, rules: &PurposeRules, verifying: &[&Route], out: &mut Collector<'_>) {
    let text = written.lockout.as_ref().and_then(|lockout| lockout.lock_for.as_ref());
    let at = text.map_or(written.name.at, |text| text.at);
    let lock = rules.lockout.lock_for;
    let mut report = |message: String, longer: Duration| {
        out.report(Code::ShortLock, at, message)
            .advise(format!("write `for: {}` or more", show_span(longer)));
    };
    if lock < rules.ttl {
        let message = format!(
            "the lock is over while the codes that were guessed at are valid, for {}",
            show_span(rules.ttl)
        );
        report(message, rules.ttl);
    }
    // Failures are counted by subject in any case. Routes may share limits.
    let refusing: BTreeMap<&LimitName, &LimitRule> = verifying
        .iter()
        .flat_map(|route| &route.limits)
        .map(AsRef::as_ref)
        .filter(|limit| limit.count == Count::Failures && !limit.by.client)
        .filter(|limit| limit.max <= rules.lockout.after && limit.per > lock)
        .map(|limit| (&limit.name, limit))
        .collect();
    for limit in refusing.values() {
        let per = show_span(limit.per);
        report(
            format!("the lock is over while `{}` goes on refusing, for up to {per}", limit.name),
            limit.per,
        );
    }
}
