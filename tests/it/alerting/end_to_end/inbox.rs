//! A webhook receiver: what an Alertmanager told whom, in which state.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Receiver, namespace and name of an alert.
type Key = (String, String, String);

#[derive(Default)]
struct Told {
    /// The latest state, `firing` or `resolved`, of each alert of that name.
    states: BTreeMap<Key, BTreeMap<String, String>>,
    alerts: Vec<Value>,
}

/// A running receiver. What arrives at `/a` is for the receiver `a`.
pub struct Inbox {
    addr: SocketAddr,
    told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

impl Inbox {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let told = Arc::new(Mutex::new(Told::default()));
        let shared = Arc::clone(&told);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let told = Arc::clone(&shared);
                let service = service_fn(move |request| take(request, Arc::clone(&told)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { addr, told, task }
    }

    /// Where this receiver is told.
    pub fn url(&self, receiver: &str) -> String {
        format!("http://{}/{receiver}", self.addr)
    }

    /// Whether this receiver has heard that an alert fires, and not yet that it is over.
    pub fn fires(&self, receiver: &str, namespace: &str, alert: &str) -> bool {
        self.states(receiver, namespace, alert).iter().any(|state| state == "firing")
    }

    /// Whether this receiver has heard that an alert is over.
    pub fn is_over(&self, receiver: &str, namespace: &str, alert: &str) -> bool {
        let states = self.states(receiver, namespace, alert);
        !states.is_empty() && states.iter().all(|state| state == "resolved")
    }

    fn states(&self, receiver: &str, namespace: &str, alert: &str) -> Vec<String> {
        let key = (receiver.to_owned(), namespace.to_owned(), alert.to_owned());
        let told = self.told.lock().unwrap();
        told.states.get(&key).map(|states| states.values().cloned().collect()).unwrap_or_default()
    }

    /// The names of all alerts that this receiver heard of.
    pub fn names(&self, receiver: &str) -> BTreeSet<String> {
        let told = self.told.lock().unwrap();
        told.states.keys().filter(|key| key.0 == receiver).map(|key| key.2.clone()).collect()
    }

    /// Everything that was told of alerts.
    pub fn alerts(&self) -> Vec<Value> {
        self.told.lock().unwrap().alerts.clone()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    request: Request<Incoming>,
    told: Arc<Mutex<Told>>,
) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let receiver = request.uri().path().trim_start_matches('/').to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told = told.lock().unwrap();
    for alert in message["alerts"].as_array().unwrap() {
        let labels = &alert["labels"];
        let key = (receiver.clone(), word(&labels["namespace"]), word(&labels["alertname"]));
        told.states.entry(key).or_default().insert(word(&alert["fingerprint"]), word(&alert["status"]));
        told.alerts.push(alert.clone());
    }
    Ok(Response::new(Empty::new()))
}
