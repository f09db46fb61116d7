//! How much the limits of some routes let through, all of them together.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::id::LimitName;
use crate::policy::snapshot::{Action, CountedBy, LimitRule, PolicySnapshot, PurposeRules};

/// The limits of each route that takes codes of a purpose, or of any.
pub fn verify_lists<'s>(
    snapshot: &'s PolicySnapshot,
    purpose: Option<&PurposeRules>,
) -> Vec<Vec<&'s LimitRule>> {
    let takes = |action: &Action| match (action, purpose) {
        (Action::Verify(rule), Some(purpose)) => rule.purposes.iter().any(|p| p.name == purpose.name),
        (Action::Verify(_), None) => true,
        _ => false,
    };
    let routes = snapshot.routes.iter().filter(|route| takes(&route.action));
    routes.map(|route| route.limits.iter().map(AsRef::as_ref).collect()).collect()
}

/// The limits of each way to have a code of a purpose made: those of the route and those of the purpose.
pub fn issue_lists<'s>(snapshot: &'s PolicySnapshot, purpose: &'s PurposeRules) -> Vec<Vec<&'s LimitRule>> {
    let issues = |action: &Action| match action {
        Action::Issue(rule) => rule.purpose.name == purpose.name,
        Action::Send(_) => true,
        _ => false,
    };
    let routes = snapshot.routes.iter().filter(|route| issues(&route.action));
    routes.map(|route| route.limits.iter().chain(&purpose.limits).map(AsRef::as_ref).collect()).collect()
}

/// The most that limits let through, and which limits these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// How many in the span.
    pub most: u64,
    /// The limits that say so. Empty when there is no route at all.
    pub limits: Vec<LimitName>,
}

/// Whose events are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// One subject's. Limits by client address do not bind who has many addresses.
    Subject,
    /// All subjects' together.
    Everyone,
}

impl Of {
    fn is_bound_by(self, by: CountedBy) -> bool {
        !by.client && (self == Self::Subject || !by.subject)
    }
}

/// The most requests in any span that get through one of these lists of limits. `None`: there is a list
/// without a limit that counts.
///
/// Each list needs one limit that bounds it, and a limit that bounds several lists counts once, since its
/// bucket is shared. Tried are the tightest limit of each list, and each limit that all of them share.
pub fn room(lists: &[Vec<&LimitRule>], of: Of, span: Duration) -> Option<Room> {
    let bounding = |list: &Vec<&LimitRule>| -> BTreeMap<LimitName, u64> {
        let limits = list.iter().filter(|limit| of.is_bound_by(limit.by));
        limits.map(|limit| (limit.name.clone(), limit.most_in(span))).collect()
    };
    let lists: Vec<_> = lists.iter().map(bounding).collect();
    let tightest = |list: &BTreeMap<LimitName, u64>| {
        list.iter().min_by_key(|(_, most)| **most).map(|(name, most)| (name.clone(), *most))
    };
    let each: BTreeMap<LimitName, u64> = lists.iter().map(tightest).collect::<Option<_>>()?;
    let together = each.values().fold(0_u64, |sum, most| sum.saturating_add(*most));
    let mut best = Room { most: together, limits: each.into_keys().collect() };
    let shared = lists.first().into_iter().flatten();
    for (name, most) in shared.filter(|(name, _)| lists.iter().all(|list| list.contains_key(*name))) {
        if *most < best.most {
            best = Room { most: *most, limits: vec![name.clone()] };
        }
    }
    Some(best)
}
