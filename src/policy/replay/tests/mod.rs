//! Logs that are replayed, and what is said of them beside what really happens.

mod world;

use world::{Came, Deed, deeds, live, log};

use super::line::{Entry, Reader, Skipped};
use super::{Change, Doubt, Replay, Report, Tallied};
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::PolicySnapshot;
use crate::policy::tests::shipped::shipped;

const END: Timestamp = Timestamp::from_millis(u64::MAX);

fn replay<'a>(
    lines: impl IntoIterator<Item = &'a String>,
    policy: &PolicySnapshot,
    was: Option<&PolicySnapshot>,
) -> Report {
    let mut reader = Reader::default();
    let mut replay = Replay::new(policy, was, Timestamp::default(), END);
    for line in lines {
        replay.entry(&reader.read(line.trim().as_bytes()).unwrap());
    }
    replay.finish()
}

/// Policies that differ from the shipped one in one thing or several.
fn others() -> Vec<PolicySnapshot> {
    let all: [&[(&str, &str)]; 12] = [
        &[("{ max: 3,  per: 1m,  by: [subject] }", "{ max: 2,  per: 1m,  by: [subject] }")],
        &[("{ max: 3,  per: 1m,  by: [subject] }", "{ max: 6,  per: 3m,  by: [subject] }")],
        &[("{ max: 15, per: 1h,  by: [subject] }", "{ max: 5, per: 2h,  by: [subject] }")],
        &[("{ max: 10, per: 15m, by: [subject] }", "{ max: 4, per: 15m, by: [subject] }")],
        &[("{ max: 10, per: 15m, by: [subject] }", "{ max: 40, per: 15m, by: [subject] }")],
        &[("after: 3, for: 15m", "after: 2, for: 1h")],
        &[("after: 3, for: 15m", "after: 6, for: 1m")],
        &[("disable_after: 100", "disable_after: 4")],
        &[("ttl: 5m, live: 2", "ttl: 1m, live: 2")],
        &[("ttl: 5m, live: 2", "ttl: 10m, live: 4")],
        &[
            ("ttl: 5m, live: 2", "ttl: 5m, live: 1"),
            ("limits:   [send-burst, send-hour]", "resend: { cooldown: 30s }"),
        ],
        &[
            ("after: 3,", "after: 5,"),
            ("{ max: 15, per: 1h,  by: [subject] }", "{ max: 4, per: 1h,  by: [client_ip] }"),
        ],
    ];
    all.iter().map(|changes| shipped(changes)).collect()
}

/// `REPLAY_SEEDS=1000` looks further.
fn seeds() -> u64 {
    std::env::var("REPLAY_SEEDS").ok().and_then(|number| number.parse().ok()).unwrap_or(2)
}

fn flat(lines: &[Vec<String>]) -> impl Iterator<Item = &String> {
    lines.iter().flatten()
}

#[test]
fn under_the_policy_of_the_log_nothing_is_different_and_nothing_unknown() {
    let shipped = shipped(&[]);
    for policy in std::iter::once(shipped).chain(others()) {
        for seed in 0..8 {
            let deeds = deeds(seed, 300);
            let lines = log(&policy, &deeds, &live(&policy, &deeds, None));
            for was in [None, Some(&policy)] {
                let report = replay(flat(&lines), &policy, was);
                assert_eq!(report.all.decisions, 300);
                assert_eq!(report.all.different(), 0, "seed {seed}: {:?}", report.changes);
                assert_eq!(report.all.unknown, 0, "seed {seed}: {:?}", report.doubts);
                assert_eq!((report.locks_then, report.resets), (report.locks_now, 0), "seed {seed}");
            }
        }
    }
}

#[test]
fn a_log_that_was_cut_off_at_its_begin_tells_of_no_difference_either() {
    let policy = shipped(&[]);
    for seed in 0..20 {
        let deeds = deeds(seed, 400);
        let lines = log(&policy, &deeds, &live(&policy, &deeds, None));
        for cut in [20, 97, 211] {
            let mut reader = Reader::default();
            let mut replay = Replay::new(&policy, Some(&policy), Timestamp::default(), END);
            let mut before: Vec<String> = Vec::new();
            for line in flat(&lines[cut..]) {
                replay.entry(&reader.read(line.trim().as_bytes()).unwrap());
                let said = replay.last_change();
                before.push(format!("{said:?} {line}"));
                let is_sure = matches!(said, None | Some(Change::Same | Change::Unknown(_)));
                assert!(is_sure, "seed {seed}, cut {cut}\n{}", before.join(""));
            }
            let report = replay.finish();
            assert!(
                report.all.unknown * 3 < report.all.decisions,
                "seed {seed}, cut {cut}: {:?}",
                report.doubts
            );
        }
    }
}

/// What is said of each deed beside what the same deeds come to in a life under the other policy.
fn compare(deeds: &[Deed], was: &PolicySnapshot, now: &PolicySnapshot, seed: u64) -> (u64, u64, Vec<String>) {
    let then = live(was, deeds, None);
    let lines = log(was, deeds, &then);
    let really = live(now, deeds, Some(&then));
    let mut reader = Reader::default();
    let mut replay = Replay::new(now, Some(was), Timestamp::default(), END);
    let (mut sure, mut different, mut false_ones) = (0, 0, Vec::new());
    for (index, lines) in lines.iter().enumerate() {
        for line in lines {
            let entry = reader.read(line.trim().as_bytes()).unwrap();
            replay.entry(&entry);
            let Entry::Decision(_) = entry else { continue };
            let Some(said) = replay.last_change() else { continue };
            let truth = truth(&then[index], &really[index]);
            if !matches!(said, Change::Unknown(_)) {
                if said != truth {
                    false_ones.push(format!("seed {seed}, deed {index}: {said:?}, really {truth:?}\n{line}"));
                }
                sure += 1;
                different += u64::from(said != Change::Same);
            }
        }
    }
    (sure, different, false_ones)
}

