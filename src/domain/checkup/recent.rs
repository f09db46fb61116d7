//! What went wrong lately, out of what replicas count by the hour.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::ledger::counts::{CountKey, DayCounts};
use crate::domain::ledger::day::Day;
use crate::domain::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3_600);

/// What went wrong lately, in all replicas that share the state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// Since when: the beginning of the hour before this one, so that it is always more than an hour.
    pub since: Timestamp,
    /// How often, by word, the most frequent first.
    pub errors: Vec<(String, u64)>,
    /// Whether any sidecar wrote counts.
    pub anybody_counts: bool,
}

impl Recent {
    /// Out of the counts of today and yesterday. They are kept by the hour, so this one and the one before are
    /// looked at.
    pub fn of(days: &[DayCounts], at: Timestamp) -> Self {
        let hour = |at: Timestamp| (Day::of(at), at.to_civil().hour);
        let before = at.minus(HOUR);
        let wanted = [hour(before), hour(at)];
        let is_wanted = |day: Day, hour: u8| wanted.contains(&(day, u64::from(hour)));
        let mut errors: BTreeMap<String, u64> = BTreeMap::new();
        let mut anybody_counts = false;
        for (day, key, number) in
            days.iter().flat_map(|day| day.counts.iter().map(move |(key, n)| (day.day, key, n)))
        {
            match key {
                CountKey::ErrorInHour(hour, word) if is_wanted(day, *hour) => {
                    let sum = errors.entry(word.as_str().to_owned()).or_default();
                    *sum = sum.saturating_add(number);
                }
                CountKey::CountingInHour(hour) => anybody_counts |= is_wanted(day, *hour),
                _ => {}
            }
        }
        let mut errors: Vec<_> = errors.into_iter().collect();
        errors.sort_by(|(_, a), (_, b)| b.cmp(a));
        let into_hour = before.as_millis() % (HOUR.as_secs() * 1_000);
        Self { since: before.minus(Duration::from_millis(into_hour)), errors, anybody_counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::counts::{Counts, Word};

    #[test]
    fn the_last_hour_is_this_one_and_the_one_before_also_at_midnight() {
        let day = |text: &str, keys: &[(CountKey, u64)]| {
            let mut counts = Counts::default();
            keys.iter().for_each(|(key, number)| counts.add(key.clone(), *number));
            DayCounts { day: Day::parse(text).unwrap(), counts }
        };
        let error = |hour, word: &str| CountKey::ErrorInHour(hour, Word::of(word));
        let days = [
            day(
                "2026-11-21",
                &[(error(22, "internal"), 9), (error(23, "internal"), 1), (error(0, "internal"), 7)],
            ),
            day(
                "2026-11-22",
                &[(error(0, "overloaded"), 2), (error(0, "internal"), 3), (error(1, "internal"), 9)],
            ),
        ];
        let at = days[1].day.start().plus(Duration::from_secs(90));
        let recent = Recent::of(&days, at);
        assert_eq!(recent.errors, [("internal".to_owned(), 4), ("overloaded".to_owned(), 2)]);
        assert_eq!(recent.since.to_iso8601(), "2026-11-21T23:00:00.000Z");
        assert!(!recent.anybody_counts);
        let counting = [day("2026-11-21", &[(CountKey::CountingInHour(23), 1)])];
        assert!(Recent::of(&counting, at).anybody_counts);
        assert!(!Recent::of(&counting, at.plus(HOUR)).anybody_counts);
    }
}
