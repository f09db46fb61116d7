use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::world::*;
use crate::policy::decision::Denial;
use crate::policy::find::Found;

/// What is found, in one line.
fn find(method: Method, path: &str, headers: &[HeaderName]) -> String {
    let snapshot = snapshot();
    let headers: HeaderMap =
        headers.iter().map(|name| (name.clone(), HeaderValue::from_static("x"))).collect();
    match snapshot.find(&method, path, &headers) {
        Found::Unguarded(_) => "passes".to_owned(),
        Found::Route { route, spelling } => format!("{} at {spelling}", route.name),
        Found::OtherMethod { spelling, .. } => format!("passes as {spelling}"),
        Found::Preflight { spelling, .. } => format!("preflight of {spelling}"),
        Found::Refused { route, denial: Denial::MethodNotAllowed(methods) } => {
            let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
            format!("{} takes {}", route.unwrap().name, methods.join(", "))
        }
        Found::Refused { route, denial } => {
            format!("{:?} by {}", denial, route.map_or("none", |r| r.name.as_str()))
        }
    }
}

const PREFLIGHT: [HeaderName; 2] = [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD];

#[test]
fn a_route_decides_on_its_methods_and_what_no_route_names_passes() {
    for (method, path, expected) in [
        (Method::POST, "/api/wallet/fund", "fund at /api/wallet/fund"),
        (Method::POST, "/API/Wallet/Fund/", "fund at /api/wallet/fund"),
        (Method::GET, "/api/wallet/cards", "read-cards at /api/wallet/cards"),
        (Method::POST, "/api/wallet/cards", "add-card at /api/wallet/cards"),
        (Method::POST, "/api/wallet/transactions", "passes"),
        (Method::POST, "/", "passes"),
    ] {
        assert_eq!(find(method, path, &[]), expected);
    }
}

#[test]
fn head_counts_as_get() {
    assert_eq!(find(Method::HEAD, "/api/wallet/otp/status", &[]), "status at /api/wallet/otp/status");
    assert_eq!(find(Method::HEAD, "/api/wallet/fund", &[]), "fund takes POST, OPTIONS");
}

#[test]
fn another_method_is_told_what_all_routes_of_the_path_take() {
    assert_eq!(find(Method::PUT, "/api/wallet/fund", &[]), "fund takes POST, OPTIONS");
    assert_eq!(find(Method::POST, "/api/wallet/otp/status", &[]), "status takes GET, HEAD, OPTIONS");
    assert_eq!(find(Method::PUT, "/api/wallet/cards", &[]), "read-cards takes GET, POST, HEAD, OPTIONS");
}

#[test]
fn another_method_passes_where_the_routes_of_the_path_forward_them() {
    for method in [Method::HEAD, Method::GET] {
        assert_eq!(find(method, "/api/wallet/balance", &[]), "balance at /api/wallet/balance");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        assert_eq!(find(method, "/Api/wallet/balance/", &[]), "passes as /api/wallet/balance");
    }
}

#[test]
fn a_method_that_some_reader_takes_for_another_one_never_passes() {
    for method in ["get", "Post", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(find(method, "/api/wallet/balance", &[]), "balance takes GET, HEAD, OPTIONS");
    }
}

#[test]
fn only_a_whole_preflight_on_a_properly_spelled_path_passes() {
    assert_eq!(find(Method::OPTIONS, "/API/wallet/fund", &PREFLIGHT), "preflight of /api/wallet/fund");
    assert_eq!(find(Method::OPTIONS, "/api/wallet/balance", &PREFLIGHT), "preflight of /api/wallet/balance");
    for (method, headers) in [
        (Method::OPTIONS, &PREFLIGHT[..1]),
        (Method::OPTIONS, &PREFLIGHT[1..]),
        (Method::OPTIONS, &[]),
        (Method::DELETE, &PREFLIGHT),
    ] {
        assert_eq!(find(method, "/api/wallet/fund", headers), "fund takes POST, OPTIONS");
    }
    assert_eq!(find(Method::OPTIONS, "/api/wallet/%66und", &PREFLIGHT), "AmbiguousPath by fund");
}

#[test]
fn a_spelling_that_only_some_readers_take_for_the_path_is_refused_whatever_the_method() {
    for method in [Method::POST, Method::GET] {
        assert_eq!(find(method, "/api//wallet/fund", &[]), "AmbiguousPath by fund");
    }
    assert_eq!(find(Method::PUT, "/api/wallet/%62alance", &[]), "AmbiguousPath by balance");
}
