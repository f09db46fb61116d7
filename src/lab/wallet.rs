//! A sample wallet backend: the routes, field names and statuses that real ones of its kind have.
//!
//! It leaves codes to the sidecar: `fund` only notes a transaction, and `verify-otp` completes it
//! without looking at the code, because no request gets here that the sidecar did not let through.
//! It checks tokens itself, as every backend should.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::accounts::{Accounts, Kind, Profile, Refused};
use crate::domain::code::Entropy;
use crate::domain::time::{Clock, millis};

const LARGEST_BODY: usize = 64 * 1024;
const TOKEN_LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// What the wallet needs from its surroundings.
pub struct WalletSettings {
    /// The secret that tokens are signed with (HS256). The sidecar's policy has the same.
    pub jwt_secret: Vec<u8>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes for ids and references.
    pub entropy: Arc<dyn Entropy>,
}

/// A running wallet. It stops when this is dropped.
#[derive(Debug)]
pub struct WalletHandle {
    addr: SocketAddr,
    accept: AbortHandle,
}

impl WalletHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for WalletHandle {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

/// Serves on an already bound listener, until the handle is dropped.
///
/// # Errors
/// When the listener does not know its own address.
pub fn start(listener: TcpListener, settings: WalletSettings) -> std::io::Result<WalletHandle> {
    let addr = listener.local_addr()?;
    let wallet = Arc::new(Wallet { settings, accounts: Mutex::default() });
    let accept = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&wallet)))),
                // Out of file descriptors, most likely: wait for some to come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    });
    Ok(WalletHandle { addr, accept: accept.abort_handle() })
}

