//! Limits that do nothing, or not what they seem to.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::id::LimitName;
use crate::domain::window::Count;
use crate::policy::budget::DAY;
use crate::policy::budget::pace::{failures, pace};
use crate::policy::diagnostic::{At, Code, Collector};
use crate::policy::document::Document;
use crate::policy::scalar::show_span;
use crate::policy::snapshot::{Action, CountedBy, LimitRule, PolicySnapshot, VerifyRule};

/// Looks at every limit.
pub(super) fn lint(document: &Document, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    let used = used(snapshot);
    let lists = lists(snapshot);
    let defined: Vec<(&LimitRule, At)> = document
        .limits
        .iter()
        .filter_map(|limit| {
            let name = LimitName::parse(&limit.name.text).ok()?;
            Some((snapshot.limits.get(&name)?.as_ref(), limit.name.at))
        })
        .collect();
    for (place, (rule, at)) in defined.iter().enumerate() {
        if !used.contains(&rule.name) {
            out.report(Code::UnusedLimit, *at, format!("nothing uses the limit `{}`", rule.name))
                .advise("list it under a route, a purpose or `identity`, or remove it");
            continue;
        }
        if rule.count == Count::Failures {
            counting_failures(rule, *at, snapshot, out);
        }
        let stricter = defined.iter().enumerate().find(|(other, (stricter, _))| {
            // Of equal ones the first is of use; each is equal to itself.
            !(*other >= place && is_equal(rule, stricter)) && is_idle(rule, stricter, &lists)
        });
        if let Some((_, (stricter, stricter_at))) = stricter {
            let message =
                format!("`{}` never refuses anything that `{}` lets through", rule.name, stricter.name);
            out.report(Code::IdleLimit, *at, message)
                .also(*stricter_at, "the stricter limit")
                .advise("raise its window or lower its number, or remove it");
        }
        if rule.by.client && snapshot.identity.trusted_proxies.is_empty() {
            let message = format!("`{}` counts by address, and no proxy is trusted", rule.name);
            out.report(Code::ClientWithoutProxies, *at, message).advise(
                "behind an ingress all clients share its address: list its network under \
                 `identity.trusted_proxies`",
            );
        }
    }
}

fn used(snapshot: &PolicySnapshot) -> BTreeSet<LimitName> {
    let routes = snapshot.routes.iter().flat_map(|route| &route.limits);
    let purposes = snapshot.purposes.values().flat_map(|purpose| &purpose.limits);
    snapshot.identity.limits.iter().chain(routes).chain(purposes).map(|rule| rule.name.clone()).collect()
}

/// Every list of limits, as written. Those of a route and of the purpose that it issues for are not held
/// against each other: each bounds something of its own, and often the numbers of only one are changed.
fn lists(snapshot: &PolicySnapshot) -> Vec<&[Arc<LimitRule>]> {
    let routes = snapshot.routes.iter().map(|route| route.limits.as_slice());
    let purposes = snapshot.purposes.values().map(|purpose| purpose.limits.as_slice());
    std::iter::once(snapshot.identity.limits.as_slice()).chain(routes).chain(purposes).collect()
}

/// Whether `rule` is full only when `stricter` is: whatever the one counts the other counts too, in the
/// same bucket or a larger one, and no window of `rule` can hold `max` of them.
///
/// Only for limits by subject, which count nothing that another limit refuses. The others count first: a
/// flood fills them even while a stricter one refuses it.
fn is_idle(rule: &LimitRule, stricter: &LimitRule, lists: &[&[Arc<LimitRule>]]) -> bool {
    let lists_of = |limit: &LimitRule, list: &[Arc<LimitRule>]| list.iter().any(|l| l.name == limit.name);
    rule.by.subject
        && is_coarser(stricter.by, rule.by)
        && (stricter.count == Count::All || stricter.count == rule.count)
        && stricter.most_in(rule.per) <= u64::from(rule.max)
        && lists.iter().filter(|list| lists_of(rule, list)).all(|list| lists_of(stricter, list))
}

/// Whether a bucket of one subject lies in a larger one.
fn is_coarser(coarse: CountedBy, fine: CountedBy) -> bool {
    (fine.purpose || !coarse.purpose) && (fine.client || !coarse.client)
}

fn is_equal(a: &LimitRule, b: &LimitRule) -> bool {
    (a.by, a.count, a.max, a.per) == (b.by, b.count, b.max, b.per)
}

/// Failures only happen where codes are compared, are counted by subject only, and a lockout lets through
/// no more than so many of them.
fn counting_failures(rule: &LimitRule, at: At, snapshot: &PolicySnapshot, out: &mut Collector<'_>) {
    let verifying: Vec<&VerifyRule> = snapshot
        .routes
        .iter()
        .filter(|route| route.limits.iter().any(|limit| limit.name == rule.name))
        .filter_map(|route| match &route.action {
            Action::Verify(verify) => Some(verify),
            _ => None,
        })
        .collect();
    if verifying.is_empty() {
        let message = format!("`{}` counts failures, but no route that uses it compares codes", rule.name);
        out.report(Code::IdleLimit, at, message).advise("list it under a `verify` route, or count all");
        return;
    }
    let days = u64::try_from(rule.per.as_millis().div_ceil(DAY.as_millis())).unwrap_or(u64::MAX);
    let right_codes = u64::from(snapshot.budget.owner_codes_per_day).saturating_mul(days);
    let taken: BTreeSet<_> =
        verifying.iter().flat_map(|verify| &verify.purposes).map(|purpose| &purpose.name).collect();
    let lockouts = snapshot.purposes.values().filter(|rules| taken.contains(&rules.name));
    let most = lockouts.fold(0_u64, |sum, rules| {
        let locks = pace(&rules.lockout, rule.per).locks;
        sum.saturating_add(failures(&rules.lockout, locks, right_codes))
    });
    if u64::from(rule.max) > most {
        let message = format!(
            "`{}` is never full: lockouts let through at most {most} failures in {}",
            rule.name,
            show_span(rule.per)
        );
        out.report(Code::IdleLimit, at, message).advise(format!("write `max: {most}` or less, or remove it"));
    }
}
