//! The floor: the shortest honest proxy that hyper and hyper-util make, on one thread. It forwards
//! everything, streams both ways, pools its connections, and does nothing else.
//!
//! `floor LISTEN BACKEND`, both `host:port`.

use std::convert::Infallible;
use std::env;

use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

type Upstream = Client<HttpConnector, Incoming>;

const HOP_BY_HOP: [HeaderName; 2] = [CONNECTION, HeaderName::from_static("keep-alive")];

async fn forward(
    upstream: Upstream,
    backend: String,
    mut request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, hyper::Error>>, Infallible> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let target = Uri::builder().scheme("http").authority(backend).path_and_query(path).build();
    let Ok(target) = target else { return Ok(failed(StatusCode::BAD_REQUEST)) };
    *request.uri_mut() = target;
    for name in &HOP_BY_HOP {
        request.headers_mut().remove(name);
    }
    match upstream.request(request).await {
        Ok(mut answer) => {
            for name in &HOP_BY_HOP {
                answer.headers_mut().remove(name);
            }
            Ok(answer.map(BodyExt::boxed))
        }
        Err(_) => Ok(failed(StatusCode::BAD_GATEWAY)),
    }
}

fn failed(status: StatusCode) -> Response<BoxBody<Bytes, hyper::Error>> {
    let mut answer = Response::new(Empty::new().map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    answer
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut arguments = env::args().skip(1);
    let (Some(listen), Some(backend)) = (arguments.next(), arguments.next()) else {
        return Err(std::io::Error::other("usage: floor LISTEN BACKEND"));
    };
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let upstream: Upstream = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (upstream, backend) = (upstream.clone(), backend.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| forward(upstream.clone(), backend.clone(), request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
