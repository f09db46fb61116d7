//! What no route names arrives as it was sent.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::support::*;
use crate::proxy::target::Target;
use crate::server::settings::ListenerSettings;

#[tokio::test]
async fn a_request_and_its_answer_pass() {
    let (backend, log) = recorder(|_| ok("hello")).await;
    let front = Front::before(backend).await;
    let answer = ask(&front, "POST /a/b?c=d%20e HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nbody").await;
    assert_eq!((answer.status(), answer.body.as_slice()), (200, b"hello".as_slice()));
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].line(), "POST /a/b?c=d%20e HTTP/1.1");
    assert_eq!(log[0].body, b"body");
    assert_eq!(log[0].all("host"), ["w"]);
    assert_eq!(log[0].all("x-forwarded-for"), ["127.0.0.1"]);
}

#[tokio::test]
async fn repeated_headers_keep_their_number_and_order() {
    let answer =
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Other: o\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n";
    let (backend, log) = recorder(move |_| answer.to_owned()).await;
    let front = Front::before(backend).await;
    let got =
        ask(&front, "GET / HTTP/1.1\r\nHost: w\r\nAccept: a\r\nX-Many: 1\r\nAccept: b\r\nX-Many: 2\r\n\r\n")
            .await;
    assert_eq!(got.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(log.lock().unwrap()[0].all("accept"), ["a", "b"]);
    assert_eq!(log.lock().unwrap()[0].all("x-many"), ["1", "2"]);
}

#[tokio::test]
async fn every_method_and_an_absolute_target_pass() {
    let (backend, log) = recorder(|_| ok("")).await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"] {
        client.ask(format!("{method} /x HTTP/1.1\r\nHost: w\r\n\r\n")).await;
        assert_eq!(log.lock().unwrap().pop().unwrap().line(), format!("{method} /x HTTP/1.1"));
    }
    client.ask("GET http://other.example:81/y?z HTTP/1.1\r\nHost: w\r\n\r\n").await;
    let got = log.lock().unwrap().pop().unwrap();
    assert_eq!(got.line(), "GET /y?z HTTP/1.1");
    assert_eq!(got.all("host"), ["other.example:81"]);
    client.ask("OPTIONS * HTTP/1.1\r\nHost: w\r\n\r\n").await;
    assert_eq!(log.lock().unwrap().pop().unwrap().line(), "OPTIONS * HTTP/1.1");
}

#[tokio::test]
async fn an_answer_to_head_keeps_its_length_and_has_no_body() {
    let (backend, _) = recorder(|_| "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n".to_owned()).await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    for _ in 0..2 {
        client.write("HEAD / HTTP/1.1\r\nHost: w\r\n\r\n").await;
        let answer = within(client.answer(false)).await.unwrap();
        assert_eq!(answer.all("content-length"), ["1234"]);
    }
}

#[tokio::test]
async fn statuses_without_a_body_pass() {
    let (backend, _) = recorder(|got| {
        let status = got.line().split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
        format!("HTTP/1.1 {status} Some Words\r\nETag: \"1\"\r\n\r\n")
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    for status in [204, 304] {
        let answer = client.ask(format!("GET /{status} HTTP/1.1\r\nHost: w\r\n\r\n")).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.all("etag"), ["\"1\""]);
        assert!(answer.all("content-length").is_empty());
    }
}

#[tokio::test]
async fn what_ends_at_a_hop_does_not_get_through() {
    let (backend, log) = recorder(|_| {
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n"
            .to_owned()
    })
    .await;
    let front = Front::before(backend).await;
    let answer = ask(
        &front,
        "GET / HTTP/1.1\r\nHost: w\r\nConnection: X-Hop, Authorization, X-Forwarded-For, close\r\nX-Hop: 1\r\n\
         Authorization: Bearer x\r\nTE: gzip, trailers\r\nKeep-Alive: 1\r\nProxy-Authorization: y\r\nUpgrade: tls/1\r\n\
         X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n\r\n",
    )
    .await;
    for name in ["keep-alive", "x-hop"] {
        assert!(answer.all(name).is_empty(), "{name} got through: {}", answer.head);
    }
    let got = log.lock().unwrap().pop().unwrap();
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "proxy-authorization",
        "upgrade",
        "forwarded",
        "x-real-ip",
        "x_forwarded_for",
    ] {
        assert!(got.all(name).is_empty(), "{name} got through: {}", got.head);
    }
    assert_eq!(got.all("authorization"), ["Bearer x"]);
    assert_eq!(got.all("te"), ["trailers"]);
    assert_eq!(got.all("x-forwarded-for"), ["127.0.0.1"]);
}

