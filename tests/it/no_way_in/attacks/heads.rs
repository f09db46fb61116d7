//! Methods, and headers that change what a request is.

use serde_json::json;

use super::{Attacks, Means, VERIFY, protected};
use crate::no_way_in::wire::Draft;

const METHODS: [&str; 22] = [
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "QUERY",
    "post",
    "Post",
    "PoST",
    "PROPFIND",
    "SEARCH",
    "LOCK",
    "PURGE",
    "REPORT",
    "SUBSCRIBE",
    "M-SEARCH",
    "FOO",
    "POST_",
    "P",
];

/// Names by which some backend reads another method than that of the request line.
const METHOD_OVERRIDES: [&str; 6] = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X_HTTP_METHOD_OVERRIDE",
    "x-http_method-override",
    "X-Http-Method-Override",
];

/// Names by which some backend reads another path.
const PATH_OVERRIDES: [&str; 14] = [
    "X-Original-URL",
    "X-Rewrite-URL",
    "X_ORIGINAL_URL",
    "X_Rewrite-Url",
    "X-Original-URI",
    "X-Forwarded-Uri",
    "X-Forwarded-Path",
    "X-Forwarded-Prefix",
    "X-Envoy-Original-Path",
    "X-Script-Name",
    "SCRIPT_NAME",
    "Script-Name",
    "PATH_INFO",
    "X-Accel-Redirect",
];

pub fn add_methods(attacks: &mut Attacks) {
    for path in protected() {
        for method in METHODS {
            for target in
                [path.to_owned(), format!("{path}/"), path.to_uppercase(), format!("http://a{path}")]
            {
                attacks.one(Means::Method, attacks.ordinary(path).method(method).target(target));
            }
        }
        // Real browsers send nothing but these lines; an attacker sends what it likes.
        for target in [path.to_owned(), format!("{path}?_method=POST"), path.replace("/w", "//w")] {
            let preflight = |draft: Draft| {
                let draft = draft.method("OPTIONS").target(target.clone());
                draft.header("Origin", "https://evil.example").header("Access-Control-Request-Method", "POST")
            };
            attacks.one(Means::Method, preflight(attacks.ordinary(path)));
            for name in METHOD_OVERRIDES {
                attacks.one(Means::Method, preflight(attacks.ordinary(path)).header(name, "POST"));
            }
        }
    }
}

pub fn add_headers(attacks: &mut Attacks) {
    for path in VERIFY {
        add_overrides(attacks, path);
        add_hosts(attacks, path);
        add_odd_headers(attacks, path);
    }
    add_bad_callers(attacks);
}

fn add_overrides(attacks: &mut Attacks, path: &str) {
    for name in METHOD_OVERRIDES {
        for method in ["GET", "PUT", "OPTIONS", "PATCH"] {
            attacks.one(Means::Head, attacks.ordinary(path).method(method).header(name, "POST"));
        }
        attacks.one(Means::Head, attacks.ordinary(path).header(name, "GET"));
    }
    for name in PATH_OVERRIDES {
        for open in ["/user/login", "/", "/api/wallet/balance", "/nothing"] {
            let sneaky = attacks.ordinary(path).target(open);
            attacks.one(Means::Head, sneaky.clone().header(name, path));
            attacks.one(Means::Head, sneaky.clone().header(name, path).header("Connection", name));
            attacks.one(Means::Head, sneaky.method("GET").header(name, path));
        }
        // The rest of the path in the target, as under a mount point.
        attacks.one(Means::Head, attacks.ordinary(path).target(&path[4..]).header(name, "/api"));
    }
    for query in ["_method=POST", "_method=post", "%5fmethod=POST", "_method%5B%5D=POST"] {
        for target in [path, "/user/login"] {
            for method in ["GET", "POST", "PUT", "OPTIONS"] {
                let draft = attacks.ordinary(path).method(method).target(format!("{target}?{query}"));
                attacks.one(Means::Head, draft.header("X-Original-URL", path));
            }
        }
    }
    for method in ["GET", "PUT", "POST", "OPTIONS"] {
        let guesser = attacks.guesser();
        let form =
            format!("_method=POST&otp={}&transaction_reference={}", guesser.wrong_code, guesser.reference);
        let draft = Draft::new(method, path).bearer(&guesser.token);
        attacks.one(Means::Head, draft.body("application/x-www-form-urlencoded", form));
    }
}

