//! The demo's story, step by step, over HTTP: a wallet is funded, and only with the code that came
//! by mail.
//!
//! Every step is shown and every step is checked, so that the story is a test too. It knows of the
//! sidecar no more than a front end does: an address and the wire format.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::mail::Mail;
use super::mailbox::Mailbox;
use super::show::Page;

const PATIENCE: Duration = Duration::from_secs(15);
const LARGEST_ANSWER: usize = 1024 * 1024;
const AMOUNT: u64 = 5_000;

/// Where the walk leads.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'a> {
    /// The sidecar's traffic listener. The wallet is behind it.
    pub sidecar: SocketAddr,
    /// Where the sidecar's mail ends up.
    pub mailbox: &'a Mailbox,
    /// The address that the walk registers with.
    pub email: &'a str,
    /// The password that the walk registers with.
    pub password: &'a str,
    /// Whether to write colours.
    pub colour: bool,
}

/// What is there after the walk, to go on by hand.
pub struct Walked {
    /// A bearer token of the registered user.
    pub token: String,
    /// The balance that the walk left.
    pub balance: u64,
}

/// Why the walk ended early.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The text could not be written.
    #[error("the demo could not write its text: {0}")]
    Output(#[from] io::Error),
    /// The request could not be built.
    #[error("{step}: the request could not be built: {source}")]
    Request {
        /// Where it happened.
        step: &'static str,
        /// Why.
        source: http::Error,
    },
    /// The sidecar did not take the connection.
    #[error("{step}: the sidecar is not reachable: {source}")]
    Connect {
        /// Where it happened.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The exchange broke off.
    #[error("{step}: the exchange broke off: {source}")]
    Exchange {
        /// Where it happened.
        step: &'static str,
        /// Why.
        source: hyper::Error,
    },
    /// The answer's body could not be read.
    #[error("{step}: the body of the answer could not be read: {reason}")]
    Body {
        /// Where it happened.
        step: &'static str,
        /// Why.
        reason: String,
    },
    /// Nothing came in time.
    #[error("{step}: nothing came within {PATIENCE:?}")]
    Timeout {
        /// Where it happened.
        step: &'static str,
    },
    /// Something else came than the story says.
    #[error("{step}: expected {expected}, got {got}")]
    Unexpected {
        /// Where it happened.
        step: &'static str,
        /// What the story says.
        expected: String,
        /// What came.
        got: String,
    },
}

/// Walks through the story and checks each step.
///
/// # Errors
/// At the first step that does not go as the story says.
pub async fn run(walk: Walk<'_>, out: &mut (dyn Write + Send)) -> Result<Walked, WalkError> {
    let mut guide = Guide { walk, page: Page::new(out, walk.colour), token: None, step: "Start", count: 0 };
    guide.sign_in().await?;
    let before = guide.balance("Look into the wallet", "The sidecar passes this through untouched.").await?;
    let reference = guide.fund().await?;
    let code = guide.receive().await?;
    guide.go_around(&reference).await?;
    guide.guess(&reference, &wrong(&code)).await?;
    guide.verify(&reference, &code).await?;
    let after = guide.balance("Look into the wallet again", "").await?;
    guide.expect(
        before + AMOUNT == after,
        || format!("a balance of {}", before + AMOUNT),
        || after.to_string(),
    )?;
    guide.repeat(&reference, &code).await?;
    let balance = guide.balance("Look a last time", "One code moved the money once.").await?;
    guide.expect(balance == after, || format!("a balance of {after}"), || balance.to_string())?;
    Ok(Walked { token: guide.token.unwrap_or_default(), balance })
}

/// An answer as the story checks it.
struct Answer {
    status: StatusCode,
    body: Value,
}

struct Guide<'a> {
    walk: Walk<'a>,
    page: Page<'a>,
    token: Option<String>,
    step: &'static str,
    count: usize,
}

