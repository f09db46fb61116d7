//! Figures of whole policies.

use std::time::Duration;

use crate::domain::id::LimitName;
use crate::policy::budget::room::{Of, room};
use crate::policy::budget::{Assessment, Bound, DAY, assess};
use crate::policy::compile::compile;
use crate::policy::snapshot::{LimitRule, PolicySnapshot};
use crate::policy::source::SourceFile;
use crate::policy::tests::files::World;

const POLICY: &str = "\
version: 1
budget: { owner_codes_per_day: 2 }
identity: { jwt: { algorithms: [HS256], key: { env: JWT_SECRET }, claims: { subject: id, email: email } } }
limits:
  calls:   { max: 10, per: 15m, by: [subject] }
  guesses: { max: 12, per: 1d, by: [subject], count: failures }
  address: { max: 1, per: 31d, by: [client_ip] }
  all:     { max: 100, per: 1d }
  send:    { max: 15, per: 1h, by: [subject] }
purposes:
  p: { code: { digits: 6, ttl: 5m, live: 2 }, lockout: { after: 3, for: 15m, escalate: 2 }, limits: [send] }
routes:
  - { name: s, match: { methods: [POST], path: /s }, send: { purpose: request.body.p, recipient: claims.email } }
  - { name: v, match: { methods: [POST], path: /v }, verify: { code: request.body.c, reference: request.body.r }, limits: [calls] }
";

pub(super) fn policy(changes: &[(&str, &str)]) -> PolicySnapshot {
    let mut text = POLICY.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from} is there once");
        text = text.replace(from, to);
    }
    let files = [SourceFile { path: "policy.yaml".to_owned(), text }];
    compile(&files, &World).unwrap_or_else(|errors| panic!("{errors}")).snapshot
}

fn assessed(changes: &[(&str, &str)]) -> Assessment {
    let policy = policy(changes);
    assess(&policy, policy.budget, 1_000)
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= b.abs() * 1e-9
}

#[test]
fn a_lockout_alone_bounds_an_absent_owner_by_disabling_and_an_active_one_by_time() {
    let found = assessed(&[]);
    let guessing = &found.purposes[0].guessing;
    assert_eq!((guessing.away_day.guesses, &guessing.away_day.bound), (21, &Bound::Lockout));
    assert_eq!((guessing.away_year.guesses, &guessing.away_year.bound), (100, &Bound::Disabled));
    assert_eq!(guessing.active_day.guesses, 21 + 2 * 2);
    assert_eq!(guessing.active_year.guesses, 3 * 1_383 + 2 * 2 * 365);
    assert!(is_near(guessing.active_year.chance.subject, 5_609.0 * 2e-6), "{guessing:?}");
    assert!(found.is_over());
    assert_eq!(found.affordable_failures_per_day, 13);
}

#[test]
fn a_limit_on_failures_holds_whatever_the_owner_does() {
    let limited = ("limits: [calls]", "limits: [calls, guesses, address]");
    let found = assessed(&[limited, ("owner_codes_per_day: 2", "owner_codes_per_day: 1000")]);
    let year = &found.purposes[0].guessing.active_year;
    assert_eq!((year.guesses, is_near(year.chance.subject, 0.00876)), (12 * 365, true));
    assert!(matches!(&year.bound, Bound::Limits(limits) if limits[0].as_str() == "guesses"));
    assert_eq!(found.purposes[0].by_client[0].as_str(), "address");
    assert!(!found.is_over());
}

#[test]
fn what_is_just_allowed_is_within_the_budget() {
    let all = "owner_codes_per_day: 1000, per_subject_year: 100%";
    let found = assessed(&[("owner_codes_per_day: 2", all), (", limits: [calls]", "")]);
    assert_eq!(found.together.active_year.subject, 1.0);
    assert!(!found.is_over());
}

#[test]
fn a_limit_that_allows_what_the_lockout_allows_is_not_what_binds() {
    let limited = ("limits: [calls]", "limits: [calls, guesses]");
    for (max, bound) in [
        ("max: 20, per: 1d", Bound::Limits(vec![LimitName::parse("guesses").unwrap()])),
        ("max: 21, per: 1d", Bound::Lockout),
    ] {
        let day = assessed(&[limited, ("max: 12, per: 1d", max)]).purposes.remove(0).guessing.away_day;
        assert_eq!(day.bound, bound, "{max}");
    }
}

