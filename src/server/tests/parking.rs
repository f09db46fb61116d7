//! Idle connections give their buffers back, and nobody notices.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use super::support::*;
use crate::server::settings::ListenerSettings;

/// Parks after a few milliseconds, so that requests can be sent just then.
fn eager() -> ListenerSettings {
    ListenerSettings { park_after: Duration::from_millis(10), ..ListenerSettings::default() }
}

/// Runs clients on a thread of their own: on the listener's they could only act between its steps.
async fn elsewhere<F>(clients: impl FnOnce() -> F + Send + 'static)
where
    F: Future<Output = ()>,
{
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(clients());
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

async fn pause(micros: u64) {
    tokio::time::sleep(Duration::from_micros(micros)).await;
}

#[tokio::test]
async fn a_request_sent_at_the_moment_of_parking_is_answered_and_the_connection_stays() {
    let (backend, _) = recorder(|got| ok(got.line())).await;
    let front = Front::with(backend, eager(), |_| {}).await;
    let address = front.address;
    elsewhere(move || async move {
        let clients: Vec<_> = (0..40).map(|nth| tokio::spawn(sweep(address, nth))).collect();
        for client in clients {
            client.await.unwrap();
        }
    })
    .await;
}

/// Asks again and again, around the time when the connection is parked: the tick is 5 ms, and parking
/// takes one or two.
async fn sweep(address: SocketAddr, nth: u64) {
    let mut client = Client::at(address).await;
    for round in 0..60_u64 {
        pause(4_000 + (nth * 37 + round * 211) % 8_000).await;
        let answer = client.ask(format!("GET /{round} HTTP/1.1\r\nHost: w\r\n\r\n")).await;
        assert_eq!(answer.body, format!("GET /{round} HTTP/1.1").as_bytes());
        assert!(answer.all("connection").is_empty(), "{}", answer.head);
    }
}

#[tokio::test]
async fn a_head_that_comes_in_pieces_around_parking_is_one_request() {
    let (backend, _) = recorder(|got| ok(&String::from_utf8_lossy(&got.body))).await;
    let front = Front::with(backend, eager(), |_| {}).await;
    let address = front.address;
    elsewhere(move || async move {
        let mut client = Client::at(address).await;
        for round in 0..60 {
            let request = format!("POST /{round} HTTP/1.1\r\nHost: w\r\nContent-Length: 4\r\n\r\nbody");
            let (start, rest) = request.split_at(1 + (round * 7) % (request.len() - 1));
            pause(4_000 + round as u64 * 211 % 8_000).await;
            client.write(start).await;
            pause(4_000 + round as u64 * 173 % 12_000).await;
            let answer = client.ask(rest).await;
            assert_eq!(answer.body, b"body", "round {round}, after {start:?}");
            assert!(answer.all("connection").is_empty(), "{}", answer.head);
        }
    })
    .await;
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
