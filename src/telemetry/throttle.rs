//! Lines that a flood would repeat: the first is written at once, then at most one every few seconds,
//! which says how many it stands for. Metrics and audit lines have every single one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far apart two lines of one kind are.
pub(super) const APART: Duration = Duration::from_secs(5);

/// What a line is repeated for: its kind, and a name of the policy or of a closed list, so that there
/// are never many.
pub(super) type Topic = (&'static str, String);

struct Seen {
    written: Instant,
    held_back: u64,
}

/// Remembers what was written lately.
#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<Topic, Seen>>);

impl Throttle {
    /// Whether a line is to be written now: then how many happenings it stands for, this one included.
    pub fn admit(&self, kind: &'static str, name: &str, now: Instant) -> Option<u64> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = topics.get_mut(&(kind, name.to_owned())) else {
            topics.insert((kind, name.to_owned()), Seen { written: now, held_back: 0 });
            return Some(1);
        };
        if now.saturating_duration_since(seen.written) < APART {
            seen.held_back += 1;
            return None;
        }
        seen.written = now;
        Some(std::mem::take(&mut seen.held_back) + 1)
    }

    /// What was held back and is due, because nothing has come that could tell it.
    pub fn due(&self, now: Instant) -> Vec<(Topic, u64)> {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = topics
            .iter_mut()
            .filter(|(_, seen)| seen.held_back > 0 && now.saturating_duration_since(seen.written) >= APART);
        overdue
            .map(|(topic, seen)| {
                seen.written = now;
                (topic.clone(), std::mem::take(&mut seen.held_back))
            })
            .collect()
    }

    /// Everything that was held back, before an end.
    pub fn rest(&self, now: Instant) -> Vec<(Topic, u64)> {
        self.due(now + APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_line_now_and_then_and_no_happening_is_left_out() {
        let (throttle, begin) = (Throttle::default(), Instant::now());
        let mut written = Vec::new();
        for tenth in 0..=120 {
            let now = begin + Duration::from_millis(100 * tenth);
            written.extend(throttle.admit("limit", "send", now));
        }
        assert_eq!(written, [1, 50, 50]);
        let after = begin + Duration::from_secs(30);
        assert_eq!(throttle.due(after), [(("limit", "send".to_owned()), 20)]);
        assert_eq!(throttle.due(after), []);
    }

    #[test]
    fn one_limit_does_not_hold_back_another() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        assert_eq!(throttle.admit("limit", "send", now), Some(1));
        assert_eq!(throttle.admit("limit", "send", now), None);
        assert_eq!(throttle.admit("limit", "verify", now), Some(1));
        assert_eq!(throttle.due(now), [], "it is not due yet");
        assert_eq!(throttle.rest(now).len(), 1);
    }
}
