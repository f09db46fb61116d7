//! What follows from how an attempt went. Pure: the time and the randomness are passed in.

use std::time::Duration;

use crate::delivery::channel::{DeliveryError, FailureKind};
use crate::domain::time::Timestamp;
use crate::store::contract::Ack;

/// The wait after the first failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What happens to a message after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is with the relay.
    Delivered,
    /// It is tried again then.
    RetryAt(Timestamp),
    /// It was refused for good.
    Refused,
    /// By the time of the next attempt it would be worth nothing.
    TooLate,
}

impl Verdict {
    /// What the outbox is told.
    pub fn ack(self) -> Ack {
        match self {
            Self::RetryAt(at) => Ack::RetryAt(at),
            Self::Delivered | Self::Refused | Self::TooLate => Ack::Done,
        }
    }
}

/// Decides after an attempt. `attempt` counts the attempts before this one; `dice` is any random
/// number and spreads the retries of messages that failed together.
pub fn judge(
    result: Result<(), &DeliveryError>,
    attempt: u32,
    now: Timestamp,
    worthless_at: Timestamp,
    dice: u16,
) -> Verdict {
    let Err(error) = result else { return Verdict::Delivered };
    if error.kind == FailureKind::Permanent {
        return Verdict::Refused;
    }
    let at = now.plus(wait(attempt, dice));
    if at < worthless_at { Verdict::RetryAt(at) } else { Verdict::TooLate }
}

/// 1 s, 2 s, 4 s and so on up to 30 s, of which the last quarter is left to the dice.
fn wait(attempt: u32, dice: u16) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt));
    let longest = doubled.min(LONGEST_WAIT);
    longest - longest / 4 * u32::from(dice) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::channel::FailureReason;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);
    const FAR: Timestamp = Timestamp::from_millis(u64::MAX);

    fn busy() -> DeliveryError {
        DeliveryError::transient(FailureReason::Busy, "")
    }

    fn wait_after(attempt: u32, dice: u16) -> Duration {
        match judge(Err(&busy()), attempt, NOW, FAR, dice) {
            Verdict::RetryAt(at) => at.since(NOW),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let waits: Vec<_> = (0..8).map(|attempt| wait_after(attempt, 0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(wait_after(u32::MAX, 0), LONGEST_WAIT);
    }

    #[test]
    fn the_dice_shorten_a_wait_by_at_most_a_quarter() {
        assert_eq!(wait_after(2, u16::MAX), Duration::from_secs(3));
        assert_eq!(wait_after(7, u16::MAX), Duration::from_millis(22_500));
        assert!(wait_after(2, 1) < wait_after(2, 0));
    }

    #[test]
    fn a_failure_of_the_connection_is_retried_and_a_refusal_for_good_is_not() {
        let connection = DeliveryError::connection(FailureReason::Auth, "");
        let permanent = DeliveryError::permanent(FailureReason::RejectedRecipient, "");
        let verdict = |error: &DeliveryError| judge(Err(error), 0, NOW, FAR, 0);
        assert_eq!(verdict(&connection), Verdict::RetryAt(NOW.plus(FIRST_WAIT)));
        assert_eq!(verdict(&permanent), Verdict::Refused);
        assert_eq!(verdict(&permanent).ack(), Ack::Done);
    }

    #[test]
    fn a_message_that_would_leave_too_late_is_given_up() {
        let judged = |worthless_at| judge(Err(&busy()), 0, NOW, worthless_at, 0);
        let next = NOW.plus(FIRST_WAIT);
        assert_eq!(judged(next), Verdict::TooLate);
        assert_eq!(judged(next.plus(Duration::from_millis(1))), Verdict::RetryAt(next));
        assert_eq!(judge(Ok(()), 0, NOW, Timestamp::default(), 0), Verdict::Delivered);
    }
}
