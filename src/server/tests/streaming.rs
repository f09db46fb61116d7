//! Bodies flow while they are made, both ways.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;
use crate::proxy::upstream::UpstreamSettings;
use crate::server::settings::ListenerSettings;

#[tokio::test]
async fn events_arrive_one_by_one_while_the_answer_goes_on() {
    let backend = backend(|mut stream| async move {
        let mut wire = Wire::default();
        wire.request(&mut stream).await.unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..3 {
            stream.write_all(b"9\r\ndata: x\n\n\r\n").await.unwrap();
            // The next event waits until the client has seen this one.
            wire.exactly(&mut stream, 0).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    client.write("GET /events HTTP/1.1\r\nHost: w\r\n\r\n").await;
    let head = within(client.wire.head(&mut client.stream)).await.unwrap();
    assert!(head.contains("text/event-stream"), "{head}");
    for _ in 0..3 {
        assert_eq!(within(client.wire.line(&mut client.stream)).await.unwrap(), "9");
        assert_eq!(within(client.wire.exactly(&mut client.stream, 11)).await.unwrap(), b"data: x\n\n\r\n");
    }
}

#[tokio::test]
async fn a_large_body_comes_back_byte_for_byte_in_both_framings() {
    let backend = backend(|mut stream| async move {
        let mut wire = Wire::default();
        while let Some(got) = wire.request(&mut stream).await {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", got.body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&got.body).await.unwrap();
        }
    })
    .await;
    let front = Front::before(backend).await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut client = Client::to(&front).await;
    client.write(format!("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n", body.len())).await;
    client.write(&body).await;
    assert!(within(client.answer(true)).await.unwrap().body == body);
    client.write("POST / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for piece in body.chunks(70_000) {
        client.write(format!("{:x};ext=1\r\n", piece.len())).await;
        client.write(piece).await;
        client.write("\r\n").await;
    }
    client.write("0\r\n\r\n").await;
    assert!(within(client.answer(true)).await.unwrap().body == body);
}

#[tokio::test]
async fn a_get_with_a_chunked_body_keeps_it() {
    let (backend, log) = recorder(|_| ok("")).await;
    let front = Front::before(backend).await;
    ask(&front, "GET / HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    assert_eq!(log.lock().unwrap()[0].body, b"abc");
}

#[tokio::test]
async fn announced_trailers_pass_both_ways_without_what_only_intermediaries_set() {
    let (backend, log) = recorder(|_| {
        "HTTP/1.1 200 OK\r\nTrailer: X-Sum, X-Two\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\n".to_owned()
    })
    .await;
    let front = Front::before(backend).await;
    let answer = ask(
        &front,
        "POST / HTTP/1.1\r\nHost: w\r\nTE: trailers\r\nConnection: TE\r\nTrailer: X-Sum, X-OTP-Verified, x_otp_ok\r\n\
         Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\nX-Sum: 9\r\nX-OTP-Verified: 1\r\nx_otp_ok: 1\r\n\r\n",
    )
    .await;
    assert_eq!(answer.trailers.to_lowercase(), "x-sum: 1\nx-two: 2\n");
    let got = log.lock().unwrap().pop().unwrap();
    assert_eq!((got.body.as_slice(), got.trailers.as_str()), (b"b".as_slice(), "x-sum: 9\n"));
    assert_eq!(got.all("trailer"), ["x-sum"]);
}

const EXPECTING: &str = "POST / HTTP/1.1\r\nHost: w\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";

#[tokio::test]
async fn a_client_gets_its_100_when_the_backend_asks_for_the_body() {
    let backend = backend(|mut stream| async move {
        let mut wire = Wire::default();
        let head = wire.head(&mut stream).await.unwrap();
        assert_eq!(values(&head, "expect"), ["100-continue"]);
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        assert_eq!(wire.exactly(&mut stream, 3).await.unwrap(), b"abc");
        stream.write_all(ok("done").as_bytes()).await.unwrap();
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    client.write(EXPECTING).await;
    let interim = within(client.wire.head(&mut client.stream)).await.unwrap();
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("abc").await;
    assert_eq!(within(client.answer(true)).await.unwrap().body, b"done");
}

#[tokio::test]
async fn a_client_whose_body_is_refused_early_is_not_asked_for_it() {
    for status in [401, 417] {
        let (backend, closed) = early_refusal(status).await;
        let front = Front::before(backend).await;
        let mut client = Client::to(&front).await;
        client.write(EXPECTING).await;
        let head = within(client.wire.head(&mut client.stream)).await.unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        // The connection on which a body is owed carries nothing else.
        assert_eq!(within(closed).await.unwrap(), 0);
    }
}

/// Answers a head at once, and tells how many bytes came after it.
async fn early_refusal(status: u16) -> (std::net::SocketAddr, tokio::sync::oneshot::Receiver<usize>) {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let address = backend(move |mut stream| {
        let tell = tell.lock().unwrap().take();
        async move {
            Wire::default().head(&mut stream).await.unwrap();
            let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            let _ = tell.unwrap().send(rest.len());
        }
    })
    .await;
    (address, told)
}

#[tokio::test]
async fn a_backend_that_ignores_the_expectation_still_gets_the_body() {
    let (backend, log) = recorder(|_| ok("done")).await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    client.write(EXPECTING).await;
    let interim = within(client.wire.head(&mut client.stream)).await.unwrap();
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("abc").await;
    assert_eq!(within(client.answer(true)).await.unwrap().body, b"done");
    assert_eq!(log.lock().unwrap()[0].body, b"abc");
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let (backend, _) = early_refusal(413).await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    client.write("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 10000000\r\n\r\n").await;
    client.write(vec![b'x'; 100_000]).await;
    let answer = within(client.answer(true)).await.unwrap();
    assert_eq!((answer.status(), answer.body.as_slice()), (413, b"no".as_slice()));
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request_to_the_backend() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let backend = backend(move |mut stream| {
        let tell = tell.lock().unwrap().take();
        async move {
            Wire::default().request(&mut stream).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
            let _ = tell.unwrap().send(());
        }
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    client.write("GET / HTTP/1.1\r\nHost: w\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(client);
    within(told).await.unwrap();
}

#[tokio::test]
async fn a_broken_answer_breaks_off_for_the_client_too() {
    let backend = backend(|mut stream| async move {
        Wire::default().request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    client.write("GET / HTTP/1.1\r\nHost: w\r\n\r\n").await;
    assert!(within(client.answer(true)).await.is_none(), "half an answer looked whole");
}

#[tokio::test]
async fn a_client_that_stops_sending_a_body_does_not_hold_the_backend() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let backend = backend(move |mut stream| {
        let tell = tell.lock().unwrap().take();
        async move {
            assert!(Wire::default().request(&mut stream).await.is_none());
            let _ = tell.unwrap().send(());
        }
    })
    .await;
    let front = Front::with(backend, ListenerSettings::default(), |s| {
        s.upload_timeout = Duration::from_millis(60);
    })
    .await;
    let mut client = Client::to(&front).await;
    client.write("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert_eq!(within(client.answer(true)).await.unwrap().status(), 408);
    within(told).await.unwrap();
}

fn patient_for(millis: u64) -> impl FnOnce(&mut UpstreamSettings) {
    move |settings| settings.upload_timeout = Duration::from_millis(millis)
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let (backend, log) = recorder(|_| ok("")).await;
    let front = Front::with(backend, ListenerSettings::default(), patient_for(100)).await;
    let mut client = Client::to(&front).await;
    client.write("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 100000\r\n\r\n").await;
    let drip = async {
        while client.stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(drip).await;
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_that_is_slow_but_comes_is_not_given_up() {
    let (backend, log) = recorder(|_| ok("")).await;
    let front = Front::with(backend, ListenerSettings::default(), patient_for(600)).await;
    let mut client = Client::to(&front).await;
    client.write("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: 16384\r\n\r\n").await;
    for _ in 0..16 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.write([b'x'; 1024]).await;
    }
    assert_eq!(within(client.answer(true)).await.unwrap().status(), 200);
    assert_eq!(log.lock().unwrap()[0].body.len(), 16_384);
}

#[tokio::test]
async fn a_client_is_not_blamed_for_a_backend_that_takes_nothing() {
    let backend = backend(|mut stream| async move {
        let mut wire = Wire::default();
        let head = wire.head(&mut stream).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let length = values(&head, "content-length")[0].parse().unwrap();
        wire.exactly(&mut stream, length).await.unwrap();
        stream.write_all(ok("done").as_bytes()).await.unwrap();
    })
    .await;
    let front = Front::with(backend, ListenerSettings::default(), patient_for(300)).await;
    let mut client = Client::to(&front).await;
    let body = vec![b'x'; 20_000_000];
    client.write(format!("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n", body.len() + 1)).await;
    client.write(&body).await;
    client.write("x").await;
    assert_eq!(within(client.answer(true)).await.unwrap().body, b"done");
}
