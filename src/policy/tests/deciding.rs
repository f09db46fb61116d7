use std::time::Duration;

use super::world::*;
use crate::domain::admit::Refusal;
use crate::domain::id::LimitName;
use crate::domain::lockout::Lock;
use crate::domain::reason::Reason;
use crate::domain::window::Limited;
use crate::policy::decision::{Denial, NotFound};

fn locked(lock: Lock, set_now: bool) -> Denial {
    Denial::Locked { lock, at: NOW, set_now }
}

fn limited() -> Denial {
    let limit = LimitName::parse("verify").unwrap();
    Denial::refused(Refusal::Limited(Limited { limit, max: 10, retry_at: later(90) }), NOW)
}

#[test]
fn a_full_limit_is_named_with_what_it_allows_and_when_it_opens() {
    let limit = LimitName::parse("verify").unwrap();
    assert_eq!(limited(), Denial::RateLimited { limit, max: 10, retry_at: later(90), at: NOW });
}

#[test]
fn the_wrong_code_that_locks_is_counted_as_a_wrong_code_and_a_standing_lock_as_a_lock() {
    let until = Lock::Until(later(900));
    for (denial, reason) in [
        (Denial::CodeInvalid { left: 1 }, Reason::Invalid),
        (locked(until, true), Reason::Invalid),
        (locked(Lock::Disabled, true), Reason::Invalid),
        (locked(until, false), Reason::Locked),
        (locked(Lock::Disabled, false), Reason::Disabled),
        (Denial::CodeNotFound(NotFound::Unknown), Reason::NotFound),
        (Denial::CodeNotFound(NotFound::Superseded), Reason::Superseded),
        (Denial::CodeNotFound(NotFound::UnknownKey), Reason::UnknownKey),
        (limited(), Reason::RateLimited),
    ] {
        assert_eq!(denial.reason(), reason, "{denial:?}");
    }
}

#[test]
fn a_wait_is_told_where_waiting_helps() {
    for (denial, seconds) in [
        (locked(Lock::Until(later(900)), false), Some(900)),
        (locked(Lock::Until(later(900)), true), Some(900)),
        (limited(), Some(90)),
        (Denial::StateUnavailable, Some(1)),
        (Denial::Overloaded, Some(1)),
        (Denial::IdentityUnavailable, Some(1)),
        (locked(Lock::Disabled, false), None),
        (Denial::CodeExpired, None),
        (Denial::Unauthorized, None),
    ] {
        assert_eq!(denial.wait(), seconds.map(Duration::from_secs), "{denial:?}");
    }
}
