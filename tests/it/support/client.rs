//! A small HTTP client, and tokens to call with.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The secret that tests sign tokens with.
pub const JWT_SECRET: &str = "a-secret-of-tests-that-is-32-bytes-long";

/// A token for this subject with this address, for the next hour.
pub fn token(subject: &str, email: &str) -> String {
    token_with(&json!({ "id": subject, "email": email, "role": "user", "exp": 4_102_444_800_u64 }))
}

/// A token with these claims.
pub fn token_with(claims: &Value) -> String {
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    let key = jsonwebtoken::EncodingKey::from_secret(JWT_SECRET.as_bytes());
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The status and the machine word, for short assertions.
    pub fn word(&self) -> (u16, String) {
        let word = self.json().get("error").and_then(Value::as_str).unwrap_or_default().to_owned();
        (self.status.as_u16(), word)
    }
}

/// Calls one base URL, perhaps with a token.
#[derive(Clone)]
pub struct Client {
    base: String,
    token: Option<String>,
    pool: Pooled<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub fn new(base: impl Into<String>) -> Self {
        Self { base: base.into(), token: None, pool: Pooled::builder(TokioExecutor::new()).build_http() }
    }

    /// The same client as somebody else.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Somebody with a valid token.
    pub fn as_user(&self, subject: &str) -> Self {
        self.with_token(token(subject, &format!("{subject}@example.com")))
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.call(Method::GET, target, &[], Bytes::new()).await
    }

    pub async fn post(&self, target: &str, body: &Value) -> Answer {
        let body = Bytes::from(body.to_string());
        self.call(Method::POST, target, &[("content-type", "application/json")], body).await
    }

    pub async fn call(&self, method: Method, target: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
        self.try_call(method, target, headers, body).await.unwrap()
    }

    pub async fn try_call(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{target}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.pool.request(request.body(Full::new(body)).unwrap()).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    // The calls of the wallet.

    pub async fn fund(&self, amount: u64) -> Answer {
        self.post("/api/wallet/fund", &json!({ "amount": amount, "email": "ignored@example.com" })).await
    }

    pub async fn verify(&self, reference: &str, code: &str) -> Answer {
        let body = json!({ "otp": code, "transaction_reference": reference });
        self.post("/api/wallet/verify-otp", &body).await
    }

    pub async fn send(&self, purpose: &str, email: &str) -> Answer {
        self.post("/api/wallet/otp/send", &json!({ "purpose": purpose, "email": email })).await
    }

    pub async fn status(&self, purpose: &str) -> Answer {
        self.get(&format!("/api/wallet/otp/status?purpose={purpose}")).await
    }
}
