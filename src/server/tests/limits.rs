//! Nobody holds a place for ever, and nobody is cut off without need.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::support::*;
use crate::proxy::body::{Body, CollectError, collect};
use crate::proxy::forward::Care;
use crate::server::Handler;
use crate::server::settings::ListenerSettings;

const GET: &str = "GET / HTTP/1.1\r\nHost: w\r\n\r\n";

#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let (backend, log) = recorder(|_| ok("")).await;
    let settings =
        ListenerSettings { header_timeout: Duration::from_millis(120), ..ListenerSettings::default() };
    let front = Front::with(backend, settings, |_| {}).await;
    let mut client = Client::to(&front).await;
    client.ask(GET).await;
    let drip = async {
        for byte in GET.bytes().cycle().filter(|byte| *byte != b'\n') {
            if client.stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(drip).await;
    assert_eq!(log.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let (backend, log) = recorder(|_| ok("")).await;
    let front = Front::before(backend).await;
    let fits = format!("GET / HTTP/1.1\r\nHost: w\r\nX: {}\r\n\r\n", "x".repeat(16_000));
    assert_eq!(ask(&front, &fits).await.status(), 200);
    assert_eq!(log.lock().unwrap().pop().unwrap().all("x")[0].len(), 16_000);
    let large = format!("GET / HTTP/1.1\r\nHost: w\r\nX: {}\r\n\r\n", "x".repeat(17_000));
    assert_eq!(ask(&front, &large).await.status(), 431);
    let many: String = (0..101).map(|i| format!("X-{i}: 1\r\n")).collect();
    assert_eq!(ask(&front, format!("GET / HTTP/1.1\r\nHost: w\r\n{many}\r\n")).await.status(), 431);
    let long = format!("GET /{} HTTP/1.1\r\nHost: w\r\n\r\n", "x".repeat(16_500));
    assert!([414, 431].contains(&ask(&front, &long).await.status()));
    let mut client = Client::to(&front).await;
    let endless = async { while client.stream.write_all(&[b'x'; 16_384]).await.is_ok() {} };
    within(endless).await;
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let backend = backend(move |mut stream| {
        let tell = tell.lock().unwrap().take();
        async move {
            Wire::default().request(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
            let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65_536], b"\r\n"].concat();
            while stream.write_all(&chunk).await.is_ok() {}
            let _ = tell.unwrap().send(());
        }
    })
    .await;
    let settings =
        ListenerSettings { write_timeout: Duration::from_millis(150), ..ListenerSettings::default() };
    let front = Front::with(backend, settings, |_| {}).await;
    let mut client = Client::to(&front).await;
    client.write(GET).await;
    within(told).await.unwrap();
}

fn one_place() -> ListenerSettings {
    ListenerSettings {
        max_connections: 1,
        park_after: Duration::from_millis(10),
        ..ListenerSettings::default()
    }
}

/// With all places taken and `busy` being answered, a further client has its turn after it.
async fn a_further_client_waits_for(busy: &mut Client, front: &Front, arrived: &Notify, cue: &Notify) {
    let mut further = Client::to(front).await;
    further.write(GET).await;
    let early = tokio::time::timeout(Duration::from_millis(100), arrived.notified()).await;
    assert!(early.is_err(), "a further client was served");
    cue.notify_one();
    assert_eq!(within(busy.answer(true)).await.unwrap().status(), 200);
    within(arrived.notified()).await;
    cue.notify_one();
    assert_eq!(within(further.answer(true)).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_busy_ones_and_then_replaces_an_idle_one() {
    let (handler, arrived, cue) = on_cue();
    let front = Front::serving(handler, one_place()).await;
    let mut busy = Client::to(&front).await;
    busy.write(GET).await;
    arrived.notified().await;
    a_further_client_waits_for(&mut busy, &front, &arrived, &cue).await;
    assert!(busy.is_closed().await);
}

#[tokio::test]
async fn silent_connections_make_room_and_the_one_that_was_silent_longest_goes_first() {
    let (backend, _) = recorder(|_| ok("x")).await;
    let settings = ListenerSettings { max_connections: 20, ..ListenerSettings::default() };
    let front = Front::with(backend, settings, |_| {}).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(Client::to(&front).await);
    }
    let mut further = Client::to(&front).await;
    assert_eq!(further.ask(GET).await.status(), 200);
    assert!(silent.remove(0).is_closed().await);
    for client in &mut silent {
        assert_eq!(client.ask(GET).await.status(), 200);
    }
    assert_eq!(further.ask(GET).await.status(), 200);
}

/// A head in pieces, over more than the looks that it takes to find that it is not whole.
async fn drip_a_head(client: &mut Client) {
    for byte in GET.bytes() {
        client.write([byte]).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

#[tokio::test]
async fn heads_that_are_not_ended_make_room_for_others() {
    let (backend, log) = recorder(|_| ok("x")).await;
    let settings = ListenerSettings {
        max_connections: 5,
        park_after: Duration::from_millis(10),
        header_timeout: Duration::from_secs(600),
        ..ListenerSettings::default()
    };
    let front = Front::with(backend, settings, |_| {}).await;
    let mut unfinished = Vec::new();
    for _ in 0..5 {
        let mut client = Client::to(&front).await;
        client.write("GET / HTTP/1.1\r\nHo").await;
        unfinished.push(client);
    }
    let mut further = Client::to(&front).await;
    assert_eq!(further.ask(GET).await.status(), 200);
    assert!(unfinished.remove(0).is_closed().await);
    // Nobody else had to go.
    for client in &mut unfinished {
        assert_eq!(client.ask("st: w\r\n\r\n").await.status(), 200);
    }
    assert_eq!(log.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn a_head_that_was_ended_late_keeps_its_place_until_it_is_answered() {
    let (handler, arrived, cue) = on_cue();
    let front = Front::serving(handler, one_place()).await;
    let mut slow = Client::to(&front).await;
    drip_a_head(&mut slow).await;
    within(arrived.notified()).await;
    a_further_client_waits_for(&mut slow, &front, &arrived, &cue).await;
}

#[test]
fn only_silent_connections_are_looked_at_often_when_there_are_many() {
    let settings = ListenerSettings::default();
    assert_eq!(settings.tick(10_000, true), Duration::from_millis(20));
    assert_eq!(settings.tick(10_000, false), Duration::from_millis(500));
    assert_eq!(settings.tick(10, true), Duration::from_millis(500));
}

/// Answers when it is told to, and panics for `/panic`.
struct OnCue(Arc<Notify>, Arc<Notify>);

impl Handler for OnCue {
    async fn handle(&self, request: Box<Request<Body>>, _: SocketAddr) -> Response<Body> {
        assert_ne!(request.uri().path(), "/panic");
        self.0.notify_one();
        self.1.notified().await;
        Response::new(Body::full("done"))
    }
}

fn on_cue() -> (OnCue, Arc<Notify>, Arc<Notify>) {
    let (arrived, cue) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    (OnCue(Arc::clone(&arrived), Arc::clone(&cue)), arrived, cue)
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way_and_closes_the_rest_at_once() {
    let (handler, arrived, cue) = on_cue();
    let mut front = Front::serving(handler, ListenerSettings::default()).await;
    let mut silent = Client::to(&front).await;
    let mut idle = Client::to(&front).await;
    idle.write(GET).await;
    arrived.notified().await;
    cue.notify_one();
    within(idle.answer(true)).await.unwrap();
    let mut busy = Client::to(&front).await;
    busy.write(GET).await;
    arrived.notified().await;
    front.stop();
    assert!(idle.is_closed().await);
    assert!(silent.is_closed().await);
    assert!(tokio::net::TcpStream::connect(front.address).await.is_err(), "still accepting");
    cue.notify_one();
    let answer = within(busy.answer(true)).await.unwrap();
    assert_eq!((answer.status(), answer.all("connection")), (200, vec!["close"]));
    drop(busy);
    assert_eq!(front.stopped().await.cut, 0);
}

#[tokio::test]
async fn what_is_not_done_by_the_deadline_is_cut_and_counted() {
    let (handler, arrived, _cue) = on_cue();
    let settings = ListenerSettings { drain: Duration::from_millis(50), ..ListenerSettings::default() };
    let front = Front::serving(handler, settings).await;
    let mut busy = Client::to(&front).await;
    busy.write(GET).await;
    arrived.notified().await;
    assert_eq!(front.stopped().await.cut, 1);
    assert!(busy.is_closed().await);
}

#[tokio::test]
async fn a_panic_ends_one_connection_and_not_the_listener() {
    let (handler, _, cue) = on_cue();
    let front =
        Front::serving(handler, ListenerSettings { max_connections: 1, ..ListenerSettings::default() }).await;
    let mut client = Client::to(&front).await;
    client.write("GET /panic HTTP/1.1\r\nHost: w\r\n\r\n").await;
    assert!(client.is_closed().await);
    cue.notify_one();
    assert_eq!(ask(&front, GET).await.body, b"done");
}

/// Reads the body whole and says what came of it.
struct Reader(Duration);

impl Handler for Reader {
    async fn handle(&self, request: Box<Request<Body>>, _: SocketAddr) -> Response<Body> {
        let said = match collect(request.into_body(), 16, self.0).await {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(CollectError::TooLarge(_)) => "too large".to_owned(),
            Err(CollectError::Timeout(_)) => "too late".to_owned(),
            Err(CollectError::Broken) => "broken".to_owned(),
        };
        Response::new(Body::full(said))
    }
}

#[tokio::test]
async fn bodies_that_are_read_whole_have_a_size_and_a_time() {
    let front = Front::serving(Reader(Duration::from_millis(200)), ListenerSettings::default()).await;
    let post = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: w\r\n{headers}\r\n\r\n{body}");
    let cases = [
        (post("Content-Length: 16", "0123456789abcdef"), "16 bytes"),
        (post("Content-Length: 17", ""), "too large"),
        (post("Transfer-Encoding: chunked", "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n"), "16 bytes"),
        (post("Transfer-Encoding: chunked", "8\r\n01234567\r\n9\r\n012345678\r\n"), "too large"),
        (post("Content-Length: 3", "ab"), "too late"),
        (post("Content-Length: 0", ""), "0 bytes"),
    ];
    for (request, expected) in cases {
        let answer = ask(&front, &request).await;
        assert_eq!(String::from_utf8_lossy(&answer.body), expected, "{request:?}");
    }
}

#[tokio::test]
async fn a_careful_request_is_never_sent_twice() {
    let (count, seen) =
        (Arc::new(std::sync::atomic::AtomicUsize::new(0)), std::sync::atomic::Ordering::SeqCst);
    let counted = Arc::clone(&count);
    // Takes a request, and closes the connection without a word.
    let backend = backend(move |mut stream| {
        let counted = Arc::clone(&counted);
        async move {
            let mut wire = Wire::default();
            if wire.request(&mut stream).await.is_some() {
                counted.fetch_add(1, seen);
            }
        }
    })
    .await;
    let front = Front::careful(backend, ListenerSettings::default(), |_| {}, Care::Once).await;
    let mut client = Client::to(&front).await;
    assert_eq!(client.ask(GET).await.status(), 502);
    assert_eq!(count.load(seen), 1);
}

#[tokio::test]
async fn a_careful_request_has_a_connection_of_its_own() {
    let opened = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let backend = backend(move |mut stream| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move {
            let mut buffer = [0; 4096];
            while matches!(stream.read(&mut buffer).await, Ok(1..)) {
                let _ = stream.write_all(ok("x").as_bytes()).await;
            }
        }
    })
    .await;
    let front = Front::careful(backend, ListenerSettings::default(), |_| {}, Care::Once).await;
    let mut client = Client::to(&front).await;
    client.ask(GET).await;
    client.ask(GET).await;
    assert_eq!(opened.load(std::sync::atomic::Ordering::SeqCst), 2);
}
