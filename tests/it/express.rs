//! The whole as it is deployed: a real Express 5 wallet, Redis, and a relay that wants STARTTLS and a
//! login. The requests are those of the operations guide.

use http::Method;
use serde_json::{Value, json};

use crate::backends::{BACKENDS, Backend};
use crate::support::client::{Answer, Client, token};
use crate::support::redis::RedisServer;
use crate::support::sidecar::{PATIENCE, Sidecar, Start};
use crate::support::smtp::SmtpServer;
use crate::support::wait::until;

const EMAIL: &str = "test@example.com";

struct World {
    _wallet: Backend,
    relay: SmtpServer,
    sidecar: Sidecar,
    client: Client,
    _redis: RedisServer,
}

impl World {
    fn start() -> Self {
        let express5 = BACKENDS.into_iter().find(|(name, _)| *name == "Express 5").unwrap();
        let (wallet, relay, redis) = (Backend::start(express5), SmtpServer::start(), RedisServer::start());
        let smtp = format!(
            "smtp://otp%40wallet.example:correct%20horse@localhost:{}?ca={}",
            relay.port("starttls"),
            relay.ca()
        );
        let sidecar = Start::before(&format!("http://127.0.0.1:{}", wallet.port))
            .redis(&redis)
            .env("OTP_SIDECAR_SMTP", smtp)
            .env("OTP_SIDECAR_STORE_DEADLINE", "2s")
            .ready();
        let client = sidecar.client().with_token(token("65a1", EMAIL));
        Self { _wallet: wallet, relay, sidecar, client, _redis: redis }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.client.post(path, &body).await
    }

    /// The code of the mail that arrives as this number.
    async fn code_of_mail(&self, number: usize) -> String {
        until("the mail arrives", PATIENCE, async || self.relay.mails().len() > number).await;
        let mails = self.relay.mails();
        let mail = &mails[number];
        assert!(mail.encrypted() && mail.authenticated());
        assert_eq!(mail.to(), [EMAIL]);
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
        mail.parts()[0].2.lines().map(str::trim).find(is_code).unwrap().to_owned()
    }

    async fn balance(&self) -> Value {
        self.client.get("/api/wallet/balance").await.json()["balance"].clone()
    }
}

#[tokio::test]
async fn the_requests_of_the_guide_get_the_answers_of_the_guide() {
    let world = World::start();
    let sent =
        world.post("/api/wallet/otp/send", json!({ "purpose": "wallet_funding", "email": EMAIL })).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert_eq!((&sent.json()["success"], &sent.json()["expiresIn"]), (&json!(true), &json!(300)));

    let status = world.client.get("/api/wallet/otp/status?purpose=wallet_funding").await;
    let said = status.json();
    assert_eq!(
        (&said["success"], &said["exists"], &said["isValid"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!((&said["isLocked"], &said["attempts"]), (&json!(false), &json!(0)));
    assert_eq!(said["maxAttempts"], 3);

    let code = world.code_of_mail(0).await;
    let unknown = world
        .post("/api/wallet/verify-otp", json!({ "otp": code, "transaction_reference": "txn_test123" }))
        .await;
    assert_eq!(unknown.word(), (400, "otp_not_found".to_owned()), "no code was issued for that one");
    let reference = sent.json()["transactionReference"].clone();
    let body = json!({ "otp": code, "transaction_reference": reference });
    let verified = world.post("/api/wallet/verify-otp", body).await;
    assert_eq!((verified.status.as_u16(), &verified.json()["success"]), (200, &json!(true)));

    let hits = world.client.get("/__hits").await.json();
    assert_eq!(hits.as_array().unwrap().len(), 1, "the backend saw more than the right code: {hits}");
    assert_eq!(hits[0]["route"], "/api/wallet/verify-otp");
    let health = world.sidecar.operator().get("/health").await.json();
    assert_eq!(health["email_service"]["status"], "up");
    assert_eq!((&health["status"], &health["state"]["kind"]), (&json!("ok"), &json!("redis")));
}

#[tokio::test]
async fn a_resend_ends_in_a_funded_wallet() {
    let world = World::start();
    let login = world.client.call(Method::POST, "/user/login", &[], "".into()).await;
    assert_eq!(login.status, 200, "what is not protected passes");
    assert_eq!(world.balance().await, 0);

    let funded = world.post("/api/wallet/fund", json!({ "amount": 1000, "email": EMAIL })).await;
    assert_eq!(funded.json()["otpSent"], true, "{}", funded.text());
    let reference = funded.json()["transactionReference"].clone();
    let first = world.code_of_mail(0).await;
    let sent =
        world.post("/api/wallet/otp/send", json!({ "purpose": "wallet_funding", "email": EMAIL })).await;
    assert_eq!(sent.json()["transactionReference"], reference);
    let second = world.code_of_mail(1).await;
    assert_eq!(world.balance().await, 0, "nothing moves without a code");

    let body = json!({ "otp": second, "transaction_reference": reference });
    let verified = world.post("/api/wallet/otp/verify", body).await;
    assert_eq!((verified.status.as_u16(), &verified.json()["newBalance"]), (200, &json!(1000)));
    assert_eq!(world.balance().await, 1000);
    let body = json!({ "otp": first, "transaction_reference": reference });
    assert_eq!(world.post("/api/wallet/verify-otp", body).await.word(), (400, "otp_used".to_owned()));
    assert_eq!(world.balance().await, 1000);
}
