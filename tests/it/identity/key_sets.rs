//! Tokens against a key set behind a URL that rotates, breaks and goes away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use otp_sidecar::identity::jwks::{JwksRegistry, Pace};
use otp_sidecar::identity::jwt::{Authenticator, IdentityError, Rejection};
use otp_sidecar::policy::caller::Caller;
use otp_sidecar::policy::snapshot::{JwtAlgorithm, KeySource};
use serde_json::json;

use super::key_server::{Answer, KeyServer};
use super::keys::{RSA, Signer};
use super::{bearer, claims, now, rules};

const NEVER: Duration = Duration::from_secs(24 * 60 * 60);
const UNKNOWN: Option<IdentityError> = Some(IdentityError::Unauthorized(Rejection::UnknownKey));

/// Fetches only when asked to, and then always.
const ON_DEMAND: Pace = Pace {
    cooldown: Duration::ZERO,
    refresh_after: NEVER,
    shortest: NEVER,
    longest: NEVER,
    retry_without_keys: NEVER,
    retry_with_keys: NEVER,
};

struct Site {
    server: KeyServer,
    registry: JwksRegistry,
    authenticator: Authenticator,
    task: tokio::task::JoinHandle<()>,
}

impl Site {
    async fn start(answer: Answer, pace: Pace) -> Self {
        let server = KeyServer::start(answer).await;
        let registry = JwksRegistry::with_pace(pace);
        let authenticator = of(&server, &registry);
        let task = tokio::spawn(registry.clone().run());
        Self { server, registry, authenticator, task }
    }

    async fn ask(&self, token: &str) -> Result<Caller, IdentityError> {
        self.authenticator.identify(&bearer(token), now()).await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn of(server: &KeyServer, registry: &JwksRegistry) -> Authenticator {
    let algorithms = [JwtAlgorithm::RS256, JwtAlgorithm::ES256, JwtAlgorithm::EdDSA];
    Authenticator::new(&rules(&algorithms, KeySource::Jwks(server.url.clone())), registry).unwrap()
}

#[tokio::test]
async fn keys_of_every_kind_are_taken_from_a_set() {
    let signers = [&RSA[0], &Signer::p256(), &Signer::ed25519()];
    let keys = signers.iter().enumerate().map(|(index, signer)| signer.jwk(&index.to_string())).collect();
    let site = Site::start(Answer::Keys(keys), ON_DEMAND).await;
    for (index, signer) in signers.iter().enumerate() {
        assert!(site.ask(&signer.token_of(&index.to_string(), &claims())).await.is_ok());
        assert!(site.ask(&signer.token(&claims())).await.is_ok(), "the only one of its kind needs no name");
    }
    assert_eq!(site.server.hits(), 1, "one fetch serves them all");
    let misnamed = signers[1].token_of("2", &claims());
    assert_eq!(site.ask(&misnamed).await.err(), UNKNOWN, "a key is used for its own kind only");
}

#[tokio::test]
async fn the_first_request_after_a_rotation_passes() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let site = Site::start(Answer::Keys(vec![old.jwk("old")]), ON_DEMAND).await;
    assert!(site.ask(&old.token_of("old", &claims())).await.is_ok());
    site.server.set(Answer::Keys(vec![new.jwk("new")]));
    assert!(site.ask(&old.token_of("old", &claims())).await.is_ok(), "known keys need no fetch");
    assert!(site.ask(&new.token_of("new", &claims())).await.is_ok());
    assert_eq!(site.ask(&old.token_of("old", &claims())).await.err(), UNKNOWN, "taken back");
}

#[tokio::test]
async fn a_flood_of_made_up_key_ids_causes_no_flood_of_fetches() {
    let signer = Signer::ed25519();
    let site = Site::start(Answer::Keys(vec![signer.jwk("a")]), Pace { cooldown: NEVER, ..ON_DEMAND }).await;
    assert!(site.ask(&signer.token_of("a", &claims())).await.is_ok());
    for number in 0..1_000 {
        let token = signer.token_of(&format!("made-up-{number}"), &claims());
        assert_eq!(site.ask(&token).await.err(), UNKNOWN);
    }
    assert!(site.ask(&signer.token_of("a", &claims())).await.is_ok());
    assert_eq!(site.server.hits(), 1);
}

#[tokio::test]
async fn without_a_key_set_nobody_is_known_and_nobody_is_judged() {
    let signer = Signer::ed25519();
    let token = signer.token_of("a", &claims());
    let huge = Bytes::from(format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000)));
    let site = Site::start(Answer::Gone, ON_DEMAND).await;
    for answer in [
        Answer::Gone,
        Answer::Status(500),
        Answer::Status(301),
        Answer::Status(204),
        Answer::Body(Bytes::from_static(b"<html>")),
        Answer::Body(huge),
        Answer::Keys(vec![]),
        Answer::Keys(vec![json!({ "kty": "oct", "k": "AAAA", "kid": "a" })]),
    ] {
        site.server.set(answer);
        assert_eq!(site.ask(&token).await.err(), Some(IdentityError::Unavailable));
    }
    site.server.set(Answer::Keys(vec![signer.jwk("a")]));
    assert!(site.ask(&token).await.is_ok(), "it recovers by itself");
}

