//! One request to the upstream and its answer back, streamed both ways.
//!
//! Whoever forwards has checked the head and prepared the headers. Here the request becomes one with
//! one Host, one framing and a path for a target, whatever it was before.

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::Instant;

use super::body::Body;
use super::failure::{BodyError, UpstreamError};
use super::headers;
use super::pool::{Lease, Link};
use super::upgrade::Tunnel;
use super::upload::Progress;
use super::upstream::Upstream;
use crate::policy::decision::Admission;

/// A connection that was idle for longer than this may be about to be closed by a keep-alive timer of
/// the upstream; common ones begin at 2 seconds. Only then is a copy kept for a second try.
const SUSPICIOUS_AFTER: Duration = Duration::from_millis(250);
/// How old a connection may be that passing traffic takes.
const USABLE: Duration = Duration::from_secs(60);

/// How careful to be with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Passing traffic: an idempotent request without a body may be sent again when a pooled
    /// connection turns out dead before any answer.
    Plain,
    /// Decided requests: on a connection of their own, which is surely alive, and never sent twice. A pooled
    /// one can be closed by the upstream at any moment, also because of what somebody else sent on it, and
    /// then nobody could say whether a code was used up.
    Once,
}

impl Upstream {
    /// Forwards a request and returns the answer as soon as its head is here.
    ///
    /// The path, the headers and the body must be those that were decided on. Hop-by-hop headers of
    /// the answer are gone from it. `since` is now, or when the request came: what time an answer has is
    /// counted from then.
    ///
    /// # Errors
    /// [`UpstreamError`] says what is known about the request.
    pub async fn forward(
        &self,
        admission: Admission,
        mut request: Box<Request<Body>>,
        care: Care,
        since: Instant,
    ) -> Result<Response<Body>, UpstreamError> {
        let Admission { .. } = admission;
        let came = self.normalise(&mut request);
        // Boxed like everything that is rare: this future is moved for each request.
        if came.upgrade {
            return Box::pin(self.switch(request)).await;
        }
        if request.body().is_streamed() {
            return Box::pin(self.forward_streamed(request, care, since)).await;
        }
        self.exchange(request, None, care, since).await
    }

    /// Forwards a request whose body is still arriving.
    async fn forward_streamed(
        &self,
        mut request: Box<Request<Body>>,
        care: Care,
        since: Instant,
    ) -> Result<Response<Body>, UpstreamError> {
        let upload = self.watch_upload(&mut request);
        let result = self.exchange(request, Some(&upload), care, since).await;
        if result.is_err() {
            upload.withdraw();
        }
        result
    }

