//! What reports will tell, collected in this process until it is written to the store.
//!
//! Noting an event is a few additions in a map. Nobody's name gets in: keys are names of the policy. It must not know
//! the store: somebody else takes what was collected.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::event::Event;
use super::label::outcome;
use crate::domain::ledger::counts::{CountKey, Counts, Word};
use crate::domain::ledger::day::Day;
use crate::domain::reason::Reason;
use crate::domain::time::{Clock, Timestamp, millis};

/// Counts by day, in UTC and by the store's clock as far as that is known.
pub struct DayCounter {
    clock: Arc<dyn Clock>,
    /// How far the store's clock is ahead of the one here, in milliseconds.
    ahead: AtomicI64,
    days: Mutex<BTreeMap<Day, Counts>>,
}

impl DayCounter {
    /// Nothing counted yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, ahead: AtomicI64::new(0), days: Mutex::default() }
    }

    /// Counts what happened.
    pub fn note(&self, event: &Event<'_>) {
        let now = self.now();
        let mut days = self.lock();
        let counts = days.entry(Day::of(now)).or_default();
        each(event, now, |key, number| counts.add(key, number));
    }

    /// Notes that somebody counts in this minute, also if there is nothing to count.
    pub fn beat(&self) {
        let now = self.now();
        self.lock().entry(Day::of(now)).or_default().add(CountKey::CountingInHour(hour(now)), 1);
    }

    /// Takes the earliest of what was counted out: at most so many different keys of one day. `None` if there
    /// is nothing.
    pub fn take(&self, most: usize) -> Option<(Day, Counts)> {
        let mut days = self.lock();
        days.retain(|_, counts| !counts.is_empty());
        let mut earliest = days.first_entry()?;
        Some((*earliest.key(), earliest.get_mut().take(most)))
    }

    /// Notes what time it is for the store, now.
    pub fn learn(&self, store: Timestamp) {
        let difference = i128::from(store.as_millis()) - i128::from(self.clock.now().as_millis());
        self.ahead.store(i64::try_from(difference).unwrap_or(0), Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_millis(ahead.unsigned_abs());
        let here = self.clock.now();
        if ahead < 0 { here.minus(by) } else { here.plus(by) }
    }

    /// A panic elsewhere cannot leave a map half changed.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Day, Counts>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one event adds.
fn each(event: &Event<'_>, now: Timestamp, mut add: impl FnMut(CountKey, u64)) {
    match event {
        Event::Decided { actor, reason } => {
            add(CountKey::Decided(actor.route.clone(), *reason), 1);
            if matches!(outcome(*reason), "failed" | "incomplete") {
                add(CountKey::ErrorInHour(hour(now), Word::of(reason.as_str())), 1);
            }
        }
        Event::CodeIssued { purpose, .. } => {
            add(CountKey::Issued((*purpose).clone()), 1);
            add(CountKey::IssuedInHour(hour(now)), 1);
        }
        Event::CodeMatched { purpose } => add(CountKey::Compared((*purpose).clone()), 1),
        Event::CodeAccepted { purpose, age, .. } => {
            add(CountKey::Verified((*purpose).clone()), 1);
            add(CountKey::VerifiedMillis((*purpose).clone()), millis(*age));
            add(CountKey::verified_within(purpose, *age), 1);
        }
        Event::VerifyFailed { purpose, reason, .. } => {
            if let Some(purpose) = purpose.filter(|_| *reason == Reason::Invalid) {
                add(CountKey::Compared(purpose.clone()), 1);
            }
            add(CountKey::Failed(purpose.cloned(), *reason), 1);
        }
        Event::Locked { purpose, .. } => add(CountKey::Locked((*purpose).clone()), 1),
        Event::LimitHit { limit, .. } => add(CountKey::LimitHit((*limit).clone()), 1),
        Event::Delivery { failure: None, after, .. } => {
            add(CountKey::MailAccepted, 1);
            add(CountKey::MailMillis, millis(*after));
            add(CountKey::mail_within(*after), 1);
        }
        Event::Delivery { failure: Some((reason, _)), given_up, .. } => {
            add(CountKey::MailFailed(Word::of(reason)), 1);
            if *given_up {
                add(CountKey::MailGivenUp(Word::of(reason)), 1);
                add(CountKey::ErrorInHour(hour(now), Word::of("mail_given_up")), 1);
            }
        }
        Event::Reload { error: Some(_), .. } => {
            add(CountKey::ErrorInHour(hour(now), Word::of("policy_rejected")), 1);
        }
        Event::CodeNotIssued { .. }
        | Event::Operated { .. }
        | Event::Unsettled { .. }
        | Event::Ruled { .. }
        | Event::Failed { .. }
        | Event::Settled { .. }
        | Event::AdminRefused { .. }
        | Event::Reload { .. } => {}
    }
}

fn hour(at: Timestamp) -> u8 {
    u8::try_from(at.to_civil().hour).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{PolicyHash, Purpose, RequestId};
    use crate::domain::outbox::MessageKind;
    use crate::domain::time::ManualClock;

    fn purpose() -> Purpose {
        Purpose::parse("wallet_funding").unwrap()
    }

    fn counter(date: &str) -> (DayCounter, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Day::parse(date).unwrap().start()));
        (DayCounter::new(clock.clone()), clock)
    }

    fn delivery<'a>(
        request: &'a RequestId,
        purpose: &'a Purpose,
        failure: Option<(&'static str, &'a str)>,
        given_up: bool,
    ) -> Event<'a> {
        let after = Duration::from_millis(700);
        let (place, kind) = (None, MessageKind::Code);
        Event::Delivery { request, place, purpose, kind, failure, attempt: 1, after, given_up }
    }

    #[test]
    fn a_message_is_counted_by_what_became_of_it_and_by_how_long_it_took() {
        let (counter, _) = counter("2026-11-22");
        let (request, purpose) = (RequestId::parse(&"0".repeat(32)).unwrap(), purpose());
        counter.note(&delivery(&request, &purpose, Some(("timeout", "after DATA")), false));
        counter.note(&delivery(&request, &purpose, Some(("busy", "451 jane@example.com")), true));
        counter.note(&delivery(&request, &purpose, None, false));
        let (day, counts) = counter.take(100).unwrap();
        assert_eq!(day.to_string(), "2026-11-22");
        let told: Vec<_> = counts.iter().map(|(key, number)| format!("{} {number}", key.encode())).collect();
        let expected = [
            "mail-accepted 1",
            "mail-millis 700",
            "mail-within:1000 1",
            "mail-failed:busy 1",
            "mail-failed:timeout 1",
            "mail-given-up:busy 1",
            "error-in-hour:0:mail_given_up 1",
        ];
        assert_eq!(told, expected);
        assert_eq!(counter.take(100), None);
    }

    #[test]
    fn a_wrong_code_was_compared_and_a_late_one_was_not() {
        let (counter, _) = counter("2026-11-22");
        counter.note(&Event::CodeMatched { purpose: &purpose() });
        counter.note(&Event::CodeMatched { purpose: &purpose() });
        let (_, counts) = counter.take(100).unwrap();
        assert_eq!(counts.get(&CountKey::Compared(purpose())), 2);
    }

    #[test]
    fn a_quiet_minute_is_counted_in_its_hour() {
        let (counter, clock) = counter("2026-11-22");
        clock.advance(Duration::from_secs(9 * 3_600 + 59 * 60));
        counter.beat();
        clock.advance(Duration::from_secs(60));
        counter.beat();
        let (_, counts) = counter.take(100).unwrap();
        assert_eq!([9, 10, 11].map(|hour| counts.get(&CountKey::CountingInHour(hour))), [1, 1, 0]);
    }

    #[test]
    fn a_rejected_policy_is_an_error_of_its_hour() {
        let (counter, clock) = counter("2026-11-22");
        let (hash, at) = (PolicyHash::from_hex("0123456789abcdef"), clock.now());
        counter.note(&Event::Reload { hash: &hash, routes: 1, error: None, at });
        assert_eq!(counter.take(100), None);
        counter.note(&Event::Reload { hash: &hash, routes: 1, error: Some("line 7"), at });
        let (_, counts) = counter.take(100).unwrap();
        assert_eq!(counts.get(&CountKey::ErrorInHour(0, Word::of("policy_rejected"))), 1);
    }

    #[test]
    fn days_are_taken_one_after_the_other_and_a_few_keys_at_a_time() {
        let (counter, clock) = counter("2026-11-22");
        let (request, purpose) = (RequestId::parse(&"0".repeat(32)).unwrap(), purpose());
        counter.note(&delivery(&request, &purpose, None, false));
        clock.advance(Day::LENGTH);
        counter.note(&delivery(&request, &purpose, None, false));
        let mut taken = Vec::new();
        while let Some((day, counts)) = counter.take(2) {
            taken.push((day.to_string(), counts.len()));
        }
        let expected = [("2026-11-22", 2), ("2026-11-22", 1), ("2026-11-23", 2), ("2026-11-23", 1)];
        assert_eq!(taken, expected.map(|(day, keys)| (day.to_owned(), keys)));
    }

    #[test]
    fn the_day_is_the_one_of_the_stores_clock() {
        let (counter, clock) = counter("2026-11-22");
        for (difference, day) in [(-1, "2026-11-21"), (1, "2026-11-22"), (86_400_000, "2026-11-23")] {
            let here = i64::try_from(clock.now().as_millis()).unwrap();
            counter.learn(Timestamp::from_millis(u64::try_from(here + difference).unwrap()));
            counter.note(&Event::CodeMatched { purpose: &purpose() });
            assert_eq!(counter.take(100).unwrap().0.to_string(), day);
        }
    }
}
