//! What is none of the sidecar's business reaches the backend as it was sent.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::wire::{Draft, Lane};
use crate::backends::Backend;

/// Targets that wallets use every day and a nervous matcher could take for something else.
const TARGETS: [&str; 62] = [
    "/",
    "/index.html",
    "/favicon.ico",
    "/static/app.8f3a1c.min.js",
    "/static/app.css?v=1.2.3",
    "/static/fonts/Inter%20Regular.woff2",
    "/.well-known/openid-configuration",
    "/.well-known/acme-challenge/abc_DEF-123",
    "/api/wallet/balance",
    "/api/wallet/balance/",
    "/API/Wallet/Balance",
    "/api/wallet/transactions?limit=20&offset=40&sort=-date",
    "/api/wallet/transactions?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00%2B01:00",
    "/api/wallet/transactions/FUND-1705948200123-abc12345",
    "/api/wallet/transactions/6f1c2d9e-2b3a-4c5d-8e9f-0a1b2c3d4e5f",
    "/api/wallet/funds",
    "/api/wallet/funding",
    "/api/wallet/refund",
    "/api/wallet/fund-history",
    "/api/wallet/fund/history",
    "/api/wallet/fund/1/receipt.pdf",
    "/api/wallet/verify",
    "/api/wallet/verify-otp-help",
    "/api/wallet/otp",
    "/api/wallet/otp/statuses",
    "/api/wallet/deductions?status=open",
    "/api/wallets/w-1",
    "/api/wallets/w-1/funds",
    "/api/v2/api/wallet/fund",
    "/docs/api/wallet/fund",
    "/user/jane@example.com",
    "/user/jane%40example.com",
    "/user/jane+tag@example.com/cards",
    "/user/jane%2Btag%40example.com/cards",
    "/user/%E5%BC%A0%E4%BC%9F/profile",
    "/user/J%C3%BCrgen%20M%C3%BCller",
    "/%F0%9F%92%B0/%D0%BA%D0%BE%D1%88%D0%B5%D0%BB%D1%91%D0%BA",
    "/files/100%25.pdf",
    "/files/a%2Fb.txt",
    "/files/report%20(final)%20%231.pdf",
    "/files/a,b;c=d.txt",
    "/files/it's-a_file~v1.0!.tar.gz",
    "/files/$HOME/*.log",
    "/files/..hidden",
    "/files/...",
    "/files//double",
    "/items/[1,2]",
    "/redirect?to=https://example.com/a/../b?c=d",
    "/redirect?to=https%3A%2F%2Fexample.com%2Fapi%2Fwallet%2Ffund",
    "/search?q=a+b&q=c%20d&empty=&flag",
    "/search?q=%E2%82%AC100&tags[]=x&tags[]=y&a[b][c]=1",
    "/search?q=100%&r=50%25",
    "/search?q='%20OR%201=1--",
    "/search?path=/api/wallet/fund",
    "/search?path=/api/wallet/verify-otp&_method=POST",
    "/search??a=b?c",
    "/callback?code=4/P7q7W91a-oMsCeLvIaQm6bTrgtp7&state=af0ifjsldkj%3D%3D",
    "/events",
    "/blob/c29tZS1iYXNlNjQ=",
    "/very/long/path/that/goes/on/and/on/and/on/and/on/and/on/and/on/and/on/and/on/and/on/and/on/and/on/and/on",
    "/q?a=%ff%fe",
    "/x?json={%22a%22:[1,2]}",
];

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers that must arrive as they are.
const HEADERS: [(&str, &str); 16] = [
    ("Accept", "text/html, */*;q=0.8"),
    ("Accept-Encoding", "gzip, br"),
    ("Accept-Language", "de-DE,de;q=0.9"),
    ("Authorization", "Bearer not.for.us"),
    ("Cookie", "a=b; c=\"d e\"; __Host-x=1"),
    ("Cookie", "second=line"),
    ("Content-Encoding", "gzip"),
    ("If-None-Match", "W/\"abc\""),
    ("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    ("Origin", "https://wallet.example"),
    ("Range", "bytes=0-99"),
    ("User-Agent", "Wallet/1.0 (J\u{fc}rgen)"),
    ("X-Api-Key", "k"),
    ("X-Request-Id", "r-1"),
    ("X-Custom", "  spaced \t value"),
    ("Sec-Fetch-Mode", "cors"),
];

pub fn check_that_they_are_not_hurt(backend: &Backend, sidecar: SocketAddr) {
    let (mut direct, mut through) = (Lane::to(backend.address()), Lane::to(sidecar));
    let mut checked = 0;
    for target in TARGETS {
        for method in METHODS {
            for bytes in drafts(method, target) {
                let sent = direct.call(&bytes).map(|answer| answer.json()).unwrap_or_default();
                let passed = through.call(&bytes).map(|answer| answer.json()).unwrap_or_default();
                let what = format!("{}: {}", backend.name, bytes.escape_ascii());
                assert_eq!(sent["url"], target, "{what}: the backend itself sees another target");
                for part in ["method", "url", "body"] {
                    assert_eq!(passed[part], sent[part], "{what}: the sidecar changed its {part}");
                }
                assert_eq!(headers(&passed), headers(&sent), "{what}: the sidecar changed its headers");
                checked += 1;
            }
        }
    }
    println!("{}: {checked} innocent requests arrived as they were", backend.name);
    if backend.has_websocket() {
        check_websocket(backend, sidecar);
    }
}

/// The same request with a plain head and without a body, and with all kinds of headers and any bytes.
fn drafts(method: &str, target: &str) -> Vec<Vec<u8>> {
    let bare = Draft::new(method, target).header("X-Echo", "1");
    let full = HEADERS.iter().fold(bare.clone(), |draft, (name, value)| draft.header(name, value));
    let mut body: Vec<u8> = (0..=255).collect();
    body.extend_from_slice(b"POST /api/wallet/verify-otp HTTP/1.1\r\n\r\n{\"otp\":\"1\",\"otp\":\"2\"}");
    let chunked = [format!("{:x};a=b\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    let lines = full.clone().header("Host", "wallet").header("Transfer-Encoding", "chunked");
    let mut drafts = vec![bare.bytes(), full.clone().body("application/json", body).bytes()];
    if method == "POST" {
        drafts.push(lines.unframed(&chunked));
    }
    drafts
}

/// Names and values, without those that are about the connection or are the sidecar's to set.
fn headers(echoed: &Value) -> BTreeSet<(String, Vec<String>)> {
    let lines: Vec<(String, String)> = serde_json::from_value(echoed["headers"].clone()).unwrap();
    let ours = |name: &str| {
        name.starts_with("x-forwarded-") || matches!(name, "connection" | "keep-alive" | "transfer-encoding")
    };
    let names: BTreeSet<&String> = lines.iter().map(|(name, _)| name).filter(|name| !ours(name)).collect();
    let values = |wanted: &String| {
        lines.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone()).collect()
    };
    names.into_iter().map(|name| (name.clone(), values(name))).collect()
}

/// A tunnel opens, and carries what looks like a request to a protected path as the bytes that it is.
fn check_websocket(backend: &Backend, sidecar: SocketAddr) {
    let mut stream = TcpStream::connect(sidecar).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let upgrade = Draft::new("GET", "/ws?room=1")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    stream.write_all(&upgrade.bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{}: {head}", backend.name);
    assert!(
        head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"),
        "{}: {head}",
        backend.name
    );
    let bytes = b"\x81\x00POST /api/wallet/verify-otp HTTP/1.1\r\n\r\n";
    stream.write_all(bytes).unwrap();
    let mut echoed = vec![0; bytes.len()];
    stream.read_exact(&mut echoed).unwrap();
    assert_eq!(echoed, bytes, "{}", backend.name);
}
