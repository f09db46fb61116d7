//! A set as tables.

use std::sync::Arc;

use super::words::{
    algorithms, audit_client, audit_subject, counted_by, counts, key, limits_of, lockout, methods, origins,
    places, proxies, recipient,
};
use crate::cli::output::{Cell, Table};
use crate::policy::scalar::show_span;
use crate::policy::snapshot::{Action, LimitRule, OtherMethods, PolicySnapshot, Route};

pub(super) fn routes(set: &PolicySnapshot) -> Table {
    let mut table = Table::new(&["ROUTE", "METHODS", "PATH", "DOES", "LIMITS"]);
    for route in &set.routes {
        let own = [route.name.as_str().to_owned(), methods_of(route)];
        let does = [does(route), names(&limits_of(route)).join(" ")];
        for (index, path) in route.paths.iter().enumerate() {
            let first = |text: &String| if index == 0 { text.clone() } else { String::new() };
            let cells = own.iter().map(first).chain([path.clone()]).chain(does.iter().map(first));
            table.row(cells.map(Cell::from));
        }
    }
    table
}

fn methods_of(route: &Route) -> String {
    let others = if route.other_methods == OtherMethods::Forward { " (others pass)" } else { "" };
    methods(route).join(" ") + others
}

fn does(route: &Route) -> String {
    match &route.action {
        Action::Issue(rule) => format!("issue {}, to {}", rule.purpose.name, recipient(&rule.recipient)),
        Action::Verify(rule) => {
            let names: Vec<&str> = rule.purposes.iter().map(|purpose| purpose.name.as_str()).collect();
            format!("verify {}", names.join(", "))
        }
        Action::Send(rule) => format!("send {}, to {}", rule.purpose, recipient(&rule.recipient)),
        Action::Status(rule) => format!("status of {}", rule.purpose),
        Action::Limit => "only limits".to_owned(),
    }
}

fn names<'a>(rules: impl IntoIterator<Item = &'a &'a Arc<LimitRule>>) -> Vec<&'a str> {
    rules.into_iter().map(|rule| rule.name.as_str()).collect()
}

pub(super) fn purposes(set: &PolicySnapshot) -> Table {
    let mut table = Table::new(&["PURPOSE", "CODE", "LOCKOUT", "COOLDOWN", "LIMITS", "MAIL"]);
    for rules in set.purposes.values() {
        let limits: Vec<&Arc<LimitRule>> = rules.limits.iter().collect();
        table.row([
            rules.name.as_str().into(),
            format!("{} digits, {}, {} live", rules.digits.get(), show_span(rules.ttl), rules.live).into(),
            lockout(rules).into(),
            show_span(rules.cooldown).into(),
            names(&limits).join(" ").into(),
            rules.template.name().into(),
        ]);
    }
    table
}

pub(super) fn limits(set: &PolicySnapshot) -> Table {
    let mut table = Table::new(&["LIMIT", "MAX", "PER", "BY", "COUNTS", "WHERE"]);
    for rule in set.limits.values() {
        table.row([
            rule.name.as_str().into(),
            Cell::number(rule.max),
            show_span(rule.per).into(),
            counted_by(rule).join(", ").into(),
            counts(rule).into(),
            places(set, rule).join(", ").into(),
        ]);
    }
    table
}

pub(super) fn around(set: &PolicySnapshot) -> Table {
    let identity = &set.identity;
    let mut table = Table::new(&["SETTING", "VALUE"]);
    let claims: Vec<String> =
        identity.jwt.claims.iter().map(|(ours, theirs)| format!("{ours}: {theirs}")).collect();
    let limits: Vec<&str> = identity.limits.iter().map(|rule| rule.name.as_str()).collect();
    let any = "any".to_owned();
    let rows = [
        ("algorithms", algorithms(identity).join(", ")),
        ("key", key(identity)),
        ("claims", claims.join(", ")),
        ("issuer", identity.jwt.issuer.clone().unwrap_or(any.clone())),
        ("audience", identity.jwt.audience.clone().unwrap_or(any)),
        ("leeway", show_span(identity.jwt.leeway)),
        ("limits of refused tokens", limits.join(", ")),
        ("trusted proxies", proxies(identity).join(", ")),
        ("stripped headers", identity.strip.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        (
            "intermediary headers",
            set.intermediary_headers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        ),
        ("origins", origins(set).join(", ")),
        ("audit", format!("subject {}, client address {}", audit_subject(set), audit_client(set))),
        ("unprotected", set.unprotected.join(", ")),
        (
            "guess budget",
            format!(
                "{} for each subject and year, {} right codes of the owner a day",
                set.budget.per_subject_year, set.budget.owner_codes_per_day
            ),
        ),
    ];
    for (name, value) in rows {
        let value = if value.is_empty() { "none".to_owned() } else { value };
        table.row([name.into(), value.into()]);
    }
    table
}
