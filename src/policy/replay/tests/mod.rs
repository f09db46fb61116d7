//! Logs that are replayed, and what is said of them beside what really happens.

mod world;

use world::{deeds, live, log, policy};

use super::line::{Entry, Reader, Skipped};
use super::{Change, Replay, Report};
use crate::domain::time::Timestamp;
use crate::policy::snapshot::PolicySnapshot;

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
        assert_eq!(replay.last_change(), Some(Change::Same), "{line}");
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
    all.iter().map(|changes| policy(changes)).collect()
}

fn flat(lines: &[Vec<String>]) -> impl Iterator<Item = &String> {
    lines.iter().flatten()
}

#[test]
fn under_the_policy_of_the_log_nothing_is_different_and_nothing_unknown() {
    let shipped = policy(&[]);
    for policy in std::iter::once(shipped).chain(others()) {
        for seed in 0..4 {
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
