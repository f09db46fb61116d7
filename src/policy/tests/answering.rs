//! Decisions as clients read them (`docs/errors.md`).

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::world::*;
use crate::domain::id::LimitName;
use crate::domain::lockout::Lock;
use crate::policy::decision::{Denial, NotFound};
use crate::policy::snapshot::CorsRules;
use crate::policy::status::StatusView;
use crate::policy::wire::{self, sent_json, status_json};

fn refusal(denial: &Denial) -> (Response<String>, Value) {
    let response = wire::deny(denial, &CorsRules::Off, None, &request());
    let body = serde_json::from_str(response.body()).unwrap();
    (response, body)
}

fn locked(lock: Lock) -> Denial {
    Denial::Locked { lock, at: NOW, set_now: false }
}

fn limited() -> Denial {
    let limit = LimitName::parse("verify").unwrap();
    Denial::RateLimited { limit, max: 10, retry_at: later(90), at: NOW }
}

#[test]
fn a_refusal_has_a_word_for_programs_a_sentence_for_people_and_the_id_of_the_decision() {
    let (response, body) = refusal(&Denial::CodeUsed);
    let expected = json!({
        "success": false,
        "error": "otp_used",
        "message": "OTP verification failed",
        "details": "The code was already used. Request a new one if money has not moved.",
        "decisionId": "7".repeat(32),
    });
    assert_eq!((response.status(), body), (StatusCode::BAD_REQUEST, expected));
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[test]
fn what_was_sent_to_the_wallet_is_not_called_undone() {
    let undone = "Nothing was done. Repeat the request.";
    let unclear = "Check whether the request took effect before repeating it.";
    for (denial, details) in [
        (Denial::UpstreamUnavailable { was_sent: false }, undone),
        (Denial::StateUnavailable, undone),
        (Denial::UpstreamUnavailable { was_sent: true }, unclear),
        (Denial::UpstreamTimeout, unclear),
    ] {
        assert_eq!(refusal(&denial).1["details"], details, "{denial:?}");
    }
}

#[test]
fn details_say_what_to_do_next() {
    for (denial, details) in [
        (Denial::InvalidRequest("no".to_owned()), "no"),
        (Denial::BodyTooLarge(9), "At most 9 bytes."),
        (Denial::CodeInvalid { left: 1 }, "Invalid OTP. 1 attempt remaining."),
        (Denial::CodeInvalid { left: 2 }, "Invalid OTP. 2 attempts remaining."),
        (Denial::CodeNotFound(NotFound::Unknown), "No code was issued for this reference."),
        (limited(), "Try again in 90 seconds."),
        (locked(Lock::Until(later(900))), "Try again in 900 seconds."),
        (locked(Lock::Disabled), "Verification is switched off for this account until support clears it."),
    ] {
        assert_eq!(refusal(&denial).1["details"], details, "{denial:?}");
    }
}

#[test]
fn what_ends_by_itself_says_when_in_the_body() {
    for (denial, extra) in [
        (Denial::CodeInvalid { left: 2 }, json!({ "attemptsRemaining": 2 })),
        (
            locked(Lock::Until(later(900))),
            json!({ "lockedUntil": "2026-01-17T10:15:00.000Z", "retryAfter": 900 }),
        ),
        (locked(Lock::Disabled), json!({ "lockedUntil": null })),
        (limited(), json!({ "retryAfter": 90, "resetTime": "2026-01-17T10:01:30.000Z" })),
        (Denial::StateUnavailable, json!({})),
    ] {
        let (_, mut body) = refusal(&denial);
        let fields = body.as_object_mut().unwrap();
        for common in ["success", "error", "message", "details", "decisionId"] {
            assert!(fields.remove(common).is_some(), "{denial:?} has {common}");
        }
        assert_eq!(body, extra, "{denial:?}");
    }
}

#[test]
fn headers_say_when_to_come_back_and_what_is_missing() {
    let until = locked(Lock::Until(later(900)));
    let methods = Denial::MethodNotAllowed(vec![Method::POST, Method::OPTIONS]);
    for (denial, name, value) in [
        (&limited(), "retry-after", Some("90")),
        (&limited(), "x-ratelimit-limit", Some("10")),
        (&limited(), "x-ratelimit-remaining", Some("0")),
        (&limited(), "x-ratelimit-reset", Some("2026-01-17T10:01:30.000Z")),
        (&until, "retry-after", Some("900")),
        (&until, "x-ratelimit-limit", None),
        (&locked(Lock::Disabled), "retry-after", None),
        (&Denial::Overloaded, "retry-after", Some("1")),
        (&Denial::Unauthorized, "www-authenticate", Some("Bearer")),
        (&methods, "allow", Some("POST, OPTIONS")),
    ] {
        let headers = refusal(denial).0.headers().clone();
        assert_eq!(headers.get(name).map(|value| value.to_str().unwrap()), value, "{name} of {denial:?}");
    }
}

fn cors(rules: &CorsRules, origin: Option<&str>) -> [Option<String>; 3] {
    let origin = origin.map(|origin| HeaderValue::from_str(origin).unwrap());
    let headers: HeaderMap = wire::json(StatusCode::OK, &json!({}), rules, origin.as_ref()).headers().clone();
    let refused = wire::deny(&Denial::CodeUsed, rules, origin.as_ref(), &request());
    let names = ["access-control-allow-origin", "vary", "access-control-expose-headers"];
    names.map(|name| {
        assert_eq!(headers.get(name), refused.headers().get(name), "{name}");
        headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    })
}

#[test]
fn browsers_may_read_answers_and_refusals_where_the_policy_names_their_origin() {
    let exposed = Some("Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset".to_owned());
    let own = |text: &str| Some(text.to_owned());
    let named = CorsRules::Origins(vec!["https://a.example".to_owned(), "https://b.example".to_owned()]);
    assert_eq!(cors(&CorsRules::Off, Some("https://b.example")), [None, None, None]);
    assert_eq!(cors(&CorsRules::Any, None), [own("*"), None, exposed.clone()]);
    let listed = cors(&named, Some("https://b.example"));
    assert_eq!(listed, [own("https://b.example"), own("Origin"), exposed]);
    assert_eq!(cors(&named, Some("https://c.example")), [None, own("Origin"), None]);
    assert_eq!(cors(&named, None), [None, own("Origin"), None]);
}

#[test]
fn an_answer_of_its_own_is_what_it_was_told() {
    let response = wire::json(StatusCode::OK, &json!({ "a": 1 }), &CorsRules::Off, None);
    assert_eq!((response.status(), response.body().as_str()), (StatusCode::OK, r#"{"a":1}"#));
}

#[test]
fn a_status_shows_what_is_pending_and_what_is_locked() {
    let purpose = purpose(&snapshot(), "wallet_funding").name.clone();
    let idle = StatusView {
        purpose,
        attempts: 0,
        max_attempts: 3,
        lock: None,
        expires_at: None,
        is_valid: false,
        at: NOW,
    };
    let expected = json!({
        "success": true, "purpose": "wallet_funding", "exists": false, "isValid": false, "isLocked": false,
        "attempts": 0, "maxAttempts": 3, "lockedUntil": null,
    });
    assert_eq!(status_json(&idle), expected);
    let until = Some(Lock::Until(later(900)));
    let busy = StatusView { lock: until, attempts: 3, expires_at: Some(later(60)), ..idle };
    let expected = json!({
        "success": true, "purpose": "wallet_funding", "exists": true, "isValid": false, "isLocked": true,
        "attempts": 3, "maxAttempts": 3, "lockedUntil": "2026-01-17T10:15:00.000Z",
        "expiresAt": "2026-01-17T10:01:00.000Z", "expiresIn": 60,
    });
    assert_eq!(status_json(&busy), expected);
}

#[test]
fn who_has_a_code_sent_reads_its_reference_and_how_long_it_is_good() {
    let snapshot = snapshot();
    let expected = json!({
        "success": true,
        "message": "A verification code is on its way to the e-mail address of your account.",
        "expiresIn": 300,
        "otpId": "FUND-1",
        "transactionReference": "FUND-1",
    });
    assert_eq!(sent_json(purpose(&snapshot, "wallet_funding"), &reference("FUND-1")), expected);
}