fn add_hosts(attacks: &mut Attacks, path: &str) {
    for host in [
        format!("wallet{path}"),
        format!("wallet{path}?"),
        format!("wallet{path}#"),
        "wallet\\".to_owned(),
        format!("wallet:80{path}"),
        format!("user@wallet{path}"),
        "wallet/..".to_owned(),
        "/".to_owned(),
        String::new(),
        path.to_owned(),
        "wallet, other".to_owned(),
        "[::1".to_owned(),
    ] {
        for target in ["/", "/user/login", path] {
            let bytes = attacks.ordinary(path).target(target).line(format!("Host: {host}"));
            attacks.one(Means::Head, bytes);
        }
    }
}

fn add_odd_headers(attacks: &mut Attacks, path: &str) {
    for line in [
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13",
        "Upgrade: TLS/1.0\r\nConnection: Upgrade",
        "Connection: Authorization",
        "Connection: Content-Type, Content-Length",
        "Connection: close, X-Forwarded-For, Host",
        "Connection: Transfer-Encoding",
        "Proxy-Connection: keep-alive",
        "X-OTP-Verified: true",
        "x_otp_verified: true",
        "X-OTP-Receipt: 1",
        "Authorization: Bearer x",
        "authorization: Basic dTpw",
        "Expect: 100-continue",
        "Expect: 200-ok",
        "Forwarded: for=127.0.0.1;host=localhost",
        "X-Forwarded-For: 127.0.0.1",
        "X-Real-IP: 127.0.0.1",
        "Via: 1.1 otp-sidecar",
        "Range: bytes=0-0",
        "Max-Forwards: 0",
        "Content-Location: /",
        "Trailer: Authorization",
        "TE: trailers, chunked",
        "Transfer-Encoding: identity",
    ] {
        attacks.one(Means::Head, attacks.ordinary(path).line(line));
    }
}

/// Callers that are nobody, on every protected path: not even `fund` may be reached.
fn add_bad_callers(attacks: &mut Attacks) {
    let strange = attacks.stranger();
    let (head, rest) = strange.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    // {"alg":"none"} and {"typ":"JWT","alg":"None"}
    let unsigned = ["eyJhbGciOiJub25lIn0", "eyJ0eXAiOiJKV1QiLCJhbGciOiJOb25lIn0"];
    let mut lines = vec![
        String::new(),
        "Authorization: Bearer".to_owned(),
        "Authorization: Bearer ".to_owned(),
        "Authorization: null".to_owned(),
        format!("Authorization: Basic {strange}"),
        format!("Authorization: {strange}"),
        format!("Authorization: Bearer {head}.{claims}."),
        format!("Authorization: Bearer {head}.{claims}.AAAA"),
        format!("Authorization: Bearer {strange}, Bearer {strange}"),
        format!("Authorization: Bearer {strange}\r\nAuthorization: Bearer {strange}"),
        format!("Cookie: token={strange}"),
        format!("X-Access-Token: {strange}"),
        format!("Proxy-Authorization: Bearer {strange}"),
    ];
    lines.extend(unsigned.map(|head| format!("Authorization: Bearer {head}.{claims}.")));
    for path in protected() {
        for line in &lines {
            let body =
                json!({ "amount": 5_000, "otp": "000000", "transaction_reference": "FUND-1-reference" });
            let draft = Draft::new("POST", path).json(body);
            attacks.one(Means::Head, if line.is_empty() { draft } else { draft.line(line.as_str()) });
            attacks.all.last_mut().unwrap().has_caller = false;
        }
    }
}
