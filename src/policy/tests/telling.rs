use super::world::*;
use crate::domain::admit::Standing;
use crate::domain::binding::Binding;
use crate::domain::challenge::Pending;
use crate::domain::lockout::Lock;
use crate::policy::status::{StatusView, before, view};

#[test]
fn a_status_is_limited_but_a_lock_does_not_refuse_it() {
    let snapshot = snapshot();
    let purpose = purpose(&snapshot, "wallet_funding");
    let command = before(route(&snapshot, "status"), purpose, &facts("", ""));
    assert_eq!(owners(&command.takes), [("of-purpose", "s=u1 p=wallet_funding".to_owned())]);
    let standpoint = command.standpoint.unwrap();
    assert_eq!((standpoint.subject, standpoint.purpose), (subject(), purpose.name.clone()));
    assert!(!standpoint.refuse_locked);
}

#[test]
fn a_status_tells_attempts_lock_expiry_and_whether_a_right_code_would_pass() {
    let snapshot = snapshot();
    let purpose = purpose(&snapshot, "wallet_funding");
    let live = Pending {
        reference: reference("FUND-1"),
        binding: Binding::default(),
        issued_at: NOW,
        expires_at: later(1),
        reserved: false,
    };
    let expired = Pending { expires_at: NOW, ..live.clone() };
    let held = Pending { reserved: true, ..live.clone() };
    let lock = Some(Lock::Until(later(900)));
    for (failures, lock, pending, attempts, is_valid) in [
        (0, None, None, 0, false),
        (2, None, Some(&live), 2, true),
        (1, None, Some(&expired), 1, false),
        (0, None, Some(&held), 0, false),
        (0, lock, Some(&live), 3, false),
        (0, Some(Lock::Disabled), None, 3, false),
    ] {
        let standing = Standing { failures, lock, pending: pending.cloned() };
        let expected = StatusView {
            purpose: purpose.name.clone(),
            attempts,
            max_attempts: 3,
            lock,
            expires_at: pending.map(|pending| pending.expires_at),
            is_valid,
            at: NOW,
        };
        assert_eq!(view(purpose, &standing, NOW), expected, "{standing:?}");
    }
}
