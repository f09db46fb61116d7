//! Nothing that the process writes or answers holds a code, a token, a key, a password or a whole
//! address, whatever happens and however much it is told to log.

mod panics;
mod places;
mod relays;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::audit::{AuditFile, assert_fits_the_schema};
use crate::support::backend::{Backend, Mood};
use crate::support::client::{Answer, Client, JWT_SECRET, token};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{CODE_KEYS, Folder, PATIENCE, Sidecar, Start, changed, wrong};
use crate::support::smtp::{ReceivedMail, SmtpServer};
use crate::support::wait::until;

const VERIFY: &str = "/api/wallet/verify-otp";
const REDIS_PASSWORD: &str = "hunter2-of-redis";
const ADMIN_TOKEN: &str = "hunter2-of-operators";
const RECIPIENT: &str = "jane.doe@customer.example";

/// What must not show, with a name for the one that does.
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn new() -> Self {
        let key = CODE_KEYS.split_once(':').unwrap().1;
        let known = [
            ("the token secret", JWT_SECRET),
            ("a code key", key),
            ("Redis's password", REDIS_PASSWORD),
            ("the admin token", ADMIN_TOKEN),
            ("the relay's password", "correct horse"),
            ("the relay's password in a URL", "correct%20horse"),
            // As AUTH LOGIN and AUTH PLAIN spell it.
            ("the relay's password in base64", "Y29ycmVjdCBob3JzZQ"),
            ("the relay's login in base64", "AG90cEB3YWxsZXQ"),
            ("an address", RECIPIENT),
            ("a local part", "jane.doe"),
        ];
        Self(known.map(|(name, secret)| (name.to_owned(), secret.to_owned())).to_vec())
    }

    fn add(&mut self, name: &str, secret: &str) {
        self.0.push((name.to_owned(), secret.to_owned()));
    }

    fn assert_absent(&self, place: &str, text: &str) {
        for (name, secret) in &self.0 {
            let shows = if secret.bytes().all(|byte| byte.is_ascii_digit()) {
                is_a_number_of(text, secret)
            } else {
                text.contains(secret.as_str())
            };
            assert!(!shows, "{name} ({secret:?}) shows in {place}: {text}");
        }
    }
}

/// Whether these digits stand by themselves: as a part of a longer number or of an id they are chance.
fn is_a_number_of(text: &str, digits: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    text.match_indices(digits).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + digits.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(|c| c.is_ascii_alphanumeric())
    })
}

#[test]
fn the_search_itself_finds_what_it_should() {
    let mut secrets = Secrets::new();
    secrets.add("a code", "603645");
    for leak in ["code 603645", "\"otp\":\"603645\"", "603645.", "to jane.doe@x", "key=hunter2-of-redis"] {
        let found = std::panic::catch_unwind(|| secrets.assert_absent("here", leak));
        assert!(found.is_err(), "{leak:?} was overlooked");
    }
    secrets.assert_absent("here", "0.603645 1603645 6036450 ab603645cd j***@customer.example");
}

struct World {
    backend: Backend,
    relay: SmtpServer,
    sidecar: Sidecar,
    secrets: Secrets,
    answers: Vec<(String, Answer)>,
    policies: Folder,
    audit: AuditFile,
    redis: RedisServer,
    _audit_folder: Folder,
}

impl World {
    async fn start() -> Self {
        Self::logging("json").await
    }

    /// With log lines of this form.
    async fn logging(format: &str) -> Self {
        let (backend, relay, redis) = (Backend::start().await, SmtpServer::start(), RedisServer::start());
        redis.ask::<()>(&["CONFIG", "SET", "requirepass", REDIS_PASSWORD]);
        let policies = Folder::with_shipped(&[
            ("send-burst:   { max: 3,", "send-burst:   { max: 100,"),
            ("send-hour:    { max: 15,", "send-hour:    { max: 100,"),
            ("verify:       { max: 10,", "verify:       { max: 100,"),
        ]);
        policies.write("admin-token", ADMIN_TOKEN);
        let audit_folder = Folder::new();
        let audit = AuditFile::in_folder(audit_folder.path());
        let smtp = format!(
            "smtp://otp%40wallet.example:correct%20horse@localhost:{}?ca={}",
            relay.port("starttls"),
            relay.ca()
        );
        let state = redis.url().replace("redis://", &format!("redis://:{REDIS_PASSWORD}@"));
        let sidecar = Start::before(&backend.url())
            .policies(policies.path())
            .env("OTP_SIDECAR_SMTP", smtp)
            .env("OTP_SIDECAR_STATE", state)
            .env("OTP_SIDECAR_STORE_DEADLINE", "2s")
            .env("OTP_SIDECAR_UPSTREAM_TIMEOUT", "500ms")
            .env("OTP_SIDECAR_ADMIN_TOKEN_FILE", policies.path().join("admin-token"))
            .env("OTP_SIDECAR_LOG", format)
            .env("RUST_LOG", "trace")
            .flag("--audit", &audit.0)
            .ready();
        let (secrets, answers) = (Secrets::new(), Vec::new());
        Self {
            backend,
            relay,
            sidecar,
            secrets,
            answers,
            policies,
            audit,
            redis,
            _audit_folder: audit_folder,
        }
    }

