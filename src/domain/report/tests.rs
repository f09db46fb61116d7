use std::time::Duration;

use super::coverage::Coverage;
use super::period::{NoPeriod, Period};
use super::quantile::{Quantile, Times, quantile};
use super::{Question, Report};
use crate::domain::id::{LimitName, Purpose, RouteName};
use crate::domain::ledger::counts::{CountKey, Counts, DayCounts, Word};
use crate::domain::ledger::day::Day;
use crate::domain::reason::Reason;
use crate::domain::time::Timestamp;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn funding() -> Purpose {
    Purpose::parse("wallet_funding").unwrap()
}

fn deduction() -> Purpose {
    Purpose::parse("wallet_deduction").unwrap()
}

fn counts(numbers: &[(CountKey, u64)]) -> Counts {
    let mut counts = Counts::default();
    numbers.iter().for_each(|(key, number)| counts.add(key.clone(), *number));
    counts
}

/// A whole day on which a sidecar ran, and what it counted.
fn counted(text: &str, numbers: &[(CountKey, u64)]) -> DayCounts {
    let mut counts = counts(numbers);
    (0..24).for_each(|hour| counts.add(CountKey::CountingInHour(hour), 60));
    DayCounts { day: day(text), counts }
}

fn report(period: Period, days: &[DayCounts], at: Timestamp) -> Report {
    Report::new(Question { period, purpose: None }, days, at)
}

fn words(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.word).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_month_is_its_days_also_when_it_is_february() {
    for (month, days, last, before) in [
        ("2026-11", 30, "2026-11-30", "2026-10-01"),
        ("2028-02", 29, "2028-02-29", "2028-01-01"),
        ("2026-02", 28, "2026-02-28", "2026-01-01"),
        ("2026-01", 31, "2026-01-31", "2025-12-01"),
        ("9999-11", 30, "9999-11-30", "9999-10-01"),
    ] {
        let period = Period::month(month).unwrap();
        assert_eq!((period.days().count(), period.last()), (days, day(last)));
        assert_eq!(period.as_month().as_deref(), Some(month));
        assert_eq!(period.before().first(), day(before));
        assert_eq!(period.before().last().next(), period.first());
    }
    assert_eq!(Period::month("9999-12").unwrap().last(), day("9999-12-31"), "the last day there is");
    for text in ["2026-13", "2026-1", "2026", "november", "", "2026-11-22"] {
        assert_eq!(Period::month(text), Err(NoPeriod::Month(text.to_owned())));
    }
}

#[test]
fn days_are_compared_with_as_many_days_before_them() {
    let period = Period::parse("2028-02-28", "2028-03-02").unwrap();
    let days: Vec<String> = period.days().map(|day| day.to_string()).collect();
    assert_eq!(days, ["2028-02-28", "2028-02-29", "2028-03-01", "2028-03-02"]);
    assert_eq!(period.before(), Period::parse("2028-02-24", "2028-02-27").unwrap());
    assert_eq!(period.as_month(), None);
    let so_far = Period::month_until(day("2026-11-22"));
    assert_eq!(so_far, Period::parse("2026-11-01", "2026-11-22").unwrap());
    assert_eq!(so_far.before(), Period::parse("2026-10-10", "2026-10-31").unwrap());
}

#[test]
fn a_period_that_cannot_be_is_refused_with_what_to_write() {
    for (from, to, word) in [
        ("2026-11-31", "2026-12-01", "2026-11-31"),
        ("2026-11-01", "tomorrow", "tomorrow"),
        ("2026-11-02", "2026-11-01", "turn them round"),
        ("2025-01-01", "2026-12-31", "730 days"),
    ] {
        let problem = Period::parse(from, to).unwrap_err().to_string();
        assert!(problem.contains(word), "{problem}");
    }
    let longest = Period::parse("2025-10-19", "2026-11-22").unwrap();
    assert_eq!(longest.days().count(), super::period::LONGEST);
}

