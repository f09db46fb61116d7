use std::time::Duration;

use super::counts::{
    AddOutcome, BATCHES_REMEMBERED_FOR, CountBatch, CountBook, CountKey, Counts, MAILED_WITHIN, MOST_KEYS,
    VERIFIED_WITHIN, Word,
};
use super::day::Day;
use super::inventory::Kind;
use super::page::{Cursor, LARGEST_PAGE, PageRequest};
use super::trail::{Action, KEPT_RECORDS, Note, Operation, Record, Trail};
use crate::domain::id::{InstanceId, LimitName, Purpose, RouteName};
use crate::domain::lockout::REMEMBERED_FOR;
use crate::domain::reason::Reason;
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

fn purpose() -> Purpose {
    Purpose::parse("wallet_funding").unwrap()
}

fn operation() -> Operation {
    Operation { by: Note::parse("jane").unwrap(), reason: Note::parse("ticket 7").unwrap() }
}

#[test]
fn a_day_is_written_and_read_as_a_date() {
    for (millis, date) in [
        (0, "1970-01-01"),
        (951_782_400_000, "2000-02-29"),
        (1_795_305_600_000, "2026-11-22"),
        (1_795_391_999_999, "2026-11-22"),
        (253_402_300_799_999, "9999-12-31"),
        (u64::MAX, "9999-12-31"),
    ] {
        let day = Day::of(Timestamp::from_millis(millis));
        assert_eq!(day.to_string(), date);
        assert_eq!(Day::parse(date), Ok(day));
    }
    for bad in ["", "2026-11", "2026-02-29", "2026-1-22", "1969-12-31", "2026-11-22T", "26-11-2022", "ä026"]
    {
        assert!(Day::parse(bad).is_err(), "{bad:?} was taken");
    }
}

#[test]
fn every_day_of_a_hundred_years_is_read_back() {
    let mut day = Day::parse("1970-01-01").unwrap();
    for _ in 0..36_525 {
        assert_eq!(Day::parse(&day.to_string()), Ok(day));
        assert_eq!(day.end(), day.next().start());
        assert_eq!(day.next().back(1), day);
        day = day.next();
    }
}

#[test]
fn a_cursor_comes_back_as_it_went() {
    for subject in ["u1", "a:b:c", "ümlaut"] {
        let cursor = Cursor {
            purpose: purpose(),
            part: 15,
            until: Timestamp::from_millis(4_000_000_000_000),
            subject: Subject::parse(subject).unwrap(),
        };
        assert_eq!(Cursor::parse(&cursor.to_text()), Ok(cursor));
    }
    for bad in ["", "0", "zz", "00", "61", "613a313a313a", "ää"] {
        assert!(Cursor::parse(bad).is_err(), "{bad:?} was taken");
    }
}

#[test]
fn a_page_has_from_one_to_a_thousand_entries() {
    for (asked, limit) in [(0, 1), (1, 1), (1_000, 1_000), (u16::MAX, LARGEST_PAGE)] {
        assert_eq!(PageRequest::first(asked).limit(), usize::from(limit));
    }
}

#[test]
fn a_note_is_one_line_with_something_in_it() {
    assert_eq!(Note::parse("  call of 9:15 ").unwrap().as_str(), "call of 9:15");
    assert!(Note::parse(&"a".repeat(256)).is_ok());
    for bad in ["", "  ", "a\nb", &"a".repeat(257)] {
        assert!(Note::parse(bad).is_err(), "{bad:?} was taken");
    }
}

#[test]
fn every_action_and_every_kind_has_a_word_of_its_own() {
    for action in Action::ALL {
        assert_eq!(Action::parse(action.as_str()), Some(action));
    }
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.as_str()), Some(kind));
    }
}

#[test]
fn the_trail_keeps_the_newest_and_none_beyond_400_days() {
    let (mut trail, begin) = (Trail::default(), Timestamp::from_millis(1_000));
    for number in 0..KEPT_RECORDS as u64 + 5 {
        let at = Timestamp::from_millis(1_000 + number);
        trail.add(Record::new(at, Action::Sweep, true, &operation()));
    }
    let now = begin.plus(REMEMBERED_FOR);
    let all = trail.newest(usize::MAX, None, begin);
    assert_eq!((all.len(), trail.len()), (KEPT_RECORDS, KEPT_RECORDS));
    assert!(all.is_sorted_by(|newer, older| newer.at > older.at));
    let later = now.plus(Duration::from_millis(5));
    assert_eq!(trail.newest(usize::MAX, None, later).len(), KEPT_RECORDS - 1);
    trail.sweep(later);
    assert_eq!(trail.len(), KEPT_RECORDS - 1);
    assert_eq!(trail.newest(3, None, later).len(), 3);
}

