//! Connections to the backend, between requests and under one.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::support::*;

#[tokio::test]
async fn an_idle_connection_that_the_backend_has_closed_is_closed_here_too() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let backend = backend(move |mut stream| {
        let tell = tell.clone();
        async move {
            let mut wire = Wire::default();
            if wire.request(&mut stream).await.is_some() {
                let _ = stream.write_all(ok("x").as_bytes()).await;
                let _ = stream.shutdown().await;
                let _ = tell.send(stream.read_to_end(&mut Vec::new()).await.is_ok());
            }
        }
    })
    .await;
    let front = Front::before(backend).await;
    assert_eq!(ask(&front, "GET / HTTP/1.1\r\nHost: w\r\n\r\n").await.status(), 200);
    assert_eq!(within(told.recv()).await, Some(true));
}

#[tokio::test]
async fn a_flood_of_pipelined_requests_leaves_none_unanswered() {
    const COUNT: usize = 1_000;
    let (backend, _) = recorder(|got| ok(got.line())).await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    let requests: String = (0..COUNT).map(|i| format!("GET /{i} HTTP/1.1\r\nHost: w\r\n\r\n")).collect();
    client.write(requests).await;
    for i in 0..COUNT {
        let answer = within(client.answer(true)).await.unwrap();
        assert_eq!(answer.body, format!("GET /{i} HTTP/1.1").as_bytes());
    }
}

#[tokio::test]
async fn a_body_goes_on_while_nothing_of_the_answer_is_read() {
    const LENGTH: usize = 16 * 1024 * 1024;
    let backend = backend(|mut stream| async move {
        let mut wire = Wire::default();
        let _ = wire.head(&mut stream).await;
        let (mut reader, mut writer) = stream.split();
        let answering = async {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
            writer.write_all(head.as_bytes()).await?;
            writer.write_all(&vec![b'a'; LENGTH]).await
        };
        let mut rest = vec![0; LENGTH - wire.rest()];
        let _ = tokio::join!(answering, reader.read_exact(&mut rest));
    })
    .await;
    let front = Front::before(backend).await;
    let mut client = Client::to(&front).await;
    client.write(format!("POST / HTTP/1.1\r\nHost: w\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
    within(client.write(vec![b'q'; LENGTH])).await;
    let answer = within(client.answer(true)).await.unwrap();
    assert_eq!(answer.body.len(), LENGTH);
}