impl Guide<'_> {
    async fn sign_in(&mut self) -> Result<(), WalkError> {
        let account = json!({ "email": self.walk.email, "password": self.walk.password });
        self.begin("Register", "No policy names these routes: the wallet answers by itself.")?;
        self.post("/user/register", &account).await?.is(self.step, StatusCode::CREATED, &[])?;
        self.begin("Log in", "The wallet signs a token. From here on the sidecar knows the caller by it.")?;
        let answer = self.post("/user/login", &account).await?;
        answer.is(self.step, StatusCode::OK, &[])?;
        self.token = Some(answer.text(self.step, "token")?);
        Ok(())
    }

    async fn balance(&mut self, title: &'static str, why: &str) -> Result<u64, WalkError> {
        self.begin(title, why)?;
        let answer = self.send(Method::GET, "/api/wallet/balance", None).await?;
        answer.is(self.step, StatusCode::OK, &[])?;
        let balance = answer.body.get("balance").and_then(Value::as_u64);
        balance.ok_or_else(|| self.unexpected("a balance".to_owned(), "none".to_owned()))
    }

    async fn fund(&mut self) -> Result<String, WalkError> {
        self.begin(
            "Ask for money",
            "The wallet notes a transaction; the sidecar issues a code and mails it.",
        )?;
        let body = json!({ "amount": AMOUNT, "email": self.walk.email });
        let answer = self.post("/api/wallet/fund", &body).await?;
        let expected = [("otpSent", json!(true)), ("nextStep", json!("otp_verification"))];
        answer.is(self.step, StatusCode::OK, &expected)?;
        answer.text(self.step, "transactionReference")
    }

    async fn receive(&mut self) -> Result<String, WalkError> {
        self.begin("The mail arrives", "It was sent after the answer above, over SMTP.")?;
        let mail = tokio::time::timeout(PATIENCE, self.walk.mailbox.next_mail()).await;
        let mail = mail.map_err(|_| WalkError::Timeout { step: self.step })?;
        self.page.mail(&mail)?;
        let is_ours = mail.to.iter().any(|to| to == self.walk.email);
        self.expect(is_ours, || "mail to the token's address".to_owned(), || "mail to another".to_owned())?;
        let code = mail.code().map(str::to_owned);
        code.ok_or_else(|| self.unexpected("a code alone on a line".to_owned(), "none".to_owned()))
    }

    async fn go_around(&mut self, reference: &str) -> Result<(), WalkError> {
        let why = "Many backends read this path as the protected one. The sidecar does not let it through.";
        self.begin("Try to go around the sidecar", why)?;
        let body = json!({ "otp": "000000", "transaction_reference": reference });
        let answer = self.post("/api//wallet/%76erify-otp", &body).await?;
        answer.is(self.step, StatusCode::BAD_REQUEST, &[("error", json!("invalid_request"))])
    }

    async fn guess(&mut self, reference: &str, code: &str) -> Result<(), WalkError> {
        self.begin("Enter a wrong code", "It is counted. The wallet never sees this request.")?;
        let answer = self.present(reference, code).await?;
        let expected = [("error", json!("otp_invalid")), ("attemptsRemaining", json!(2))];
        answer.is(self.step, StatusCode::BAD_REQUEST, &expected)
    }

    async fn verify(&mut self, reference: &str, code: &str) -> Result<(), WalkError> {
        self.begin(
            "Enter the right code",
            "Only now does the request reach the wallet, which moves the money.",
        )?;
        self.present(reference, code).await?.is(self.step, StatusCode::OK, &[("success", json!(true))])
    }

    async fn repeat(&mut self, reference: &str, code: &str) -> Result<(), WalkError> {
        self.begin("Enter the same code again", "A right code passes exactly once.")?;
        let answer = self.present(reference, code).await?;
        answer.is(self.step, StatusCode::BAD_REQUEST, &[("error", json!("otp_used"))])
    }

    async fn present(&mut self, reference: &str, code: &str) -> Result<Answer, WalkError> {
        let body = json!({ "otp": code, "transaction_reference": reference });
        self.post("/api/wallet/verify-otp", &body).await
    }

    async fn post(&mut self, path: &str, body: &Value) -> Result<Answer, WalkError> {
        self.send(Method::POST, path, Some(body)).await
    }

    fn begin(&mut self, title: &'static str, why: &str) -> Result<(), WalkError> {
        self.count += 1;
        self.step = title;
        Ok(self.page.step(self.count, title, why)?)
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, WalkError> {
        self.page.request(method.as_str(), path, self.token.as_deref(), body)?;
        let request = self
            .request(method, path, body)
            .map_err(|source| WalkError::Request { step: self.step, source })?;
        let exchange = exchange(self.step, self.walk.sidecar, request);
        let (status, headers, body) = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| WalkError::Timeout { step: self.step })??;
        self.page.answer(status, &headers, &body)?;
        Ok(Answer { status, body })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> http::Result<Request<Full<Bytes>>> {
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, self.walk.sidecar.to_string());
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Full::new(Bytes::from(body.to_string()))),
            None => request.body(Full::default()),
        }
    }

    fn expect(
        &self,
        holds: bool,
        expected: impl FnOnce() -> String,
        got: impl FnOnce() -> String,
    ) -> Result<(), WalkError> {
        if holds { Ok(()) } else { Err(self.unexpected(expected(), got())) }
    }

    fn unexpected(&self, expected: String, got: String) -> WalkError {
        WalkError::Unexpected { step: self.step, expected, got }
    }
}