    /// One Host, one framing, HTTP/1.1, and a path for a target.
    fn normalise(&self, request: &mut Request<Body>) -> Came {
        let came = Came::with(request.headers());
        *request.version_mut() = Version::HTTP_11;
        if let Some(authority) = request.uri().authority() {
            let host = HeaderValue::from_str(authority.as_str()).unwrap_or_else(|_| self.host.clone());
            request.headers_mut().insert(HOST, host);
            let path = request.uri().path_and_query().cloned();
            *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        } else if !came.host {
            let host = self.host.clone();
            request.headers_mut().insert(HOST, host);
        }
        let length = request.body().size_hint().exact();
        let is_streamed = request.body().is_streamed();
        let headers = request.headers_mut();
        if came.connection {
            headers.remove(CONNECTION);
        }
        match length {
            // A request without a body says so or says nothing; both are kept.
            Some(0) if !is_streamed => {
                if came.coding {
                    headers.remove(TRANSFER_ENCODING);
                }
                if came.expect {
                    headers.remove(EXPECT);
                }
                if came.length && headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0") {
                    headers.remove(CONTENT_LENGTH);
                }
            }
            // Also when it is there: as the number that was read, not as it was spelt.
            Some(length) => {
                headers.remove(TRANSFER_ENCODING);
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            None => {
                headers.remove(CONTENT_LENGTH);
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        came
    }

    /// Watches a body that arrives while it is forwarded. The client's `Expect: 100-continue` is the
    /// upstream's to answer: the body waits for it, and the client gets its 100 when it first flows.
    fn watch_upload(&self, request: &mut Request<Body>) -> Arc<Progress> {
        let expects = request
            .headers()
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let progress = Progress::new(expects);
        if expects {
            let released = Arc::clone(&progress);
            hyper::ext::on_informational(request, move |answer| {
                if answer.status() == StatusCode::CONTINUE {
                    released.release();
                }
            });
        }
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = body.into_upload(&progress, self.settings.upload_timeout);
        progress
    }

    async fn exchange(
        &self,
        mut request: Box<Request<Body>>,
        upload: Option<&Arc<Progress>>,
        care: Care,
        since: Instant,
    ) -> Result<Response<Body>, UpstreamError> {
        let mut now = since;
        loop {
            let pooled = match care {
                Care::Plain => now.checked_sub(USABLE).and_then(|oldest| self.pool.take(oldest)),
                Care::Once => None,
            };
            let (mut link, is_reused) = match pooled {
                Some(link) => (link, true),
                None => (Box::pin(self.connect()).await?, false),
            };
            let spare = if is_reused { spare_of(&request, &link, now) } else { None };
            match self.send(&mut link, *request, upload, now).await {
                Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    return Err(UpstreamError::Switched);
                }
                Ok(answer) => return Ok(self.deliver(answer, link, upload)),
                Err(Failure::Timeout) => return Err(UpstreamError::Timeout(self.settings.answer_timeout)),
                Err(Failure::Sending(failed)) => *request = again(*failed, is_reused, spare)?,
            }
            now = Instant::now();
        }
    }

    /// Sends the request and waits for the head of the answer.
    async fn send(
        &self,
        link: &mut Link<Body>,
        request: Request<Body>,
        upload: Option<&Arc<Progress>>,
        started: Instant,
    ) -> Result<Response<Incoming>, Failure> {
        let limit = self.settings.answer_timeout;
        let mut deadline = started + limit;
        let mut frames = 0;
        let Link { sender, alarm, .. } = link;
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        let mut answer = std::pin::pin!(sender.try_send_request(request));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
                return Poll::Ready(answered.map_err(|failed| Failure::Sending(Box::new(failed))));
            }
            while alarm.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                if now >= deadline {
                    let moved = upload.map_or(frames, |upload| upload.frames());
                    // A long upload is no late answer, and a stalled one ends by itself.
                    if moved == frames && !upload.is_some_and(|upload| upload.waits_for_client()) {
                        return Poll::Ready(Err(Failure::Timeout));
                    }
                    frames = moved;
                    deadline = now + limit;
                }
                alarm.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }

    fn deliver(
        &self,
        answer: Response<Incoming>,
        mut link: Box<Link<Body>>,
        upload: Option<&Arc<Progress>>,
    ) -> Response<Body> {
        let (mut head, incoming) = answer.into_parts();
        head.version = Version::HTTP_11;
        headers::prepare_answer(&mut head.headers, false);
        link.is_kept = !may_precede_a_close(head.status);
        let lease = Lease::new(link, &self.pool);
        let body = if incoming.is_end_stream() {
            lease.give_back(upload.map(AsRef::as_ref));
            Body::empty()
        } else {
            Body::download(incoming, lease, upload.cloned())
        };
        Response::from_parts(head, body)
    }

