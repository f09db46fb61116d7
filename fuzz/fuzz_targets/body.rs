//! A judged body reads back as itself. `cargo +nightly fuzz run body`
#![no_main]

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use otp_sidecar::policy::body::JudgedBody;

fuzz_target!(|bytes: &[u8]| {
    for kind in ["application/json", "application/x-www-form-urlencoded"] {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        if let Ok(body) = JudgedBody::parse(&headers, bytes) {
            assert!(JudgedBody::parse(&headers, &body.serialise()) == Ok(body));
        }
    }
});