#[test]
fn what_changed_nothing_pushes_nothing_out_that_did() {
    let mut trail = Trail::default();
    let mut add = |number: u64, changed: bool| {
        let at = Timestamp::from_millis(1_000 + number);
        trail.add(Record::new(at, Action::Sweep, changed, &operation()));
        let kept = trail.newest(usize::MAX, None, at);
        (
            kept.len(),
            kept.iter().filter(|record| record.changed).count(),
            kept.last().map(|last| last.changed),
        )
    };
    let kept = KEPT_RECORDS as u64;
    add(0, true);
    add(1, false);
    add(2, true);
    for number in 3..2 * kept {
        add(number, false);
    }
    assert_eq!(add(2 * kept, false), (KEPT_RECORDS, 2, Some(true)));
    for number in 1..kept - 1 {
        add(2 * kept + number, true);
    }
    assert_eq!(add(4 * kept, false), (KEPT_RECORDS, KEPT_RECORDS, Some(true)), "there is no room for it");
    assert_eq!(add(4 * kept + 1, true), (KEPT_RECORDS, KEPT_RECORDS, Some(true)));
}

#[test]
fn what_is_too_old_goes_before_anything_else() {
    let (mut trail, begin) = (Trail::default(), Timestamp::from_millis(1_000));
    for _ in 0..KEPT_RECORDS {
        trail.add(Record::new(begin, Action::Sweep, true, &operation()));
    }
    let later = begin.plus(REMEMBERED_FOR);
    trail.add(Record::new(later, Action::Sweep, false, &operation()));
    assert_eq!((trail.len(), trail.newest(usize::MAX, None, later).len()), (1, 1));
}

#[test]
fn the_trail_tells_what_was_done_to_one_person() {
    let (mut trail, at) = (Trail::default(), Timestamp::from_millis(1_000));
    assert!(trail.is_empty());
    let who = |name: &str| Some(Subject::parse(name).unwrap());
    for name in ["u1", "u2", "u1"] {
        trail.add(Record { subject: who(name), ..Record::new(at, Action::Clear, true, &operation()) });
    }
    trail.add(Record::new(at, Action::Sweep, true, &operation()));
    assert!(!trail.is_empty());
    let of = |name: &str| trail.newest(usize::MAX, who(name).as_ref(), at).len();
    assert_eq!((of("u1"), of("u2"), of("u3"), trail.newest(usize::MAX, None, at).len()), (2, 1, 0, 4));
}

fn every_key() -> Vec<CountKey> {
    let (route, limit) = (RouteName::parse("verify").unwrap(), LimitName::parse("send-hour").unwrap());
    let mut keys = vec![
        CountKey::Issued(purpose()),
        CountKey::IssuedInHour(23),
        CountKey::Compared(purpose()),
        CountKey::Verified(purpose()),
        CountKey::VerifiedMillis(purpose()),
        CountKey::Failed(None, Reason::NotFound),
        CountKey::Locked(purpose()),
        CountKey::LimitHit(limit),
        CountKey::MailAccepted,
        CountKey::MailMillis,
        CountKey::MailFailed(Word::of("timeout")),
        CountKey::MailGivenUp(Word::of("rejected_recipient")),
        CountKey::ErrorInHour(0, Word::of("store")),
        CountKey::CountingInHour(23),
        CountKey::LeftOut,
    ];
    keys.extend(Reason::ALL.iter().map(|reason| CountKey::Failed(Some(purpose()), *reason)));
    keys.extend(Reason::ALL.iter().map(|reason| CountKey::Decided(route.clone(), *reason)));
    keys.extend((0..=VERIFIED_WITHIN.len() as u8).map(|place| CountKey::VerifiedWithin(purpose(), place)));
    keys.extend((0..=MAILED_WITHIN.len() as u8).map(CountKey::MailWithin));
    keys
}

#[test]
fn every_key_of_a_count_is_read_back_and_no_two_are_spelt_alike() {
    let spelt: std::collections::BTreeSet<_> = every_key().iter().map(CountKey::encode).collect();
    assert_eq!(spelt.len(), every_key().len());
    for key in every_key() {
        assert_eq!(CountKey::parse(&key.encode()), Some(key));
    }
    for unknown in [
        "",
        "issued",
        "issued:A",
        "issued:a:b",
        "issued-in-hour:24",
        "counting-in-hour:x",
        "failed:a:b",
        "left-out:a",
    ] {
        assert_eq!(CountKey::parse(unknown), None, "{unknown:?} was taken");
    }
}

