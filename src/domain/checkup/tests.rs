use super::*;

fn words(seen: Observed) -> Vec<&'static str> {
    findings(&seen).iter().map(|finding| finding.word).collect()
}

#[test]
fn a_deployment_of_which_nothing_bad_is_known_has_no_findings() {
    assert!(words(Observed::default()).is_empty());
    let fine = Observed {
        store_latency: Some(SLOW_STORE),
        evicted: Some(0),
        memory: Some((90, 100)),
        pending: Some(MOST_PENDING),
        locked: Some(MOST_LOCKED),
        email: Some(Email::Up),
        oldest_message: Some(LATE_MAIL),
        ..Observed::default()
    };
    assert!(words(fine).is_empty());
}

#[test]
fn each_threshold_is_told_beyond_it() {
    let slightly = Duration::from_millis(1);
    for (seen, word) in [
        (Observed { store_latency: Some(SLOW_STORE + slightly), ..Observed::default() }, "state_slow"),
        (Observed { evicted: Some(1), ..Observed::default() }, "state_evicted"),
        (Observed { memory: Some((91, 100)), ..Observed::default() }, "state_nearly_full"),
        (Observed { pending: Some(MOST_PENDING + 1), ..Observed::default() }, "many_pending"),
        (Observed { locked: Some(MOST_LOCKED + 1), ..Observed::default() }, "many_locked"),
        (Observed { oldest_message: Some(LATE_MAIL + slightly), ..Observed::default() }, "mail_waiting"),
        (Observed { email: Some(Email::Down("auth".to_owned())), ..Observed::default() }, "email_down"),
        (Observed { email: Some(Email::NoRelay), ..Observed::default() }, "no_relay"),
        (Observed { store_down: Some("deadline".to_owned()), ..Observed::default() }, "state_down"),
        (Observed { fails_to_persist: true, ..Observed::default() }, "state_not_persisted"),
        (Observed { rejected_policy: Some("a.yaml:1".to_owned()), ..Observed::default() }, "policy_rejected"),
        (Observed { nobody_counts: true, ..Observed::default() }, "nobody_counts"),
        (Observed { errors: vec![("internal".to_owned(), 1)], ..Observed::default() }, "errors"),
    ] {
        let found = findings(&seen);
        assert_eq!(found.iter().map(|finding| finding.word).collect::<Vec<_>>(), [word]);
        assert!(found.iter().all(|finding| finding.is_problem() && finding.runbook.is_some()), "{word}");
    }
}

#[test]
fn what_needs_no_doing_is_a_remark_and_comes_last() {
    let seen = Observed {
        forgets: true,
        without_expiry: 2,
        unknown_keys: 1,
        draining: true,
        email: Some(Email::NotTried),
        locked: Some(101),
        ..Observed::default()
    };
    let found = findings(&seen);
    assert_eq!(found.first().map(|finding| finding.word), Some("many_locked"));
    assert_eq!(found.iter().filter(|finding| finding.is_problem()).count(), 1);
    assert_eq!(found.len(), 6);
}

#[test]
fn a_warning_becomes_a_sentence() {
    assert_eq!(sentence("maxmemory-policy is allkeys-lru"), "Maxmemory-policy is allkeys-lru.");
    assert_eq!([sentence(""), sentence("Done.")], [".", "Done."]);
}

#[test]
fn errors_come_with_the_page_that_helps() {
    for (word, page) in [
        ("state_unavailable", "OTPStoreErrors"),
        ("overloaded", "OTPStoreErrors"),
        ("upstream_timeout", "OTPUpstreamErrors"),
        ("outcome_unknown", "OTPUpstreamErrors"),
        ("no_reference", "OTPCodesNotIssued"),
        ("outbox_full", "OTPCodesNotIssued"),
        ("mail_given_up", "OTPEmailDeliveryFailing"),
        ("policy_rejected", "OTPPolicyReloadFailed"),
        ("internal", "OTPVerificationBudgetBurnFast"),
    ] {
        let seen = Observed { errors: vec![(word.to_owned(), 2)], ..Observed::default() };
        let found = findings(&seen).remove(0);
        assert_eq!((found.runbook, found.message), (Some(page), format!("2 errors lately: {word}.")));
        assert!(found.advice.ends_with('.'), "{word}");
    }
}