#[test]
fn purposes_add_up_unless_they_share_a_limit() {
    let two = (
        "purposes:\n",
        "purposes:\n  q: { code: { digits: 6, ttl: 5m }, lockout: { after: 3, for: 15m } }\n",
    );
    let limited = ("limits: [calls]", "limits: [calls, guesses]");
    let (apart, shared) = (assessed(&[two]), assessed(&[two, limited]));
    let sum: f64 = apart.purposes.iter().map(|p| p.guessing.active_day.chance.subject).sum();
    assert!(is_near(apart.together.active_day.subject, sum));
    assert!(is_near(shared.together.active_day.subject, 12.0 * 2e-6));
}

#[test]
fn spraying_multiplies_until_a_limit_for_everyone_binds() {
    let day = assessed(&[]).together.away_day;
    let alone = 21.0 * 2e-6;
    assert!(is_near(day.subject, alone) && is_near(day.expected, alone * 1_000.0));
    assert!(is_near(day.any, 1.0 - (1.0 - alone).powi(1_000)), "{day:?}");
    let certain = [("owner_codes_per_day: 2", "owner_codes_per_day: 1000"), (", limits: [calls]", "")];
    assert_eq!(assessed(&certain).together.active_year.any, 1.0);
    let bound = assessed(&[("limits: [calls]", "limits: [calls, all]")]).together.away_day;
    assert!(is_near(bound.expected, 100.0 * 2e-6) && bound.any <= bound.expected, "{bound:?}");
    let each = assessed(&[("limits: [calls]", "limits: [calls, all]")]).purposes.remove(0).guessing.away_day;
    assert!(is_near(each.chance.expected, 100.0 * 2e-6), "{each:?}");
}

#[test]
fn a_code_that_cannot_be_sent_cannot_be_guessed() {
    // Two codes in a day that may have begun 5 minutes earlier: four, each for at most 3 + 2 * 2 failures.
    let rare = assessed(&[("max: 15, per: 1h", "max: 2, per: 1d")]);
    let day = &rare.purposes[0].guessing.active_day;
    assert!(day.sends_bind && is_near(day.chance.subject, 4.0 * 7.0 * 1e-6), "{day:?}");
    // Of an absent owner, 14 codes times 3 failures are all that there are: 21 guesses at two codes.
    for (max, binds) in [("max: 6, per: 1d", true), ("max: 7, per: 1d", false)] {
        let day = assessed(&[("max: 15, per: 1h", max)]).purposes.remove(0).guessing.away_day;
        assert_eq!(day.sends_bind, binds, "{day:?}");
    }
    let status =
        ("send: { purpose: request.body.p, recipient: claims.email }", "status: { purpose: request.body.p }");
    let never = assessed(&[status]);
    assert_eq!(never.purposes[0].guessing.active_year.bound, Bound::Unreachable);
    assert_eq!(never.together.active_year.subject, 0.0);
}

#[test]
fn lists_of_limits_are_bounded_by_what_they_share_or_by_the_tightest_of_each() {
    let policy = policy(&[
        ("limits: [calls]", "limits: [calls, guesses, all, address, twelve]"),
        ("  calls: ", "  twelve:  { max: 12, per: 1d, by: [subject] }\n  calls: "),
    ]);
    let limit = |name: &str| -> &LimitRule {
        policy.limits.values().find(|limit| limit.name.as_str() == name).unwrap()
    };
    let check = |lists: &[&[&str]], of: Of, expected: Option<u64>| {
        let lists: Vec<Vec<&LimitRule>> =
            lists.iter().map(|list| list.iter().map(|name| limit(name)).collect()).collect();
        assert_eq!(room(&lists, of, DAY).map(|room| room.most), expected, "{lists:?}");
    };
    check(&[], Of::Subject, Some(0));
    check(&[&["calls", "guesses"]], Of::Subject, Some(12));
    check(&[&["calls"], &["guesses"]], Of::Subject, Some(960 + 12));
    check(&[&["calls", "guesses"], &["calls"]], Of::Subject, Some(960));
    check(&[&["guesses"], &["guesses"]], Of::Subject, Some(12));
    check(&[&["guesses"], &["address"]], Of::Subject, None);
    check(&[&["guesses", "all"]], Of::Everyone, Some(100));
    check(&[&["guesses"]], Of::Everyone, None);
    let bound = room(&[vec![limit("guesses"), limit("twelve")]], Of::Subject, DAY).unwrap();
    assert_eq!(bound.limits[0].as_str(), "guesses", "of two that bind alike, the first by name");
}

#[test]
fn a_span_holds_as_many_full_windows_as_cover_it() {
    let policy = policy(&[("limits: [calls]", "limits: [guesses]")]);
    let guesses = policy.limits.values().find(|limit| limit.name.as_str() == "guesses").unwrap();
    for (millis, most) in [(1, 12), (86_400_000, 12), (86_400_001, 24)] {
        assert_eq!(guesses.most_in(Duration::from_millis(millis)), most);
    }
}