    fn somebody(&mut self, subject: &str) -> Client {
        let token = token(subject, RECIPIENT);
        self.secrets.add("a bearer token", &token);
        self.secrets.add("a token's signature", token.rsplit('.').next().unwrap());
        self.sidecar.client().with_token(token)
    }

    fn keep(&mut self, name: &str, answer: Answer) {
        self.answers.push((name.to_owned(), answer));
    }

    /// Funds, and reads the code from the mail.
    async fn funded(&mut self, client: &Client) -> (String, String) {
        self.relay.clear();
        let answer = client.fund(5_000).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let reference = answer.json()["transactionReference"].as_str().unwrap().to_owned();
        self.keep("fund", answer);
        // The notice of somebody's lock may come in between.
        let found = || self.relay.mails().iter().find_map(code_in);
        until("the mail arrives", PATIENCE, async || found().is_some()).await;
        let code = found().unwrap();
        self.secrets.add("a code", &code);
        (reference, code)
    }

    async fn post(&mut self, name: &str, client: &Client, target: &str, media_type: &str, body: String) {
        let headers = [("content-type", media_type)];
        let answer = client.call(Method::POST, target, &headers, Bytes::from(body)).await;
        self.keep(name, answer);
    }

    /// Looks at everything that anyone can read by now.
    async fn assert_discreet(&mut self) {
        let operator = self.sidecar.operator();
        for path in ["/metrics", "/health", "/readyz", "/livez", "/-/reload"] {
            let answer = operator.get(path).await;
            self.keep(path, answer);
        }
        for (name, answer) in &self.answers {
            self.secrets.assert_absent(name, &format!("{:?} {}", answer.headers, answer.text()));
        }
        let lines = self.sidecar.lines();
        assert!(lines.iter().any(|line| line.contains("TRACE")), "it does not log everything");
        for line in lines {
            // A time of day has six digits of its own.
            let said = match serde_json::from_str::<Value>(&line) {
                Ok(mut said) => {
                    said.as_object_mut().map(|fields| fields.remove("timestamp"));
                    said.to_string()
                }
                Err(_) => line.split_once("Z ").map_or(line.clone(), |(_, said)| said.to_owned()),
            };
            self.secrets.assert_absent("the log", &said);
        }
        let told = self.audit.text();
        assert!(told.contains("\"event\""), "nothing was audited");
        self.secrets.assert_absent("the audit log", &told);
        assert_fits_the_schema(&told);
    }
}

/// The code that stands alone on a line of the mail's text.
fn code_in(mail: &ReceivedMail) -> Option<String> {
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    mail.parts()[0].2.lines().map(str::trim).find(is_code).map(str::to_owned)
}

#[tokio::test]
async fn right_and_wrong_and_malformed_codes_leave_no_trace_in_what_is_written() {
    let mut world = World::start().await;
    // Some wallets use the address as the subject.
    for subject in ["jane", RECIPIENT] {
        let client = world.somebody(subject);
        let (reference, code) = world.funded(&client).await;
        let guess = wrong(&code);
        world.secrets.add("a guess", &guess);
        let answer = client.verify(&reference, &guess).await;
        world.keep("wrong code", answer);
        let object = json!({ "otp": code, "transaction_reference": reference }).to_string();
        let bodies = [
            ("application/json", object[..object.len() - 1].to_owned()),
            ("application/json", format!("[{object}]")),
            ("application/json", format!("{{\"otp\":\"{code}\",\"otp\":\"{code}\"}}")),
            ("application/json", format!("{{\"otp\":{{\"{code}\":\"{code}\"}},\"{code}\":1}}")),
            ("application/json", format!("{{\"otp\":\"{code} \",\"transaction_reference\":\"{code}\"}}")),
            ("application/json", format!("{{\"otp\":\"x\",\"transaction_reference\":\"{RECIPIENT}\"}}")),
            ("application/x-www-form-urlencoded", format!("otp={code}&otp={code}")),
            ("application/x-www-form-urlencoded", format!("otp={code}&o_t_p={code}&%zz")),
            ("text/plain", object.clone()),
            (&*format!("text/{code}"), object.clone()),
        ];
        for (media_type, body) in bodies {
            world.post("malformed body", &client, VERIFY, media_type, body).await;
        }
        for target in [format!("{VERIFY}?otp={code}"), format!("/api/wallet/%76erify-otp?otp={code}")] {
            world.post("odd target", &client, &target, "application/json", object.clone()).await;
        }
        let status = format!("/api/wallet/otp/status?purpose={code}");
        let answer = client.get(&status).await;
        world.keep("odd purpose", answer);
        let answer = client.send("wallet_funding", "mallory@elsewhere.example").await;
        world.keep("another address", answer);
        let verified = client.verify(&reference, &code).await;
        assert_eq!(verified.status, 200, "{}", verified.text());
        world.keep("right code", verified);
        let answer = client.verify(&reference, &code).await;
        world.keep("used code", answer);
    }
    world.secrets.add("an address", "mallory@elsewhere.example");
    world.assert_discreet().await;
}