fn truth(then: &Came, really: &Came) -> Change {
    let refused = |came: &Came| came.exchange.denial.clone().filter(|_| !came.exchange.forwarded);
    let named = |came: &Came| refused(came).map(|denial| (denial.reason(), came.exchange.rule.clone()));
    match (named(then), named(really)) {
        (None, None) => Change::Same,
        (None, Some(_)) => Change::Refused,
        (Some(_), None) => Change::Allowed,
        (Some((a, _)), Some((b, _))) if a == b && a == crate::domain::reason::Reason::Invalid => Change::Same,
        (Some(a), Some(b)) if a == b => Change::Same,
        (Some(_), Some(_)) => Change::Otherwise,
    }
}

/// In a crowd that guesses all day, one in a thousand may be wrong: what a person would have done after a surprise is not in
/// the log, and here everybody goes on as if nothing had happened.
#[test]
fn what_is_said_for_sure_is_what_happens_but_for_one_in_five_hundred() {
    let shipped = shipped(&[]);
    let (mut sure, mut different, mut all, mut false_ones) = (0, 0, 0, Vec::new());
    for other in others() {
        for seed in 0..seeds() {
            // A wallet that takes a code and says nothing leaves it reserved, which nobody sees in the other life.
            let mut deeds = deeds(seed, 250);
            deeds.iter_mut().for_each(|deed| deed.wallet = deed.wallet.max(2));
            for (was, now) in [(&shipped, &other), (&other, &shipped)] {
                let found = compare(&deeds, was, now, seed);
                (sure, different, all) = (sure + found.0, different + found.1, all + 250);
                false_ones.extend(found.2);
            }
        }
    }
    assert!(false_ones.len() as u64 * 500 <= sure, "{}\n{}", false_ones.len(), false_ones.join(""));
    assert!(sure * 2 > all, "{sure} of {all} were said for sure");
    assert!(different * 100 > all, "{different} of {all} were different");
}

#[test]
fn what_is_no_line_is_told_from_what_is_not_known() {
    let mut reader = Reader::default();
    let mut read = |line: &str| reader.read(line.as_bytes());
    for broken in
        ["", "{", "null", r#"{"v":1,"event":"decision","time":"2026-11-22T15:07:00.123Z"}"#, r#"{"v":1}"#]
    {
        assert_eq!(read(broken), Err(Skipped::Broken), "{broken}");
    }
    for unknown in [
        r#"{"v":2,"event":"decision","time":"2026-11-22T15:07:00.123Z"}"#,
        r#"{"v":1,"event":"operator","time":"2026-11-22T15:07:00.123Z"}"#,
    ] {
        assert_eq!(read(unknown), Err(Skipped::Unknown), "{unknown}");
    }
    let mail = r#"{"v":1,"event":"mail","time":"2026-11-22T15:07:00.123Z","new_field":[1,{"a":2}]}"#;
    assert_eq!(read(mail), Ok(Entry::Other(Timestamp::from_millis(1_795_360_020_123))));
}

#[test]
fn every_doubt_has_a_word_and_a_sentence_of_its_own() {
    let all = [
        Doubt::Fault,
        Doubt::Route,
        Doubt::Purpose,
        Doubt::NotCompared,
        Doubt::Follows,
        Doubt::WhichCode,
        Doubt::NotSent,
        Doubt::BeforeLog,
        Doubt::Network,
        Doubt::Incomplete,
    ];
    let words: std::collections::BTreeSet<_> = all.iter().map(|doubt| doubt.as_str()).collect();
    let sentences: std::collections::BTreeSet<_> = all.iter().map(|doubt| doubt.meaning()).collect();
    assert_eq!((words.len(), sentences.len()), (all.len(), all.len()));
}

#[test]
fn who_would_see_most_differences_comes_first() {
    use Change::{Allowed, Otherwise, Refused, Same, Unknown};
    let tallied = |changes: &[Change]| {
        let mut tallied = Tallied::default();
        changes.iter().for_each(|change| tallied.add(*change));
        tallied
    };
    let doubt = Unknown(Doubt::Route);
    let all = [Refused, Refused, Refused, Refused, Allowed, Allowed, Otherwise, doubt, doubt, Same];
    let most = tallied(&all);
    let expected = Tallied { decisions: 10, refused: 4, allowed: 2, otherwise: 1, unknown: 2 };
    assert_eq!((most, most.different()), (expected, 7));
    let mut report = Report::default();
    for (name, changes) in [("b", &[Refused][..]), ("c", &all), ("a", &[Allowed]), ("d", &[doubt, doubt])] {
        report.subjects.insert(Subject::parse(name).unwrap(), tallied(changes));
    }
    let top: Vec<&str> = report.top(3).iter().map(|(subject, _)| subject.as_str()).collect();
    assert_eq!(top, ["c", "a", "b"]);
}
