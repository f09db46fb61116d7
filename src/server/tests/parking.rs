//! Idle connections give their buffers back, and nobody notices.

use std::time::Duration;

use super::support::*;
use crate::server::listener::ListenerSettings;

/// Parks after a few milliseconds, so that requests can be sent just then.
fn eager() -> ListenerSettings {
    ListenerSettings { park_after: Duration::from_millis(10), ..ListenerSettings::default() }
}

async fn pause(micros: u64) {
    tokio::time::sleep(Duration::from_micros(micros)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_sent_at_the_moment_of_parking_is_answered_and_the_connection_stays() {
    let (backend, _) = recorder(|got| ok(got.line())).await;
    let front = Front::with(backend, eager(), |_| {}).await;
    let clients = (0..40_u64).map(|nth| {
        let address = front.address;
        tokio::spawn(async move {
            let mut client = Client::at(address).await;
            for round in 0..60_u64 {
                // The tick is 5 ms and parking takes one or two: sweep over that span.
                pause(4_000 + (nth * 37 + round * 211) % 8_000).await;
                let answer = client.ask(format!("GET /{round} HTTP/1.1\r\nHost: w\r\n\r\n")).await;
                assert_eq!(answer.body, format!("GET /{round} HTTP/1.1").as_bytes());
                assert!(answer.all("connection").is_empty(), "{}", answer.head);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_comes_in_pieces_around_parking_is_one_request() {
    let (backend, _) = recorder(|got| ok(&String::from_utf8_lossy(&got.body))).await;
    let front = Front::with(backend, eager(), |_| {}).await;
    let mut client = Client::to(&front).await;
    for round in 0..60_u64 {
        let request = format!("POST /{round} HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nbody");
        let cut = 1 + (round as usize * 7) % (request.len() - 1);
        pause(4_000 + round * 211 % 8_000).await;
        client.write(&request[..cut]).await;
        pause(4_000 + round * 173 % 12_000).await;
        let answer = client.ask(&request[cut..]).await;
        assert_eq!(answer.body, b"body", "round {round}, cut at {cut}");
        assert!(answer.all("connection").is_empty(), "{}", answer.head);
    }
}

#[tokio::test]
async fn a_slow_answer_is_not_parked_away() {
    let (backend, _) = recorder(|_| {
        std::thread::sleep(Duration::from_millis(80));
        ok("late")
    })
    .await;
    let front = Front::with(backend, eager(), |_| {}).await;
    let mut client = Client::to(&front).await;
    for _ in 0..3 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: w\r\n\r\n").await.body, b"late");
    }
}

#[tokio::test]
async fn a_connection_that_asked_to_be_closed_is_closed_and_not_parked() {
    let (backend, _) = recorder(|_| ok("x")).await;
    let front = Front::with(backend, eager(), |_| {}).await;
    let mut client = Client::to(&front).await;
    let answer = client.ask("GET / HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n").await;
    assert_eq!(answer.all("connection"), ["close"]);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let (backend, _) = recorder(|_| ok("x")).await;
    let settings = ListenerSettings { idle_timeout: Duration::from_millis(80), ..eager() };
    let front = Front::with(backend, settings, |_| {}).await;
    let mut silent = Client::to(&front).await;
    let mut client = Client::to(&front).await;
    client.ask("GET / HTTP/1.1\r\nHost: w\r\n\r\n").await;
    assert!(client.is_closed().await);
    assert!(silent.is_closed().await);
}