#[tokio::test]
async fn a_failing_backend_and_bad_tokens_leave_no_trace_in_what_is_written() {
    let mut world = World::start().await;
    for (subject, mood) in [
        ("hung", Mood::Hang),
        ("reset", Mood::Reset),
        ("html", Mood::Text(StatusCode::INTERNAL_SERVER_ERROR, "text/html", "<p>no</p>".to_owned())),
    ] {
        let client = world.somebody(subject);
        let (reference, code) = world.funded(&client).await;
        world.backend.next(VERIFY, mood);
        let answer = client.verify(&reference, &code).await;
        assert!(answer.status.is_server_error());
        world.keep("failed verify", answer);
    }
    let client = world.somebody("locked");
    let (reference, code) = world.funded(&client).await;
    for _ in 0..4 {
        let answer = client.verify(&reference, &wrong(&code)).await;
        world.keep("locked", answer);
    }
    for bad in ["hunter2-garbage", "hunter2.aaaa.bbbb"] {
        world.secrets.add("a bad token", bad);
        let answer = world.sidecar.client().with_token(bad).fund(5).await;
        assert_eq!(answer.status, 401);
        world.keep("bad token", answer);
        let operator = world.sidecar.operator().with_token(bad);
        let answer = operator.call(Method::POST, "/-/reload", &[], Bytes::new()).await;
        world.keep("bad admin token", answer);
    }
    let client = world.somebody("down");
    let (reference, code) = world.funded(&client).await;
    world.backend = Backend::start().await; // the one before is gone
    let answer = client.verify(&reference, &code).await;
    assert_eq!(answer.status, 502);
    world.keep("backend down", answer);
    world.assert_discreet().await;
}

#[tokio::test]
async fn a_password_in_a_policy_is_not_repeated_when_the_policy_is_rejected() {
    let mut world = World::start().await;
    let url = "jwks_url: \"https://operator:hunter2-of-keys@id.example/keys?key=hunter2-in-query\"";
    let text = changed(&[("env: JWT_SECRET", url), ("algorithms: [HS256]", "algorithms: [EdDSA]")]);
    std::fs::write(world.policies.path().join("default.yaml"), text).unwrap();
    let client = world.sidecar.operator().with_token(ADMIN_TOKEN);
    let answer = client.call(Method::POST, "/-/reload", &[], Bytes::new()).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("P0211"), "{}", answer.text());
    world.keep("reload", answer);
    world.secrets.add("a password in a URL", "hunter2-of-keys");
    world.secrets.add("a key in a URL", "hunter2-in-query");
    world.assert_discreet().await;

    // A start that is refused for it shows the line.
    let (code, said) = Start::before("http://127.0.0.1:1").policies(world.policies.path()).refused();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("jwks_url") && said.contains("id.example/keys"), "the line is not shown: {said}");
    world.secrets.assert_absent("the start", &said);
}

#[test]
fn settings_that_are_refused_do_not_show_their_secrets() {
    let wrong = [
        ("OTP_SIDECAR_UPSTREAM", "http://user:hunter2@wallet:3000/"),
        ("OTP_SIDECAR_UPSTREAM", "hunter2@wallet"),
        ("OTP_SIDECAR_STATE", "postgres://user:hunter2@db"),
        ("OTP_SIDECAR_STATE", "redis-cluster://user:hunter2@db"),
        ("OTP_SIDECAR_STATE", "redis://user:hunter2@db:notaport"),
        ("OTP_SIDECAR_SMTP", "smtp://user:hunter2@relay?tls=maybe"),
        ("OTP_SIDECAR_SMTP", "smtp://user:hunter2@relay:notaport"),
        ("OTP_SIDECAR_SMTP", "user:hunter2"),
        ("OTP_SIDECAR_CODE_KEYS", "hunter2"),
        ("OTP_SIDECAR_CODE_KEYS", "k1:hunter2"),
    ];
    for (variable, value) in wrong {
        let (code, said) = Start::before("http://127.0.0.1:1").env(variable, value).refused();
        assert_eq!(code, Some(2), "{variable}={value}: {said}");
        assert!(said.contains("--"), "the flag is not named: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