#[test]
fn a_quantile_is_interpolated_within_its_bucket_as_prometheus_does_it() {
    let bounds = [5_000, 10_000, 15_000, 20_000];
    let check = |counts: [u64; 5], q: f64, expected: Option<(u64, Option<u64>)>| {
        let expected = expected.map(|(estimate, at_most)| Quantile {
            estimate: Duration::from_millis(estimate),
            at_most: at_most.map(Duration::from_millis),
        });
        assert_eq!(quantile(&bounds, &counts, q), expected, "{counts:?} {q}");
    };
    // Rank 50 of 100 is the 40th of the 60 between 5 and 10 s: 5 + 5 × 40/60.
    check([10, 60, 25, 5, 0], 0.5, Some((8_333, Some(10_000))));
    // Rank 95 is the last of the 25 between 10 and 15 s.
    check([10, 60, 25, 5, 0], 0.95, Some((15_000, Some(15_000))));
    // Rank 9.5 of 10 in the first bucket, which begins at 0.
    check([10, 0, 0, 0, 0], 0.95, Some((4_750, Some(5_000))));
    // Beyond the last bound nothing more is known than that.
    check([1, 0, 0, 0, 9], 0.95, Some((20_000, None)));
    // Empty buckets are not fallen into.
    check([0, 0, 0, 2, 0], 0.0, Some((15_000, Some(20_000))));
    check([0; 5], 0.95, None);
    check([u64::MAX, u64::MAX, 0, 0, 0], 0.5, Some((2_500, Some(5_000))));
}

#[test]
fn an_average_is_exact_and_of_nothing_there_is_none() {
    let times = Times::new(&[100], vec![2, 1], 3, 1_000);
    assert_eq!(times.average, Some(Duration::from_millis(333)));
    assert_eq!(Times::new(&[100], vec![0, 0], 0, 0).average, None);
}

/// 40 codes for funding, 36 of them used, and 4 for deduction, all of them used.
fn good_day(text: &str) -> DayCounts {
    let verify = RouteName::parse("verify").unwrap();
    counted(
        text,
        &[
            (CountKey::Issued(funding()), 40),
            (CountKey::Issued(deduction()), 4),
            (CountKey::IssuedInHour(9), 14),
            (CountKey::IssuedInHour(17), 30),
            (CountKey::Compared(funding()), 40),
            (CountKey::Compared(deduction()), 4),
            (CountKey::Verified(funding()), 36),
            (CountKey::Verified(deduction()), 4),
            (CountKey::VerifiedMillis(funding()), 720_000),
            (CountKey::VerifiedMillis(deduction()), 200_000),
            (CountKey::verified_within(&funding(), seconds(20)), 36),
            (CountKey::verified_within(&deduction(), seconds(50)), 4),
            (CountKey::Failed(Some(funding()), Reason::Invalid), 4),
            (CountKey::Failed(None, Reason::NotFound), 2),
            (CountKey::Decided(verify.clone(), Reason::Verified), 40),
            (CountKey::Decided(verify.clone(), Reason::Invalid), 4),
            (CountKey::Decided(verify, Reason::NotFound), 2),
            (CountKey::Locked(funding()), 1),
            (CountKey::LimitHit(LimitName::parse("send-burst").unwrap()), 3),
            (CountKey::LimitHit(LimitName::parse("verify").unwrap()), 5),
            (CountKey::MailAccepted, 44),
            (CountKey::MailMillis, 44_000),
            (CountKey::mail_within(seconds(1)), 44),
            (CountKey::MailFailed(Word::of("busy")), 2),
            (CountKey::ErrorInHour(9, Word::of("mail_failed")), 2),
        ],
    )
}

#[test]
fn a_report_adds_up_what_its_days_counted() {
    let period = Period::parse("2026-11-20", "2026-11-21").unwrap();
    let days = [good_day("2026-11-20"), good_day("2026-11-21"), good_day("2026-11-22")];
    let before = [good_day("2026-11-18"), good_day("2026-11-19")];
    let report = report(period, &[&days[..], &before[..]].concat(), day("2026-11-23").start());
    let summary = &report.summary;
    let codes = summary.codes;
    assert_eq!(
        [codes.issued, codes.compared, codes.verified, codes.failed, codes.locked],
        [88, 88, 80, 12, 2]
    );
    assert_eq!((codes.not_verified(), codes.success_rate()), (8, Some(80.0 / 88.0)));
    // 72 codes took 20 s and 8 took 50 s: (72 × 20 + 8 × 50) / 80. Rank 76 is the 4th of the 8 between 45 and 60 s.
    assert_eq!(summary.verification.average, Some(seconds(23)));
    assert_eq!(summary.verification.p95.unwrap().estimate, Duration::from_millis(52_500));
    assert_eq!(summary.verification.p95.unwrap().at_most, Some(seconds(60)));
    assert_eq!(summary.peak_hour(), Some((17, 60)));
    let limits: Vec<_> = summary.limits.iter().map(|(limit, hits)| (limit.as_str(), *hits)).collect();
    assert_eq!((limits, summary.limit_hits()), (vec![("verify", 10), ("send-burst", 6)], 16));
    assert_eq!(summary.reasons, [(Reason::Invalid, 8), (Reason::NotFound, 4)]);
    assert_eq!(summary.refusals.len(), 2);
    assert_eq!((summary.mail.accepted, summary.mail.failures(), summary.mail.lost()), (88, 4, 0));
    assert_eq!(summary.mail.times.average, Some(seconds(1)));
    // All between 500 and 1000 ms: 500 + 500 × 0.95.
    assert_eq!(summary.mail.times.p95.unwrap().estimate, Duration::from_millis(975));
    assert_eq!(summary.errors, [("mail_failed".to_owned(), 4)]);
    assert_eq!(report.days.len(), 2);
    assert_eq!(report.days[0].summary.codes.issued, 44);
    assert_eq!(report.summary_before.as_ref().unwrap().codes, codes);
    assert!(report.is_complete() && !report.has_problems(), "{:?}", report.findings);
}

