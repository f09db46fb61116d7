//! The rules of a policy in the form in which operators act on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::id::LimitName;
use crate::policy::snapshot::{LimitRule, PolicySnapshot, PurposeRules};
use crate::server::admin::operations::rules::{LimitInForce, PurposeInForce, Rulebook, Rules};

/// The rules of this policy.
pub fn rules(snapshot: &PolicySnapshot) -> Rules {
    let users = users(snapshot);
    Rules {
        hash: snapshot.hash.clone(),
        forms: snapshot.audit,
        purposes: snapshot.purposes.values().map(|rules| purpose(rules)).collect(),
        limits: snapshot
            .limits
            .values()
            .map(|rule| limit(rule, users.get(&rule.name).cloned().unwrap_or_default()))
            .collect(),
    }
}

/// Rules that do not change while a command runs.
pub struct Fixed(pub Arc<Rules>);

impl Rulebook for Fixed {
    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0)
    }
}

fn purpose(rules: &PurposeRules) -> PurposeInForce {
    PurposeInForce {
        name: rules.name.clone(),
        digits: rules.digits.get(),
        ttl: rules.ttl,
        live: rules.live,
        cooldown: rules.cooldown,
        lockout: rules.lockout.clone(),
    }
}

fn limit(rule: &LimitRule, used_by: Vec<String>) -> LimitInForce {
    LimitInForce {
        name: rule.name.clone(),
        max: rule.max,
        per: rule.per,
        count: rule.count,
        by_subject: rule.by.subject,
        by_purpose: rule.by.purpose,
        by_client: rule.by.client,
        used_by,
    }
}

/// Where each limit is used, as its place in the policy.
fn users(snapshot: &PolicySnapshot) -> BTreeMap<LimitName, Vec<String>> {
    let mut users: BTreeMap<LimitName, Vec<String>> = BTreeMap::new();
    let mut add = |limits: &[Arc<LimitRule>], place: String| {
        for limit in limits {
            users.entry(limit.name.clone()).or_default().push(place.clone());
        }
    };
    add(&snapshot.identity.limits, "identity".to_owned());
    for purpose in snapshot.purposes.values() {
        add(&purpose.limits, format!("purposes.{}", purpose.name));
    }
    for route in &snapshot.routes {
        add(&route.limits, format!("routes.{}", route.name));
    }
    users
}
