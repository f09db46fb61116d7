//! What no route names arrives as it was sent.

use super::support::*;

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
}
