//! A wallet backend whose answers a test decides, and which remembers every request that reached it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::sidecar::PATIENCE;

/// A request that reached the backend.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// How the backend treats the next request to a path.
#[derive(Debug, Clone)]
pub enum Mood {
    /// Answers with this.
    Answer(StatusCode, Value),
    /// Answers with this text and content type.
    Text(StatusCode, &'static str, String),
    /// Answers as usual, but only when told to.
    Held(Arc<Notify>),
    /// Never answers.
    Hang,
    /// Takes the request and closes the connection.
    Reset,
}

#[derive(Default)]
struct Record {
    seen: Vec<Seen>,
    moods: Vec<(String, VecDeque<Mood>)>,
    funded: u64,
    balance: u64,
}

/// A running backend. Dropping it closes it.
pub struct Backend {
    addr: SocketAddr,
    record: Arc<Mutex<Record>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Backend {
    /// Starts on a free port.
    pub async fn start() -> Self {
        Self::on("127.0.0.1:0").await
    }

    /// Starts on this address.
    pub async fn on(addr: &str) -> Self {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let record = Arc::new(Mutex::new(Record::default()));
        let (counted, count) = watch::channel(0);
        let counted = Arc::new(counted);
        let shared = Arc::clone(&record);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, Arc::clone(&shared), Arc::clone(&counted)));
            }
        });
        Self { addr, record, count, task }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What the next requests to this path meet, one after the other; afterwards the usual.
    pub fn next(&self, path: &str, mood: Mood) {
        let mut record = self.record.lock().unwrap();
        match record.moods.iter_mut().find(|(known, _)| known == path) {
            Some((_, moods)) => moods.push_back(mood),
            None => record.moods.push((path.to_owned(), VecDeque::from([mood]))),
        }
    }

    /// The next request to this path is answered when the gate is notified.
    pub fn hold(&self, path: &str) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        self.next(path, Mood::Held(Arc::clone(&gate)));
        gate
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.record.lock().unwrap().seen.clone()
    }

    /// Every request so far to this path.
    pub fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path() == path).collect()
    }

    /// Waits until so many requests have arrived.
    pub async fn wait_for(&self, requests: usize) {
        let mut count = self.count.clone();
        let arrived = count.wait_for(|count| *count >= requests);
        tokio::time::timeout(PATIENCE, arrived).await.expect("the requests arrive").unwrap();
    }

    /// The balance of everybody together.
    pub fn balance(&self) -> u64 {
        self.record.lock().unwrap().balance
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, record: Arc<Mutex<Record>>, counted: Arc<watch::Sender<usize>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (record, counted) = (Arc::clone(&record), Arc::clone(&counted));
        async move { answer(request, &record, &counted).await }
    });
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    record: &Mutex<Record>,
    counted: &watch::Sender<usize>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let seen = Seen { method: head.method, target: head.uri.to_string(), headers: head.headers, body };
    let mood = {
        let mut record = record.lock().unwrap();
        record.seen.push(seen.clone());
        let planned = record.moods.iter_mut().find(|(path, _)| path == seen.path());
        planned.and_then(|(_, moods)| moods.pop_front())
    };
    counted.send_modify(|count| *count += 1);
    let mood = match mood {
        Some(Mood::Held(gate)) => {
            gate.notified().await;
            None
        }
        other => other,
    };
    let mood = mood.unwrap_or_else(|| usual(&seen, &mut record.lock().unwrap()));
    let (status, media_type, text) = match mood {
        Mood::Answer(status, value) => (status, "application/json; charset=utf-8", value.to_string()),
        Mood::Text(status, media_type, text) => (status, media_type, text),
        Mood::Hang | Mood::Held(_) => std::future::pending().await,
        Mood::Reset => return Err(std::io::Error::other("told to break off")),
    };
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", media_type.parse().unwrap());
    Ok(answer)
}

fn usual(seen: &Seen, record: &mut Record) -> Mood {
    match (seen.method.as_str(), seen.path()) {
        ("POST", "/api/wallet/fund") => {
            record.funded += 1;
            let reference = format!("FUND-{:05}", record.funded);
            Mood::Answer(StatusCode::OK, json!({ "success": true, "transactionReference": reference }))
        }
        ("POST", "/api/wallet/verify-otp" | "/api/wallet/otp/verify") => {
            record.balance += 5_000;
            let balance = record.balance;
            Mood::Answer(
                StatusCode::OK,
                json!({ "success": true, "newBalance": balance, "transactionId": "TXN-1" }),
            )
        }
        ("GET", "/api/wallet/balance") => {
            Mood::Answer(StatusCode::OK, json!({ "success": true, "balance": record.balance }))
        }
        ("POST", "/echo") => Mood::Text(
            StatusCode::OK,
            "application/octet-stream",
            String::from_utf8_lossy(&seen.body).into_owned(),
        ),
        _ => Mood::Answer(StatusCode::NOT_FOUND, json!({ "message": "not found" })),
    }
}
