//! A collector: takes what is posted to it over real HTTP, and decodes it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1 as wire;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::support::sidecar::PATIENCE;
use crate::support::wait::until;

/// How a collector answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Takes,
    Answers(StatusCode),
    Hangs,
}

/// One post.
#[derive(Debug, Clone)]
pub struct Post {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A span, in words.
#[derive(Debug, Clone)]
pub struct Seen {
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub name: String,
    pub kind: wire::span::SpanKind,
    pub attributes: BTreeMap<String, String>,
    /// Trace and span of each link.
    pub links: Vec<(String, String)>,
    pub is_error: bool,
    pub begin: u64,
    pub end: u64,
}

impl Seen {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// A running collector. Dropping it closes it.
pub struct Collector {
    addr: SocketAddr,
    scheme: &'static str,
    posts: Arc<Mutex<Vec<Post>>>,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Collector {
    pub async fn start() -> Self {
        Self::behind(None).await
    }

    /// With TLS, if it is given a certificate.
    pub async fn behind(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (posts, mood, asked) = (Arc::default(), Arc::new(Mutex::new(Mood::Takes)), Arc::default());
        let shared = Shared { posts: Arc::clone(&posts), mood: Arc::clone(&mood), asked: Arc::clone(&asked) };
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, shared) = (tls.clone(), shared.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, shared).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, shared).await;
                            }
                        }
                    }
                });
            }
        });
        Self { addr, scheme, posts, mood, asked, task }
    }

    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.addr.port())
    }

    pub fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How often it was posted to, however it answered.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// Every span that was taken.
    pub fn spans(&self) -> Vec<Seen> {
        let decoded = self.posts().into_iter().map(|post| decode(&post));
        let resources = decoded.flat_map(|request| request.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).map(seen).collect()
    }

    /// What was said of the process.
    pub fn resource(&self) -> BTreeMap<String, String> {
        let request = decode(&self.posts()[0]);
        pairs(&request.resource_spans[0].resource.as_ref().unwrap().attributes)
    }

    /// Waits until so many spans of this name have arrived, and returns all.
    pub async fn wait_for(&self, number: usize, name: &str) -> Vec<Seen> {
        let arrived = || self.spans().iter().filter(|span| span.name == name).count() >= number;
        until(&format!("{number} spans {name:?}"), PATIENCE, async || arrived()).await;
        self.spans()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    posts: Arc<Mutex<Vec<Post>>>,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicUsize>,
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Shared) {
    let service = service_fn(|request: Request<Incoming>| {
        let (posts, mood) = (Arc::clone(&shared.posts), *shared.mood.lock().unwrap());
        shared.asked.fetch_add(1, Ordering::Relaxed);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let mut answer = Response::new(Full::new(Bytes::new()));
            match mood {
                Mood::Takes => {
                    let post = Post { path: head.uri.path().to_owned(), headers: head.headers, body };
                    posts.lock().unwrap().push(post);
                }
                Mood::Answers(status) => *answer.status_mut() = status,
                Mood::Hangs => std::future::pending().await,
            }
            Ok::<_, hyper::Error>(answer)
        }
    });
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn decode(post: &Post) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(post.body.clone()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("no attribute is of this kind: {other:?}"),
    }
}

fn pairs(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let named: BTreeMap<String, String> =
        attributes.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref()))).collect();
    assert_eq!(named.len(), attributes.len(), "an attribute is there twice: {attributes:?}");
    named
}

fn seen(span: wire::Span) -> Seen {
    assert_eq!(span.trace_state, "", "what a client wrote is exported");
    Seen {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: span.kind(),
        attributes: pairs(&span.attributes),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        is_error: span.status.as_ref().is_some_and(|status| status.code() == wire::status::StatusCode::Error),
        begin: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        name: span.name,
    }
}