#[tokio::test]
async fn connections_to_the_backend_are_used_again() {
    let (opened, count) =
        (std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)), std::sync::atomic::Ordering::SeqCst);
    let counted = opened.clone();
    let backend = backend(move |mut stream| {
        counted.fetch_add(1, count);
        async move {
            let mut wire = Wire::default();
            while wire.request(&mut stream).await.is_some() {
                let _ = stream.write_all(ok("x").as_bytes()).await;
            }
        }
    })
    .await;
    let front = Front::before(backend).await;
    for _ in 0..20 {
        assert_eq!(ask(&front, "GET / HTTP/1.1\r\nHost: w\r\n\r\n").await.status(), 200);
    }
    let mut client = Client::to(&front).await;
    for length in [0, 3] {
        let body = "x".repeat(length);
        client.ask(format!("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: {length}\r\n\r\n{body}")).await;
    }
    assert_eq!(opened.load(count), 1);
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_long_answer_in_any_framing() {
    let piece = "x".repeat(50_000);
    let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
    let long = [
        ok(&piece.repeat(5)),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(5)),
        format!(
            "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\nX-Sum: 1\r\n\r\n",
            chunk.repeat(5)
        ),
    ];
    let opened = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = opened.clone();
    let backend = backend(move |mut stream| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let long = long.clone();
        async move {
            let mut wire = Wire::default();
            for answer in long.iter().cycle() {
                if wire.request(&mut stream).await.is_none() {
                    return;
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    for _ in 0..9 {
        let answer = client.ask("GET / HTTP/1.1\r\nHost: w\r\n\r\n").await;
        assert_eq!(answer.body.len(), 250_000);
    }
    assert_eq!(opened.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_backend_that_closes_every_connection_silently_serves_every_get() {
    let backend = backend(|mut stream| async move {
        let mut wire = Wire::default();
        if wire.request(&mut stream).await.is_some() {
            let _ = stream.write_all(ok("x").as_bytes()).await;
        }
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    for round in 0..50 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: w\r\n\r\n").await.status(), 200, "round {round}");
        // The close is on its way; a client that takes a breath finds it done.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn no_backend_is_a_502_and_a_silent_one_a_504() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let front = Front::before(unused).await;
    assert_eq!(ask(&front, "GET / HTTP/1.1\r\nHost: w\r\n\r\n").await.status(), 502);

    let silent = backend(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let settings = ListenerSettings::default();
    let front = Front::with(silent, settings, |s| s.answer_timeout = Duration::from_millis(60)).await;
    assert_eq!(ask(&front, "GET / HTTP/1.1\r\nHost: w\r\n\r\n").await.status(), 504);
}

#[tokio::test]
async fn a_backend_on_a_unix_socket_is_reached() {
    let path = std::env::temp_dir().join(format!("otp-sidecar-test-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).await.unwrap() > 0 {
            stream.write_all(ok("unix").as_bytes()).await.unwrap();
        }
    });
    let unused = "127.0.0.1:1".parse().unwrap();
    let target = Target::Unix(path.clone());
    let front = Front::with(unused, ListenerSettings::default(), |s| s.target = target).await;
    assert_eq!(ask(&front, "GET / HTTP/1.1\r\nHost: w\r\n\r\n").await.body, b"unix");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn old_clients_get_old_answers() {
    let (backend, log) =
        recorder(|_| "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n".to_owned())
            .await;
    let front = Front::before(backend).await;
    let answer = ask(&front, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.head.starts_with("HTTP/1.0 200"), "{}", answer.head);
    assert!(answer.all("transfer-encoding").is_empty());
    assert_eq!(answer.body, b"ab");
    let got = log.lock().unwrap().pop().unwrap();
    assert_eq!(got.line(), "GET / HTTP/1.1");
    assert_eq!(got.all("host"), [backend.to_string()]);
}

#[tokio::test]
async fn a_websocket_is_a_tunnel_once_the_backend_agrees() {
    let backend = backend(|mut stream| async move {
        let mut wire = Wire::default();
        let head = wire.head(&mut stream).await.unwrap();
        assert_eq!(values(&head, "upgrade"), ["websocket"]);
        assert_eq!(values(&head, "connection"), ["upgrade"]);
        assert_eq!(values(&head, "sec-websocket-key"), ["k"]);
        let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\nearly";
        stream.write_all(switch.as_bytes()).await.unwrap();
        let mut got = wire.exactly(&mut stream, 4).await.unwrap();
        got.reverse();
        stream.write_all(&got).await.unwrap();
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    client
        .write("GET /live HTTP/1.1\r\nHost: w\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n")
        .await;
    let head = within(client.wire.head(&mut client.stream)).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(values(&head, "sec-websocket-accept"), ["a"]);
    assert_eq!(values(&head, "upgrade"), ["websocket"]);
    assert_eq!(within(client.wire.exactly(&mut client.stream, 5)).await.unwrap(), b"early");
    client.write("abcd").await;
    assert_eq!(within(client.wire.exactly(&mut client.stream, 4)).await.unwrap(), b"dcba");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_websocket_that_is_refused_is_an_ordinary_answer() {
    let (backend, log) =
        recorder(|_| "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_owned()).await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    let upgrade = "GET / HTTP/1.1\r\nHost: w\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    for _ in 0..2 {
        let answer = client.ask(upgrade).await;
        assert_eq!((answer.status(), answer.body.as_slice()), (403, b"no".as_slice()));
    }
    assert_eq!(log.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn no_tunnel_opens_without_a_switch_that_was_asked_for() {
    for upgrade in ["Upgrade: other\r\n", ""] {
        let (backend, _) = recorder(move |_| {
            format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}Connection: Upgrade\r\n\r\n")
        })
        .await;
        let front = Front::before(backend).await;
        for asked in ["Connection: Upgrade\r\nUpgrade: websocket\r\n", ""] {
            let answer = ask(&front, format!("GET / HTTP/1.1\r\nHost: w\r\n{asked}\r\n")).await;
            assert_eq!(answer.status(), 502, "{}", answer.head);
        }
    }
}
