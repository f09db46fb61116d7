use proptest::prelude::*;

use super::*;

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    map
}

fn prepared(headers: &[(&str, &str)], trusted: bool) -> HeaderMap {
    let listed = [HeaderName::from_static("x-tenant")];
    let context = Context { peer: "::ffff:10.1.2.3".parse().unwrap(), trusted, intermediary: &listed };
    let mut map = map(headers);
    map.append("host", HeaderValue::from_static("wallet.example"));
    let survey = Survey::of(&map);
    prepare_request(&mut map, survey, &context);
    map
}

fn all<'a>(map: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    map.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn what_only_an_intermediary_may_set_does_not_get_through_in_any_spelling() {
    for name in [
        "X-OTP-Verified",
        "x_otp_verified",
        "X-OTP_Receipt",
        "x_otp-",
        "Script-Name",
        "SCRIPT_NAME",
        "X-Original-URL",
        "X_Original_Url",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "x_http_method_override",
        "X-HTTP-Method",
        "X-Method-Override",
        "Proxy",
        "Proxy-Authorization",
        "Content_Length",
        "Transfer_Encoding",
        "Authorization_",
        "X-Tenant",
        "x_tenant",
    ] {
        let got = prepared(&[(name, "1")], true);
        let passes = name == "Authorization_";
        assert_eq!(got.contains_key(name), passes, "{name}");
    }
}

#[test]
fn only_a_trusted_proxy_is_believed_that_the_client_used_https() {
    for (said, trusted, scheme) in [
        ("https", true, "https"),
        ("HTTPS", true, "https"),
        ("https", false, "http"),
        ("http", true, "http"),
        ("https, http", true, "http"),
        ("ftp", true, "http"),
    ] {
        let context = Context { peer: "10.1.2.3".parse().unwrap(), trusted, intermediary: &[] };
        let headers = map(&[("x-forwarded-proto", said)]);
        assert_eq!(client_scheme(&headers, &context), scheme, "{said} {trusted}");
    }
}

#[test]
fn where_a_request_came_from_is_said_by_the_sidecar() {
    let claimed = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil"),
        ("X-Forwarded-Prefix", "/p"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
    ];
    let got = prepared(&claimed, false);
    assert_eq!(all(&got, "x-forwarded-for"), ["10.1.2.3"]);
    assert_eq!(all(&got, "x-forwarded-proto"), ["http"]);
    assert_eq!(all(&got, "x-forwarded-host"), ["wallet.example"]);
    for name in ["x-forwarded-prefix", "forwarded", "x-real-ip"] {
        assert!(!got.contains_key(name), "{name}");
    }
}

#[test]
fn a_trusted_proxy_is_believed_and_added() {
    let got = prepared(
        &[
            ("X-Forwarded-For", "192.0.2.1, 192.0.2.2"),
            ("X-Forwarded-Proto", "https"),
            ("X-Real-IP", "192.0.2.1"),
        ],
        true,
    );
    assert_eq!(all(&got, "x-forwarded-for"), ["192.0.2.1, 192.0.2.2", "10.1.2.3"]);
    assert_eq!(all(&got, "x-forwarded-proto"), ["https"]);
    assert_eq!(all(&got, "x-forwarded-host"), ["wallet.example"]);
    assert_eq!(all(&got, "x-real-ip"), ["192.0.2.1"]);
}

#[test]
fn connection_takes_out_what_it_may_and_nothing_else() {
    let got = prepared(
        &[
            (
                "Connection",
                "close, X-Private, authorization, Host, X-Forwarded-For, content-type, cookie, , b@d",
            ),
            ("Connection", "X-Second"),
            ("X-Private", "1"),
            ("X-Second", "1"),
            ("X-Third", "1"),
            ("Authorization", "Bearer x"),
            ("Content-Type", "application/json"),
            ("Cookie", "a=b"),
        ],
        false,
    );
    for name in ["connection", "x-private", "x-second"] {
        assert!(!got.contains_key(name), "{name}");
    }
    for name in ["x-third", "authorization", "content-type", "cookie", "host", "x-forwarded-for"] {
        assert!(got.contains_key(name), "{name}");
    }
}

