//! Methods of a guarded path that are not the route's own, and CORS preflights.

use bytes::Bytes;
use http::Method;

use crate::support::backend::Backend;
use crate::support::sidecar::{Folder, Sidecar, Start};

const VERIFY: &str = "/api/wallet/verify-otp";

const PREFLIGHT: [(&str, &str); 3] = [
    ("origin", "https://shop.example"),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization,content-type"),
];

#[tokio::test]
async fn of_a_preflight_only_the_question_reaches_the_backend() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let mut headers = PREFLIGHT.to_vec();
    headers.extend([("cookie", "session=1"), ("x-anything", "1")]);
    let client = sidecar.client().as_user("jane");
    client.call(Method::OPTIONS, "/API/wallet/verify-otp/?_method=POST", &headers, Bytes::new()).await;
    let seen = backend.seen().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("OPTIONS", VERIFY));
    for absent in ["authorization", "cookie", "x-anything"] {
        assert!(!seen.headers.contains_key(absent), "{absent} reached the backend");
    }
    for (name, value) in PREFLIGHT {
        assert_eq!(seen.headers[name], value);
    }
}

#[tokio::test]
async fn what_only_looks_like_a_preflight_reaches_nothing() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let client = sidecar.client().as_user("jane");
    let with_body = client.call(Method::OPTIONS, VERIFY, &PREFLIGHT, "{\"otp\":\"000000\"}".into()).await;
    assert_eq!(with_body.word(), (400, "invalid_request".to_owned()));
    let mut upgrading = PREFLIGHT.to_vec();
    upgrading.extend([("connection", "upgrade"), ("upgrade", "websocket")]);
    let upgraded = client.call(Method::OPTIONS, VERIFY, &upgrading, Bytes::new()).await;
    assert_eq!(upgraded.word(), (400, "invalid_request".to_owned()));
    let plain = client.call(Method::OPTIONS, VERIFY, &[], Bytes::new()).await;
    assert_eq!(plain.word(), (405, "method_not_allowed".to_owned()));
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_method_that_some_readers_put_into_upper_case_is_never_another_method() {
    let backend = Backend::start().await;
    let policies = Folder::with_shipped(&[(
        "match: { methods: [POST], path: /api/wallet/fund }",
        "match: { methods: [POST], path: /api/wallet/fund, other_methods: forward }",
    )]);
    let sidecar = Start::before(&backend.url()).policies(policies.path()).ready();
    let client = sidecar.client().as_user("jane");
    for method in ["post", "PoST", "QUERY", "TRACE"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let refused = client.call(method, "/api/wallet/fund", &[], Bytes::new()).await;
        assert_eq!(refused.word(), (405, "method_not_allowed".to_owned()));
    }
    let overridden = client.call(Method::PUT, "/api/wallet/fund?_method=POST", &[], Bytes::new()).await;
    assert_eq!(overridden.status, 400);
    assert!(backend.seen().is_empty());

    client.call(Method::PUT, "/API/wallet/FUND/?a=1", &[], Bytes::new()).await;
    assert_eq!(backend.seen().pop().unwrap().target, "/api/wallet/fund?a=1", "in the policy's own spelling");
}

#[tokio::test]
async fn other_methods_are_told_which_there_are_and_head_counts_as_get() {
    let backend = Backend::start().await;
    let (sidecar, _mailbox) = Sidecar::with_mail(&backend).await;
    let client = sidecar.client().as_user("jane");
    let refused = client.call(Method::DELETE, VERIFY, &[], Bytes::new()).await;
    assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, Some("POST, OPTIONS")));
    let head =
        client.call(Method::HEAD, "/api/wallet/otp/status?purpose=wallet_funding", &[], Bytes::new()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert!(backend.seen().is_empty());
}