#[tokio::test]
async fn older_keys_go_on_while_the_url_is_down_or_talks_rubbish() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let site = Site::start(Answer::Keys(vec![old.jwk("old")]), ON_DEMAND).await;
    let (by_old, by_new) = (old.token_of("old", &claims()), new.token_of("new", &claims()));
    assert!(site.ask(&by_old).await.is_ok());
    for answer in
        [Answer::Gone, Answer::Status(503), Answer::Body(Bytes::from_static(b"\0")), Answer::Keys(vec![])]
    {
        site.server.set(answer);
        assert_eq!(site.ask(&by_new).await.err(), UNKNOWN);
        assert!(site.ask(&by_old).await.is_ok());
    }
}

#[tokio::test]
async fn a_silent_url_holds_no_request_for_long() {
    let site = Site::start(Answer::Silence, ON_DEMAND).await;
    let token = Signer::ed25519().token_of("a", &claims());
    assert_eq!(site.ask(&token).await.err(), Some(IdentityError::Unavailable));
    let at_once = site.authenticator.authenticate(&bearer(&token), now());
    assert_eq!(at_once.err(), Some(IdentityError::Unavailable));
}

#[tokio::test]
async fn key_sets_are_fetched_again_in_the_background() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let pace = Pace { refresh_after: Duration::from_millis(5), cooldown: NEVER, ..ON_DEMAND };
    let site = Site::start(Answer::Keys(vec![old.jwk("old")]), pace).await;
    assert!(site.ask(&old.token_of("old", &claims())).await.is_ok());
    site.server.set(Answer::Keys(vec![new.jwk("new")]));
    site.server.asked(site.server.hits() + 3).await;
    assert!(site.ask(&new.token_of("new", &claims())).await.is_ok());
}

#[tokio::test]
async fn a_failed_fetch_is_tried_again_in_the_background() {
    let signer = Signer::ed25519();
    let pace = Pace { retry_without_keys: Duration::from_millis(5), cooldown: NEVER, ..ON_DEMAND };
    let site = Site::start(Answer::Status(500), pace).await;
    site.server.asked(3).await;
    site.server.set(Answer::Keys(vec![signer.jwk("a")]));
    site.server.asked(site.server.hits() + 1).await;
    assert!(site.ask(&signer.token_of("a", &claims())).await.is_ok());
}

#[tokio::test]
async fn the_url_may_ask_for_a_shorter_life_within_bounds() {
    let signer = Signer::ed25519();
    let answer = |cache_control| Answer::KeysFor { keys: vec![signer.jwk("a")], cache_control };
    let pace = Pace { shortest: Duration::from_millis(5), ..ON_DEMAND };
    let site = Site::start(answer("public, max-age=0"), pace).await;
    site.server.asked(3).await;
    assert!(site.ask(&signer.token_of("a", &claims())).await.is_ok());
}

#[tokio::test]
async fn keys_survive_a_reload_of_the_policy() {
    let signer = Signer::ed25519();
    let site = Site::start(Answer::Keys(vec![signer.jwk("a")]), Pace { cooldown: NEVER, ..ON_DEMAND }).await;
    let token = signer.token_of("a", &claims());
    assert!(site.ask(&token).await.is_ok());
    site.server.set(Answer::Gone);
    let next = of(&site.server, &site.registry);
    assert!(next.authenticate(&bearer(&token), now()).is_ok(), "at once, without a fetch");
    assert_eq!(site.server.hits(), 1);
}

#[tokio::test]
async fn many_requests_at_the_start_share_one_fetch() {
    let signer = Signer::ed25519();
    let site = Arc::new(
        Site::start(Answer::Keys(vec![signer.jwk("a")]), Pace { cooldown: NEVER, ..ON_DEMAND }).await,
    );
    let token = signer.token_of("a", &claims());
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let (site, token) = (Arc::clone(&site), token.clone());
            tokio::spawn(async move { site.ask(&token).await.is_ok() })
        })
        .collect();
    for answer in asking {
        assert!(answer.await.unwrap());
    }
    assert_eq!(site.server.hits(), 1);
}