#[test]
fn a_report_about_one_purpose_has_only_its_codes() {
    let period = Period::parse("2026-11-20", "2026-11-20").unwrap();
    let question = Question { period, purpose: Some(deduction()) };
    let report = Report::new(question, &[good_day("2026-11-20")], day("2026-11-23").start());
    let codes = report.summary.codes;
    assert_eq!([codes.issued, codes.compared, codes.verified, codes.failed, codes.locked], [4, 4, 4, 0, 0]);
    assert_eq!(report.summary.purposes.len(), 1);
    assert_eq!(report.summary.verification.average, Some(seconds(50)));
    assert_eq!((report.summary.reasons.len(), report.summary.mail.accepted), (0, 44));
    assert_eq!(report.summary.verification.buckets.iter().sum::<u64>(), 4);
}

#[test]
fn the_hour_with_most_codes_is_the_first_of_equals_and_none_without_codes() {
    let day = counted("2026-11-20", &[(CountKey::IssuedInHour(7), 3), (CountKey::IssuedInHour(19), 3)]);
    let period = Period::parse("2026-11-20", "2026-11-20").unwrap();
    let at = super::Day::parse("2026-11-21").unwrap().start();
    assert_eq!(report(period, &[day], at).summary.peak_hour(), Some((7, 3)));
    assert_eq!(report(period, &[], at).summary.peak_hour(), None);
}

#[test]
fn a_rate_is_never_above_all_nor_a_difference_below_nothing() {
    // Codes of the day before were used on this one.
    let codes = super::summary::Codes { issued: 3, verified: 5, compared: 4, ..Default::default() };
    assert_eq!((codes.success_rate(), codes.right_rate(), codes.not_verified()), (Some(1.0), Some(1.0), 0));
    assert_eq!(super::summary::Codes::default().success_rate(), None);
    let codes = super::summary::Codes { verified: 3, compared: 4, ..Default::default() };
    assert_eq!(codes.right_rate(), Some(0.75));
}

/// A month of one day, and what is found in it.
fn found(numbers: &[(CountKey, u64)]) -> Vec<&'static str> {
    let period = Period::parse("2026-11-20", "2026-11-20").unwrap();
    words(&report(period, &[counted("2026-11-20", numbers)], day("2026-11-21").start()))
}

#[test]
fn each_threshold_is_told_beyond_it_and_not_at_it() {
    let issued = |number| (CountKey::Issued(funding()), number);
    let verified = |number| (CountKey::Verified(funding()), number);
    let compared = |number| (CountKey::Compared(funding()), number);
    assert_eq!(found(&[issued(100), verified(90), compared(90)]), Vec::<&str>::new());
    assert_eq!(found(&[issued(100), verified(89), compared(90)]), ["low_success_rate"]);
    assert_eq!(found(&[issued(70), verified(70), compared(100)]), Vec::<&str>::new());
    assert_eq!(found(&[issued(69), verified(69), compared(100)]), ["many_wrong_codes"]);
    // Too few to say so.
    assert_eq!(found(&[issued(1), verified(1), compared(19)]), Vec::<&str>::new());
    let locked = |number| (CountKey::Locked(funding()), number);
    assert_eq!(found(&[issued(100), verified(100), compared(100), locked(5)]), Vec::<&str>::new());
    assert_eq!(found(&[issued(100), verified(100), compared(100), locked(6)]), ["many_locks"]);
    let mailed = |number, within| {
        vec![(CountKey::MailAccepted, number), (CountKey::mail_within(seconds(within)), number)]
    };
    assert_eq!(found(&mailed(10, 60)), Vec::<&str>::new());
    assert_eq!(found(&mailed(10, 61)), ["slow_mail"]);
    // Nineteen of twenty in exactly that time.
    assert_eq!(found(&[mailed(19, 60), mailed(1, 61)].concat()), Vec::<&str>::new());
    assert_eq!(found(&mailed(10, 301)), ["slow_mail"]);
    let given_up = (CountKey::MailGivenUp(Word::of("expired")), 1);
    assert_eq!(found(&[mailed(99, 1), vec![given_up.clone()]].concat()), Vec::<&str>::new());
    assert_eq!(found(&[mailed(98, 1), vec![given_up]].concat()), ["lost_mail"]);
    assert_eq!(found(&[(CountKey::LeftOut, 1)]), ["counts_left_out"]);
}

