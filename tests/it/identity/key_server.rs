//! A server of key sets on a free port, which rotates, breaks and goes away on demand.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

/// What it answers.
#[derive(Clone)]
pub enum Answer {
    Keys(Vec<Value>),
    KeysFor {
        keys: Vec<Value>,
        cache_control: &'static str,
    },
    Body(Bytes),
    Status(u16),
    /// Accepts the request and never answers.
    Silence,
    /// Closes connections at once.
    Gone,
}

pub struct KeyServer {
    pub url: Url,
    answer: Arc<Mutex<Answer>>,
    hits: watch::Receiver<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl KeyServer {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/keys", listener.local_addr().unwrap())).unwrap();
        let answer = Arc::new(Mutex::new(answer));
        let (count, hits) = watch::channel(0);
        let task = tokio::spawn(serve(listener, Arc::clone(&answer), count));
        Self { url, answer, hits, task }
    }

    pub fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub fn hits(&self) -> usize {
        *self.hits.borrow()
    }

    /// Waits until it was asked that often.
    pub async fn asked(&self, times: usize) {
        let waiting = async { self.hits.clone().wait_for(|hits| *hits >= times).await.map(|_| ()) };
        tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.unwrap().unwrap();
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, answer: Arc<Mutex<Answer>>, count: watch::Sender<usize>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let answer = answer.lock().unwrap().clone();
        count.send_modify(|hits| *hits += 1);
        if matches!(answer, Answer::Gone) {
            continue;
        }
        tokio::spawn(async move {
            let service = service_fn(move |_| respond(answer.clone()));
            let mut http = hyper::server::conn::http1::Builder::new();
            let connection = http.keep_alive(false).serve_connection(TokioIo::new(socket), service);
            let _closed_early = connection.await;
        });
    }
}

async fn respond(answer: Answer) -> Result<Response<Full<Bytes>>, Infallible> {
    let reply = |status: u16, cache_control: &str, body: Bytes| {
        let reply = Response::builder().status(StatusCode::from_u16(status).unwrap());
        reply.header("cache-control", cache_control).body(Full::new(body)).unwrap()
    };
    let set = |keys: Vec<Value>| Bytes::from(json!({ "keys": keys }).to_string());
    Ok(match answer {
        Answer::Keys(keys) => reply(200, "public", set(keys)),
        Answer::KeysFor { keys, cache_control } => reply(200, cache_control, set(keys)),
        Answer::Body(body) => reply(200, "public", body),
        Answer::Status(status) => reply(status, "public", Bytes::new()),
        Answer::Silence | Answer::Gone => std::future::pending().await,
    })
}