    /// Asks for another protocol, on a connection of its own.
    async fn switch(&self, mut request: Box<Request<Body>>) -> Result<Response<Body>, UpstreamError> {
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        let wanted = request.headers().get(UPGRADE).cloned();
        let (mut sender, mut connection) = self.open().await?;
        let limit = self.settings.answer_timeout;
        let mut answer = std::pin::pin!(sender.try_send_request(*request));
        let mut alarm = std::pin::pin!(tokio::time::sleep(limit));
        let mut is_over = false;
        let answered = std::future::poll_fn(|cx| {
            if !is_over {
                is_over = std::pin::Pin::new(&mut connection).poll(cx).is_ready();
            }
            if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
                return Poll::Ready(answered.map_err(|failed| sending_error(failed.into_error())));
            }
            alarm.as_mut().poll(cx).map(|()| Err(UpstreamError::Timeout(limit)))
        })
        .await?;
        let (mut head, incoming) = answered.into_parts();
        head.version = Version::HTTP_11;
        let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS && is_over;
        headers::prepare_answer(&mut head.headers, is_switch);
        if is_switch && agrees(head.headers.get(UPGRADE), wanted.as_ref()) {
            head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            head.extensions.clear();
            let parts = connection.into_parts();
            let tunnel = Tunnel::new(parts.io.into_inner(), parts.read_buf);
            return Ok(Response::from_parts(head, Body::tunnel(tunnel)));
        }
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamError::Switched);
        }
        // No switch: an ordinary answer, whose connection is not used again.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Response::from_parts(head, Body::from(incoming)))
    }
}

/// Which of the headers that are judged or made anew here a request came with: one pass, where most would
/// be looked up in vain.
#[derive(Debug, Default)]
struct Came {
    host: bool,
    connection: bool,
    coding: bool,
    length: bool,
    expect: bool,
    upgrade: bool,
}

impl Came {
    fn with(headers: &HeaderMap) -> Self {
        let mut came = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "host" => came.host = true,
                "connection" => came.connection = true,
                "transfer-encoding" => came.coding = true,
                "content-length" => came.length = true,
                "expect" => came.expect = true,
                "upgrade" => came.upgrade = true,
                _ => {}
            }
        }
        came
    }
}

enum Failure {
    Timeout,
    Sending(Box<TrySendError<Request<Body>>>),
}

/// The request for another try on another connection, when it surely does no harm.
fn again(
    mut failed: TrySendError<Request<Body>>,
    is_reused: bool,
    spare: Option<Request<Body>>,
) -> Result<Request<Body>, UpstreamError> {
    match (failed.take_message(), spare) {
        (Some(unsent), _) if is_reused => Ok(unsent),
        (Some(_), _) => Err(UpstreamError::NotSent(std::io::Error::other(failed.into_error()))),
        (None, Some(spare)) if !failed.error().is_parse() => Ok(spare),
        (None, _) => Err(sending_error(failed.into_error())),
    }
}

/// Answers after which servers close a connection without saying so: the request was one they could not
/// or would not read to its end.
fn may_precede_a_close(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    )
}

fn agrees(answered: Option<&HeaderValue>, wanted: Option<&HeaderValue>) -> bool {
    answered
        .zip(wanted)
        .is_some_and(|(answered, wanted)| answered.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
}

/// A copy for a second try, when one is allowed and may be needed.
fn spare_of(request: &Request<Body>, link: &Link<Body>, now: Instant) -> Option<Request<Body>> {
    let is_suspicious = link.rested_at.is_none_or(|since| now.duration_since(since) > SUSPICIOUS_AFTER);
    let is_repeatable = request.body().is_end_stream() && is_idempotent(request.method());
    if !is_suspicious || !is_repeatable {
        return None;
    }
    let mut spare = Request::new(Body::empty());
    *spare.method_mut() = request.method().clone();
    *spare.uri_mut() = request.uri().clone();
    *spare.headers_mut() = request.headers().clone();
    Some(spare)
}

/// RFC 9110, 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE].contains(method)
}

/// A failure of the request's own body is told apart from one of the connection.
fn sending_error(error: hyper::Error) -> UpstreamError {
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(body) = inner.downcast_ref::<BodyError>() {
            return UpstreamError::Request(match body {
                BodyError::Stalled => BodyError::Stalled,
                BodyError::Broken(_) | BodyError::Withdrawn => BodyError::Withdrawn,
            });
        }
        cause = inner.source();
    }
    UpstreamError::Unclear(error)
}