#[test]
fn a_quiet_day_is_no_gap_and_a_gap_is_told_with_its_days() {
    let period = Period::month("2026-11").unwrap();
    let mut days: Vec<DayCounts> = period.days().map(|day| counted(&day.to_string(), &[])).collect();
    let at = day("2026-12-01").start();
    let before = counted("2026-10-31", &[]);
    let with_before =
        |days: &[DayCounts]| report(period, &[days, std::slice::from_ref(&before)].concat(), at);
    assert_eq!(words(&with_before(&days)), Vec::<&str>::new());
    for place in [0, 2, 3, 4, 20] {
        days[place].counts = Counts::default();
    }
    let gap = with_before(&days);
    assert_eq!(words(&gap), ["days_without_data"]);
    let told = &gap.findings[0].message;
    assert!(told.contains("5 days: 2026-11-01, 2026-11-03 to 2026-11-05, 2026-11-21."), "{told}");
    assert_eq!(gap.days[2].coverage, Coverage::None);
    // With nothing before, counting began on the second day, and the first is none that is missed.
    let began = report(period, &days, at);
    assert_eq!(words(&began), ["days_without_data", "counting_began"]);
    assert!(began.findings[0].message.contains("4 days: 2026-11-03"));
    assert_eq!(words(&report(period, &[], at)), ["no_data"]);
}

#[test]
fn hours_without_a_sidecar_are_told_and_those_that_are_not_over_are_not() {
    let period = Period::parse("2026-11-20", "2026-11-21").unwrap();
    let mut broken = good_day("2026-11-20").counts;
    let mut rest = Counts::default();
    for (key, number) in broken.iter().filter(|(key, _)| !matches!(key, CountKey::CountingInHour(2..=4))) {
        rest.add(key.clone(), number);
    }
    broken = rest;
    let mut today = Counts::default();
    (0..14).for_each(|hour| today.add(CountKey::CountingInHour(hour), 60));
    let days = [
        good_day("2026-11-18"),
        DayCounts { day: day("2026-11-20"), counts: broken },
        DayCounts { day: day("2026-11-21"), counts: today },
    ];
    let at = |hour: u64| day("2026-11-21").start().plus(seconds(hour * 3_600 + 1));
    let report = |at| Report::new(Question { period, purpose: None }, &days, at);
    assert_eq!(report(at(15)).days[0].coverage, Coverage::Without(vec![2, 3, 4]));
    assert_eq!(report(at(15)).days[1].coverage, Coverage::Whole);
    assert_eq!(report(at(16)).days[1].coverage, Coverage::Without(vec![14]));
    assert_eq!(words(&report(at(15))), ["hours_without_data"]);
    assert!(report(at(15)).findings[0].message.contains("2026-11-20 (3 h)"));
    assert!(!report(at(15)).is_complete());
}

#[test]
fn hours_before_counting_began_are_not_missed_and_later_ones_are() {
    let period = Period::parse("2026-11-20", "2026-11-21").unwrap();
    let from_hour = |text: &str, first: u8| {
        let mut counts = Counts::default();
        (first..24).for_each(|hour| counts.add(CountKey::CountingInHour(hour), 60));
        DayCounts { day: day(text), counts }
    };
    let at = day("2026-11-22").start();
    let began = report(period, &[from_hour("2026-11-20", 9), from_hour("2026-11-21", 0)], at);
    assert_eq!(words(&began), Vec::<&str>::new());
    assert!(!began.has_problems());
    let missed = report(period, &[from_hour("2026-11-20", 9), from_hour("2026-11-21", 2)], at);
    assert_eq!(words(&missed), ["hours_without_data"]);
    assert!(missed.findings[0].message.contains("2026-11-21 (2 h)."), "{}", missed.findings[0].message);
    assert!(missed.has_problems());
}