#[test]
fn a_word_that_is_none_never_gets_into_a_key() {
    assert_eq!(CountKey::MailFailed(Word::of("jane@example.com")).encode(), "mail-failed:other");
}

#[test]
fn a_time_belongs_to_the_first_bound_that_is_not_less() {
    let within = |millis| CountKey::mail_within(Duration::from_millis(millis));
    assert_eq!([within(0), within(100), within(101)], [0, 0, 1].map(CountKey::MailWithin));
    assert_eq!([within(300_000), within(300_001)], [11, 12].map(CountKey::MailWithin));
}

fn batch(sequence: u64, day: Day, number: u64) -> CountBatch {
    let mut counts = Counts::default();
    counts.add(CountKey::MailAccepted, number);
    CountBatch { instance: InstanceId::parse(&"a".repeat(32)).unwrap(), sequence, day, counts }
}

#[test]
fn a_batch_is_added_once_and_only_to_days_that_are_known() {
    let (mut book, now) = (CountBook::default(), Day::parse("2026-11-22").unwrap().start());
    let today = Day::of(now);
    for (sequence, day, outcome) in [
        (1, today, AddOutcome::Added),
        (1, today, AddOutcome::Repeated),
        (3, today.next(), AddOutcome::Added),
        (2, today, AddOutcome::Repeated),
        (4, today.next().next(), AddOutcome::OutOfRange),
        (4, today.back(400), AddOutcome::Added),
        (5, today.back(401), AddOutcome::OutOfRange),
    ] {
        assert_eq!(book.add(&batch(sequence, day, 7), now), outcome, "{sequence} on {day}");
    }
    let days = book.read(today.back(9_999), today.next().next(), now);
    assert_eq!(days.len(), 403);
    let counted: Vec<_> = days.iter().filter(|day| !day.counts.is_empty()).map(|day| day.day).collect();
    assert_eq!(counted, [today.back(400), today, today.next()]);
    assert!(days.iter().all(|day| day.counts.sum() <= 7));
    assert_eq!(book.read(today.next(), today, now), []);
}

#[test]
fn a_batch_is_known_for_a_week_and_a_day_for_as_long_as_failures() {
    let (mut book, now) = (CountBook::default(), Day::parse("2026-11-22").unwrap().start());
    let (today, tick) = (Day::of(now), Duration::from_millis(1));
    assert!(book.is_empty());
    book.add(&batch(1, today, 7), now);
    let end = now.plus(BATCHES_REMEMBERED_FOR);
    assert_eq!(book.clone().add(&batch(1, today, 7), end.minus(tick)), AddOutcome::Repeated);
    assert_eq!(book.clone().add(&batch(1, today, 7), end), AddOutcome::Added);
    let left = |at: Timestamp| {
        let mut book = book.clone();
        book.sweep(at);
        (book.batches(), book.len())
    };
    assert_eq!([left(end.minus(tick)), left(end)], [(1, 1), (0, 1)]);
    let old = today.end().plus(REMEMBERED_FOR);
    assert_eq!([left(old.minus(tick)), left(old)], [(0, 1), (0, 0)]);
    assert!(!book.is_empty());
}

#[test]
fn counts_are_taken_out_a_part_at_a_time_and_nothing_is_lost() {
    let key = |number: u8| CountKey::IssuedInHour(number);
    let mut counts: Counts = [(key(1), 2), (key(2), 3), (key(1), 4), (key(3), 5)].into_iter().collect();
    assert_eq!((counts.len(), counts.sum(), counts.get(&key(1))), (3, 14, 6));
    let first = counts.take(2);
    assert_eq!((first.len(), first.sum(), counts.len(), counts.sum()), (2, 9, 1, 5));
    let last = counts.take(2);
    assert_eq!((last.get(&key(3)), counts.is_empty()), (5, true));
}

#[test]
fn a_day_has_a_bound_and_what_goes_beyond_is_counted_as_left_out() {
    let mut counts = Counts::default();
    for number in 0..MOST_KEYS + 10 {
        counts.add(CountKey::Issued(Purpose::parse(&format!("p{number}")).unwrap()), 2);
    }
    assert_eq!(counts.len(), MOST_KEYS + 1);
    assert_eq!(counts.get(&CountKey::LeftOut), 20);
    counts.add(CountKey::Issued(Purpose::parse("p0").unwrap()), 1);
    assert_eq!(counts.get(&CountKey::Issued(Purpose::parse("p0").unwrap())), 3);
}