impl Answer {
    /// Checks the status and some fields.
    fn is(&self, step: &'static str, status: StatusCode, fields: &[(&str, Value)]) -> Result<(), WalkError> {
        if self.status != status {
            let got = format!("{} {}", self.status, self.body.get("error").unwrap_or(&Value::Null));
            return Err(WalkError::Unexpected { step, expected: status.to_string(), got });
        }
        for (name, expected) in fields {
            let got = self.body.get(*name).unwrap_or(&Value::Null);
            if got != expected {
                let expected = format!("{name}: {expected}");
                return Err(WalkError::Unexpected { step, expected, got: got.to_string() });
            }
        }
        Ok(())
    }

    fn text(&self, step: &'static str, name: &str) -> Result<String, WalkError> {
        let text = self.body.get(name).and_then(Value::as_str).map(str::to_owned);
        let missing =
            || WalkError::Unexpected { step, expected: format!("a text {name}"), got: "none".to_owned() };
        text.ok_or_else(missing)
    }
}

/// One request on a connection of its own.
pub(super) async fn exchange(
    step: &'static str,
    to: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, HeaderMap, Value), WalkError> {
    let stream = TcpStream::connect(to).await.map_err(|source| WalkError::Connect { step, source })?;
    let broken = |source| WalkError::Exchange { step, source };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends by itself once the sender is gone; what goes wrong shows at the request.
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
    let body = Limited::new(body, LARGEST_ANSWER).collect().await;
    let body = body.map_err(|error| WalkError::Body { step, reason: error.to_string() })?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body)));
    Ok((head.status, head.headers, body))
}

/// Another code of the same length: the last digit moved on by one.
fn wrong(code: &str) -> String {
    let mut wrong = code.to_owned();
    let last = wrong.pop().and_then(|digit| digit.to_digit(10)).unwrap_or_default();
    wrong.push(char::from_digit((last + 1) % 10, 10).unwrap_or('0'));
    wrong
}

/// Shows a mail that arrived after the walk.
///
/// # Errors
/// When the text cannot be written.
pub fn show_mail(mail: &Mail, colour: bool, out: &mut (dyn Write + Send)) -> io::Result<()> {
    Page::new(out, colour).mail(mail)
}