#[test]
fn a_day_whose_counts_tell_no_hours_is_not_said_to_miss_any() {
    let today = day("2026-11-22");
    let of = |numbers: &[(CountKey, u64)]| Coverage::of(today, &counts(numbers), today.end());
    let without_hours = of(&[(CountKey::IssuedInHour(9), 1)]);
    let with_hours = of(&[(CountKey::CountingInHour(9), 60)]);
    let nothing = Coverage::of(today, &Counts::default(), today.end());
    let words = [&without_hours, &with_hours, &nothing].map(Coverage::as_str);
    assert_eq!(words, ["whole", "partial", "none"]);
}

#[test]
fn more_than_five_gaps_are_counted_and_nothing_is_listed_that_did_not_happen() {
    let period = Period::month("2026-11").unwrap();
    let known = |day: &Day| !(day.to_string().ends_with(['3', '6', '9']));
    let days: Vec<DayCounts> = period.days().filter(known).map(|day| good_day(&day.to_string())).collect();
    let message = &report(period, &days, day("2026-12-01").start()).findings[0].message;
    assert!(message.starts_with("Nothing is known of 9 days: 2026-11-03,"), "{message}");
    assert!(message.ends_with("2026-11-16 and 4 more."), "{message}");
    let none = counted("2026-11-20", &[(CountKey::Failed(None, Reason::NotFound), 0)]);
    let period = Period::parse("2026-11-20", "2026-11-20").unwrap();
    assert_eq!(report(period, &[none], day("2026-12-01").start()).summary.reasons, []);
}

#[test]
fn days_that_are_to_come_are_none_without_data() {
    let period = Period::month("2026-11").unwrap();
    let days = ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"].map(good_day);
    let report = report(period, &days, day("2026-11-02").end().minus(seconds(1)));
    assert_eq!(report.days.len(), 2);
    // Only what has begun is compared.
    assert_eq!(report.before, Period::parse("2026-10-30", "2026-10-31").unwrap());
    assert_eq!(words(&report), Vec::<&str>::new());
}

#[test]
fn a_day_that_has_just_begun_is_none_without_data() {
    let day = day("2026-11-22");
    let at = |minutes: u64| day.start().plus(seconds(minutes * 60));
    let coverage = |minutes| Coverage::of(day, &Counts::default(), at(minutes));
    assert_eq!(
        [coverage(0), coverage(119), coverage(120)],
        [Coverage::Whole, Coverage::Whole, Coverage::None]
    );
}

#[test]
fn what_is_much_different_from_the_period_before_is_told() {
    let change = |before: &[(CountKey, u64)], now: &[(CountKey, u64)]| {
        let days = [counted("2026-11-19", before), counted("2026-11-20", now)];
        let period = Period::parse("2026-11-20", "2026-11-20").unwrap();
        words(&report(period, &days, day("2026-11-21").start()))
    };
    let codes = |issued, verified| {
        vec![(CountKey::Issued(funding()), issued), (CountKey::Verified(funding()), verified)]
    };
    assert_eq!(change(&codes(100, 98), &codes(100, 93)), Vec::<&str>::new());
    assert_eq!(change(&codes(100, 98), &codes(100, 92)), ["success_rate_fell"]);
    // Of a few codes a rate says little.
    assert_eq!(change(&codes(19, 19), &codes(20, 18)), Vec::<&str>::new());
    assert_eq!(change(&codes(20, 20), &codes(19, 17)), ["low_success_rate"]);
    assert_eq!(change(&codes(100, 100), &codes(200, 200)), Vec::<&str>::new());
    assert_eq!(change(&codes(100, 100), &codes(201, 201)), ["codes_changed"]);
    assert_eq!(change(&codes(100, 100), &codes(49, 49)), ["codes_changed"]);
    let hits = |number| [(CountKey::LimitHit(LimitName::parse("verify").unwrap()), number)];
    assert_eq!(change(&hits(10), &hits(20)), Vec::<&str>::new());
    assert_eq!(change(&hits(10), &hits(21)), ["limit_hits_grew"]);
    assert_eq!(change(&hits(0), &hits(19)), Vec::<&str>::new());
}