#[test]
fn only_a_whole_websocket_request_keeps_its_upgrade() {
    let websocket = ("Upgrade", "WebSocket");
    let keeps = |headers: &[(&str, &str)]| prepared(headers, false).contains_key("upgrade");
    assert!(keeps(&[websocket, ("Connection", "keep-alive, Upgrade")]));
    assert!(!keeps(&[websocket]));
    assert!(!keeps(&[websocket, ("Connection", "keep-alive")]));
    assert!(!keeps(&[("Upgrade", "tls/1.2"), ("Connection", "Upgrade")]));
    assert!(!keeps(&[("Upgrade", "websocket, h2c"), ("Connection", "Upgrade")]));
    assert!(!keeps(&[websocket, ("Upgrade", "h2c"), ("Connection", "Upgrade")]));
}

#[test]
fn of_te_only_trailers_get_through() {
    assert_eq!(all(&prepared(&[("TE", "gzip;q=1, Trailers")], false), "te"), ["trailers"]);
    assert!(!prepared(&[("TE", "gzip")], false).contains_key("te"));
}

#[test]
fn trailers_may_not_say_what_headers_may_not() {
    let mut trailers = map(&[
        ("X-Checksum", "1"),
        ("X-OTP-Verified", "1"),
        ("x_otp_verified", "1"),
        ("Authorization", "x"),
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "x"),
        ("X-Forwarded-For", "x"),
    ]);
    clean_trailers(&mut trailers);
    assert_eq!(trailers.len(), 1);
    assert!(trailers.contains_key("x-checksum"));
    let got = prepared(&[("Trailer", "X-Checksum, X-Tenant, X-OTP-Verified"), ("Trailer", "Host")], false);
    assert_eq!(all(&got, "trailer"), ["x-checksum"]);
}

#[test]
fn an_answer_keeps_what_is_for_the_client() {
    let mut got = map(&[
        ("Connection", "keep-alive, X-Hop"),
        ("Keep-Alive", "timeout=5"),
        ("X-Hop", "1"),
        ("Upgrade", "h2c"),
        ("Set-Cookie", "a=b"),
        ("Set-Cookie", "c=d"),
        ("X-Forwarded-For", "kept"),
        ("Transfer-Encoding", "chunked"),
    ]);
    prepare_answer(&mut got, false);
    let mut left: Vec<&str> = got.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["set-cookie", "transfer-encoding", "x-forwarded-for"]);
    assert_eq!(all(&got, "set-cookie"), ["a=b", "c=d"]);
}

#[test]
fn addresses_are_written_as_everybody_writes_them() {
    for address in ["0.0.0.0", "9.10.99.100", "127.0.0.1", "255.255.255.255", "2001:db8::1", "::1"] {
        let written = address_value(address.parse().unwrap()).unwrap();
        assert_eq!(written.to_str().unwrap(), address);
    }
    let mapped = address_value("::ffff:192.0.2.7".parse().unwrap()).unwrap();
    assert_eq!(mapped.to_str().unwrap(), "192.0.2.7");
}

/// Names of every kind, in spellings that are one header for some reader.
fn any_name() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec![
        "host",
        "origin",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "connection",
        "te",
        "keep-alive",
        "proxy-connection",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-otp-verified",
        "forwarded",
        "content-length",
        "cookie",
        "x-tenant",
        "x-header-1",
    ]);
    (known, 0_usize..40, "[-_.a-z]").prop_map(|(name, place, other)| {
        let mut name = name.to_owned();
        let found = name.get(place..=place);
        if found.is_some_and(|found| found == "-" || place % 5 == 0) {
            name.replace_range(place..=place, &other);
        }
        name
    })
}

proptest! {
    #[test]
    fn a_survey_finds_what_looking_up_finds(names in proptest::collection::vec(any_name(), 0..12)) {
        let headers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let map = map(&headers);
        let survey = Survey::of(&map);
        for (mark, name) in [
            (Mark::Host, "host"),
            (Mark::TransferEncoding, "transfer-encoding"),
            (Mark::Upgrade, "upgrade"),
            (Mark::Origin, "origin"),
            (Mark::Trailer, "trailer"),
        ] {
            prop_assert_eq!(survey.has(mark), map.contains_key(name), "{}", name);
        }
    }

    #[test]
    fn nothing_would_be_taken_out_of_headers_that_are_left_alone(
        names in proptest::collection::vec(any_name(), 0..6),
        trusted: bool,
    ) {
        let headers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let mut map = map(&headers);
        let survey = Survey::of(&map);
        let before = map.clone();
        let context = Context { peer: "10.1.2.3".parse().unwrap(), trusted, intermediary: &[] };
        let told = take_out(&mut map, survey, &context);
        if survey.is_plain() {
            prop_assert_eq!(map, before);
            prop_assert_eq!(told, Told::default());
        }
    }
}