async fn serve(stream: TcpStream, wallet: Arc<Wallet>) {
    let service = service_fn(move |request| {
        let wallet = Arc::clone(&wallet);
        async move { Ok::<_, std::convert::Infallible>(wallet.handle(request).await) }
    });
    // A broken connection is the client's business; there is nobody to tell.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

struct Wallet {
    settings: WalletSettings,
    accounts: Mutex<Accounts>,
}

/// The claims of the family's tokens.
#[derive(Serialize, Deserialize)]
struct Claims {
    id: String,
    email: String,
    role: String,
    iat: u64,
    exp: u64,
}

type Answer = (StatusCode, Value);
type Fields = Map<String, Value>;

impl Wallet {
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() == Method::OPTIONS {
            return with_cors(StatusCode::NO_CONTENT, Bytes::new());
        }
        let (head, body) = request.into_parts();
        let (status, answer) = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => match fields(&head, &body.to_bytes()) {
                Some(fields) => self.answer(&head, &fields),
                None => refusal(StatusCode::BAD_REQUEST, "The body is neither JSON nor a form"),
            },
            Err(_) => refusal(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
        };
        with_cors(status, Bytes::from(answer.to_string()))
    }

    fn answer(&self, head: &http::request::Parts, fields: &Fields) -> Answer {
        // Express routes are case-insensitive and take one trailing slash.
        let path = head.uri.path().to_lowercase();
        let path = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(&path);
        match (head.method.as_str(), path) {
            ("POST", "/user/register") => return self.register(fields),
            ("POST", "/user/login") => return self.login(fields),
            _ => {}
        }
        let Some(user) = self.caller(head) else {
            return refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
        };
        match (head.method.as_str(), path) {
            ("GET", "/api/wallet/balance") => self.balance(&user),
            ("GET", "/api/wallet/transactions") => self.transactions(&user),
            ("POST", "/api/wallet/fund") => self.fund(&user, fields),
            ("POST", "/api/wallet/verify-otp" | "/api/wallet/otp/verify") => self.complete(&user, fields),
            ("POST", "/api/wallet/deduct") => self.deduct(&user, fields),
            _ => refusal(StatusCode::NOT_FOUND, "Not found"),
        }
    }

    fn with_accounts<T>(&self, act: impl FnOnce(&mut Accounts) -> T) -> T {
        act(&mut self.accounts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn register(&self, fields: &Fields) -> Answer {
        let (Some(email), Some(password)) = (text(fields, "email"), text(fields, "password")) else {
            return refusal(StatusCode::BAD_REQUEST, "email and password are required");
        };
        let entropy = self.settings.entropy.as_ref();
        match self.with_accounts(|accounts| accounts.register(&email, &password, entropy)) {
            Ok(user) => (
                StatusCode::CREATED,
                json!({ "success": true, "message": "Registered", "user": { "id": user.id, "email": user.email } }),
            ),
            Err(refused) => refused.into(),
        }
    }

    fn login(&self, fields: &Fields) -> Answer {
        let (Some(email), Some(password)) = (text(fields, "email"), text(fields, "password")) else {
            return refusal(StatusCode::BAD_REQUEST, "email and password are required");
        };
        let user = match self.with_accounts(|accounts| accounts.login(&email, &password)) {
            Ok(user) => user,
            Err(refused) => return refused.into(),
        };
        match self.token(&user) {
            Ok(token) => (StatusCode::OK, json!({ "success": true, "token": token })),
            Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "The token could not be signed"),
        }
    }

    fn token(&self, user: &Profile) -> jsonwebtoken::errors::Result<String> {
        let iat = self.settings.clock.now().as_millis() / 1000;
        let claims = Claims {
            id: user.id.clone(),
            email: user.email.clone(),
            role: "user".to_owned(),
            iat,
            exp: iat + millis(TOKEN_LASTS) / 1000,
        };
        let key = EncodingKey::from_secret(&self.settings.jwt_secret);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
    }

    fn caller(&self, head: &http::request::Parts) -> Option<Profile> {
        let value = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let token = value.strip_prefix("Bearer ")?;
        let key = DecodingKey::from_secret(&self.settings.jwt_secret);
        let decoded = jsonwebtoken::decode::<Claims>(token, &key, &Validation::new(Algorithm::HS256)).ok()?;
        Some(Profile { id: decoded.claims.id, email: decoded.claims.email })
    }

    fn balance(&self, user: &Profile) -> Answer {
        match self.with_accounts(|accounts| accounts.balance(&user.id)) {
            Ok(balance) => (StatusCode::OK, json!({ "success": true, "balance": balance })),
            Err(refused) => refused.into(),
        }
    }

    fn transactions(&self, user: &Profile) -> Answer {
        let listed = self.with_accounts(|accounts| accounts.transactions(&user.id).map(<[_]>::to_vec));
        let transactions = match listed {
            Ok(transactions) => transactions,
            Err(refused) => return refused.into(),
        };
        let lines = transactions.iter().map(|transaction| {
            json!({
                "reference": transaction.reference,
                "type": match transaction.kind { Kind::Funding => "funding", Kind::Purchase => "purchase" },
                "amount": transaction.amount,
                "status": if transaction.complete { "completed" } else { "pending" },
                "at": transaction.at.as_millis(),
            })
        });
        (StatusCode::OK, json!({ "success": true, "transactions": lines.collect::<Vec<_>>() }))
    }

    fn fund(&self, user: &Profile, fields: &Fields) -> Answer {
        let Some(amount) = amount(fields) else {
            return Refused::Amount.into();
        };
        let now = self.settings.clock.now();
        let entropy = self.settings.entropy.as_ref();
        match self.with_accounts(|accounts| accounts.fund(&user.id, amount, now, entropy)) {
            Ok(reference) => (StatusCode::OK, json!({ "success": true, "transactionReference": reference })),
            Err(refused) => refused.into(),
        }
    }

    fn complete(&self, user: &Profile, fields: &Fields) -> Answer {
        let Some(reference) = text(fields, "transaction_reference") else {
            return refusal(StatusCode::BAD_REQUEST, "transaction_reference is required");
        };
        match self.with_accounts(|accounts| accounts.complete(&user.id, &reference)) {
            Ok(balance) => (
                StatusCode::OK,
                json!({
                    "success": true,
                    "message": "Wallet funded",
                    "newBalance": balance,
                    "transactionId": format!("TXN-{reference}"),
                }),
            ),
            Err(refused) => refused.into(),
        }
    }

    fn deduct(&self, user: &Profile, fields: &Fields) -> Answer {
        let Some(amount) = amount(fields) else {
            return Refused::Amount.into();
        };
        let now = self.settings.clock.now();
        let entropy = self.settings.entropy.as_ref();
        match self.with_accounts(|accounts| accounts.deduct(&user.id, amount, now, entropy)) {
            Ok((balance, reference)) => (
                StatusCode::OK,
                json!({ "success": true, "newBalance": balance, "transactionId": reference }),
            ),
            Err(refused) => refused.into(),
        }
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Taken => refusal(StatusCode::CONFLICT, "This address is registered already"),
            Refused::WrongPassword => refusal(StatusCode::UNAUTHORIZED, "Wrong address or password"),
            Refused::NotFound => refusal(StatusCode::NOT_FOUND, "Not found"),
            Refused::AlreadyComplete => refusal(StatusCode::CONFLICT, "The transaction is complete already"),
            Refused::Amount => refusal(StatusCode::BAD_REQUEST, "amount must be from 100 to 10,000,000"),
            Refused::Insufficient => refusal(StatusCode::BAD_REQUEST, "Insufficient balance"),
        }
    }
}

fn refusal(status: StatusCode, message: &str) -> Answer {
    (status, json!({ "success": false, "message": message }))
}

/// The fields of a JSON object or a form; none for an empty body. `None` for anything else.
fn fields(head: &http::request::Parts, body: &[u8]) -> Option<Fields> {
    if body.is_empty() {
        return Some(Fields::new());
    }
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded")) {
        let pairs = url::form_urlencoded::parse(body);
        return Some(
            pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect(),
        );
    }
    serde_json::from_slice(body).ok()
}

fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.get(name)?.as_str().map(str::to_owned).filter(|text| !text.is_empty())
}

/// Amounts arrive as numbers or as numeric texts.
fn amount(fields: &Fields) -> Option<u64> {
    match fields.get("amount")? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Any origin may read the answers, as with the defaults of Express's `cors()`.
fn with_cors(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, header::HeaderValue::from_static("*"));
    if status == StatusCode::NO_CONTENT {
        let methods = header::HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = header::HeaderValue::from_static("authorization,content-type");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    } else {
        let json = header::HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, json);
    }
    response
}
