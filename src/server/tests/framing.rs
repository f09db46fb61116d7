//! What reaches the backend has one framing and one Host, however a client spells it.

use super::support::*;

/// Sends bytes on a new connection, says that nothing follows, and returns the statuses of all answers.
async fn statuses(front: &Front, bytes: &[u8]) -> Vec<u16> {
    let mut client = Client::to(front).await;
    client.write(bytes).await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    let mut statuses = Vec::new();
    while let Some(answer) = within(client.answer(true)).await {
        statuses.push(answer.status());
    }
    statuses
}

/// Every request must be refused, and the backend must see none of it.
async fn assert_refused(requests: &[&[u8]]) {
    let (backend, log) = recorder(|_| ok("")).await;
    let front = Front::before(backend).await;
    for request in requests {
        let statuses = statuses(&front, request).await;
        let text = String::from_utf8_lossy(request);
        assert!(statuses.iter().all(|status| (400..=599).contains(status)), "{text:?} got {statuses:?}");
        assert!(log.lock().unwrap().is_empty(), "{text:?} reached the backend");
    }
}

#[tokio::test]
async fn broken_framing_is_refused() {
    let post = |headers: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: w\r\n{headers}\r\n\r\n{body}").into_bytes()
    };
    let requests = [
        post("Content-Length: +5", "hello"),
        post("Content-Length: -1", ""),
        post("Content-Length: 0x5", "hello"),
        post("Content-Length: 5 5", "hello"),
        post("Content-Length: 5, 6", "hello!"),
        post("Content-Length: ", ""),
        post("Content-Length: 5\r\nContent-Length: 6", "hello!"),
        post("Content-Length: 18446744073709551616", ""),
        post("Content-Length : 5", "hello"),
        post("Content-Length\t: 5", "hello"),
        post("Transfer-Encoding: identity", ""),
        post("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
        post("Transfer-Encoding: identity, chunked", "0\r\n\r\n"),
        post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
        post("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked;q=1", "0\r\n\r\n"),
        post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
        post("Transfer-Encoding: \x0bchunked", "0\r\n\r\n"),
        post("Transfer-Encoding : chunked", "0\r\n\r\n"),
        post("Transfer-Encoding\x0b: chunked", "0\r\n\r\n"),
        post("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        post("X: a\r\n b", ""),
        post("X: a\x00b", ""),
        post("X: a\rb", ""),
        post(" X: a", ""),
        post("X\r\nY: a", ""),
        post(": a", ""),
    ];
    let requests: Vec<&[u8]> = requests.iter().map(Vec::as_slice).collect();
    assert_refused(&requests).await;
}

#[tokio::test]
async fn broken_heads_are_refused() {
    assert_refused(&[
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
    ])
    .await;
}

#[tokio::test]
async fn broken_chunks_never_look_like_a_whole_body() {
    let (backend, log) = recorder(|_| ok("")).await;
    let front = Front::before(backend).await;
    for body in [
        "5\r\nhel",
        "zz\r\n",
        "-1\r\n",
        "+1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\na",
        "1 1\r\na\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "1\na\n0\n\n",
        "1;\n\r\na\r\n0\r\n\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let statuses = statuses(&front, request.as_bytes()).await;
        assert!(statuses.iter().all(|status| *status >= 400), "{body:?} got {statuses:?}");
        assert!(log.lock().unwrap().is_empty(), "{body:?} reached the backend as a whole request");
    }
}

#[tokio::test]
async fn a_second_request_cannot_hide_in_a_first() {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: w\r\n\r\n";
    for headers in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 6",
        "Transfer-Encoding: chunked\r\nContent-Length: x",
    ] {
        let (backend, log) = recorder(|_| ok("")).await;
        let front = Front::before(backend).await;
        let request = format!("POST / HTTP/1.1\r\nHost: w\r\n{headers}\r\n\r\n0\r\n\r\n{hidden}");
        let statuses = statuses(&front, request.as_bytes()).await;
        assert!(statuses.len() <= 1, "{headers:?} got {statuses:?}");
        let log = log.lock().unwrap();
        assert!(
            log.iter().all(|got| !got.line().contains("hidden")),
            "{headers:?} let a second request through"
        );
    }
}

#[tokio::test]
async fn harmless_oddities_arrive_in_one_plain_form() {
    let cases = [
        ("Content-Length: 5\r\nContent-Length: 5", "hello", "hello"),
        ("Content-Length: 005", "hello", "hello"),
        ("Transfer-Encoding: CHUNKED", "5;a=\"b\"\r\nhello\r\n000\r\n\r\n", "hello"),
        ("Transfer-Encoding:\tchunked\t", "5\r\nhello\r\n0\r\nX: y\r\n\r\n", "hello"),
    ];
    for (headers, body, expected) in cases {
        let (backend, log) = recorder(|_| ok("")).await;
        let front = Front::before(backend).await;
        ask(&front, format!("POST / HTTP/1.1\r\nHost: w\r\n{headers}\r\n\r\n{body}")).await;
        // The recorder itself refuses two framings and odd lengths.
        let got = log.lock().unwrap().pop().unwrap();
        assert_eq!(got.body, expected.as_bytes(), "{headers:?}");
        assert_eq!(got.all("host"), ["w"]);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (backend, _) = recorder(|got| ok(got.line())).await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    let requests: Vec<String> = (0..10).map(|i| format!("GET /{i} HTTP/1.1\r\nHost: w\r\n\r\n")).collect();
    client.write(requests.concat()).await;
    for i in 0..10 {
        let answer = within(client.answer(true)).await.unwrap();
        assert_eq!(answer.body, format!("GET /{i} HTTP/1.1").as_bytes());
    }
}
