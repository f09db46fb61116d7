use super::world::*;
use crate::policy::limit::{before, needs_caller};

#[test]
fn a_route_needs_a_caller_when_some_limit_counts_by_subject() {
    let snapshot = snapshot();
    assert!(!needs_caller(route(&snapshot, "balance")));
    assert!(needs_caller(route(&snapshot, "add-card")));
}

#[test]
fn a_route_that_only_limits_asks_for_no_standing_and_for_each_of_its_limits() {
    let snapshot = snapshot();
    let route = route(&snapshot, "add-card");
    let known = before(route, Some(&caller(&[])), client());
    assert!(known.standpoint.is_none());
    assert_eq!(
        owners(&known.takes),
        [("of-address", "c=192.0.2.7".to_owned()), ("of-caller", "s=u1".to_owned())]
    );
}
