//! Tokens, good and hostile, against one key.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use otp_sidecar::identity::jwks::JwksRegistry;
use otp_sidecar::identity::jwt::{Authenticator, IdentityError, IdentitySetupError, Rejection};
use otp_sidecar::policy::snapshot::{JwtAlgorithm, KeySource};
use serde_json::{Value, json};

use super::keys::{RSA, Signer, base64url, pem};
use super::{NOW, bearer, claims, claims_with, headers, now, public, rules, secret};

const SECRET: &[u8] = b"a secret of the wallet that is long enough for a test";

fn hs256() -> Signer {
    Signer::secret(Algorithm::HS256, SECRET)
}

fn authenticator() -> Authenticator {
    Authenticator::new(&rules(&[JwtAlgorithm::HS256], secret(SECRET)), &JwksRegistry::default()).unwrap()
}

fn of_pem(algorithm: JwtAlgorithm, pem: Vec<u8>) -> Result<Authenticator, IdentitySetupError> {
    Authenticator::new(&rules(&[algorithm], public(pem)), &JwksRegistry::default())
}

#[track_caller]
fn refused_by(authenticator: &Authenticator, token: &str, why: Rejection) {
    let found = authenticator.authenticate(&bearer(token), now());
    assert_eq!(found.err(), Some(IdentityError::Unauthorized(why)), "{token}");
}

#[track_caller]
fn refused(token: &str, why: Rejection) {
    refused_by(&authenticator(), token, why);
}

#[test]
fn a_good_token_names_its_caller_and_the_claims_of_the_policy() {
    let caller = authenticator().authenticate(&bearer(&hs256().token(&claims())), now()).unwrap();
    assert_eq!(caller.subject.as_str(), "65f1c0ffee");
    assert_eq!(caller.claim("email"), Some("jane@example.com"));
    assert_eq!(caller.claim("role"), None, "the policy does not name it");
    assert_eq!(caller.claim("vip"), None, "the token does not have it");
}

#[test]
fn every_algorithm_of_the_policy_works_with_its_key() {
    let public_keys = [
        (JwtAlgorithm::RS256, &RSA[0]),
        (JwtAlgorithm::ES256, &Signer::p256()),
        (JwtAlgorithm::EdDSA, &Signer::ed25519()),
    ];
    for (algorithm, signer) in public_keys {
        let authenticator = of_pem(algorithm, signer.public_pem()).unwrap();
        assert!(authenticator.authenticate(&bearer(&signer.token(&claims())), now()).is_ok());
    }
    for (ours, theirs) in [
        (JwtAlgorithm::HS256, Algorithm::HS256),
        (JwtAlgorithm::HS384, Algorithm::HS384),
        (JwtAlgorithm::HS512, Algorithm::HS512),
    ] {
        let rules = rules(&[ours], secret(SECRET));
        let authenticator = Authenticator::new(&rules, &JwksRegistry::default()).unwrap();
        let token = Signer::secret(theirs, SECRET).token(&claims());
        assert!(authenticator.authenticate(&bearer(&token), now()).is_ok());
    }
}

#[test]
fn no_spelling_of_none_is_an_algorithm() {
    for alg in ["none", "None", "NONE", "nOnE", "", " HS256", "hs256", "HS256\u{0}", "HS256 ", "null"] {
        let header = base64url(json!({ "alg": alg }).to_string().as_bytes());
        let message = format!("{header}.{}", base64url(claims().to_string().as_bytes()));
        for (token, why) in [
            (format!("{message}."), Rejection::Malformed),
            (message.clone(), Rejection::Malformed),
            (format!("{message}.AAAA"), Rejection::Algorithm),
        ] {
            refused(&token, why);
        }
        refused(&hs256().token_with(&json!({ "alg": alg }), &claims()), Rejection::Algorithm);
    }
}

#[test]
fn a_header_without_one_plain_algorithm_is_refused() {
    for header in [
        "{}",
        "[]",
        "\"HS256\"",
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":1}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":"HS256"}x"#,
        "",
        " ",
        "{\"alg\":\"HS256\"",
    ] {
        refused(&hs256().sign(header, &claims().to_string()), Rejection::Malformed);
    }
}

#[test]
fn a_token_that_demands_an_extension_is_refused() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("b64"), json!({})] {
        let header = json!({ "alg": "HS256", "crit": crit, "b64": false });
        refused(&hs256().token_with(&header, &claims()), Rejection::Malformed);
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    for (algorithm, signer) in [
        (JwtAlgorithm::RS256, &RSA[0]),
        (JwtAlgorithm::ES256, &Signer::p256()),
        (JwtAlgorithm::EdDSA, &Signer::ed25519()),
    ] {
        let pem = signer.public_pem();
        let authenticator = of_pem(algorithm, pem.clone()).unwrap();
        let forger = Signer::secret(Algorithm::HS256, &pem);
        refused_by(&authenticator, &forger.token(&claims()), Rejection::Algorithm);
        let header = json!({ "alg": format!("{:?}", signer.algorithm) });
        refused_by(&authenticator, &forger.token_with(&header, &claims()), Rejection::Signature);

        let careless =
            Authenticator::new(&rules(&[JwtAlgorithm::HS256], secret(&pem)), &JwksRegistry::default());
        assert!(matches!(careless, Err(IdentitySetupError::Key(_))), "such a policy is refused");
    }
}

#[test]
fn an_algorithm_of_the_same_family_that_is_not_listed_is_refused() {
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        refused(&Signer::secret(algorithm, SECRET).token(&claims()), Rejection::Algorithm);
    }
    let signer = &RSA[0];
    let authenticator = of_pem(JwtAlgorithm::RS256, signer.public_pem()).unwrap();
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "HS256"] {
        let token = signer.token_with(&json!({ "alg": alg }), &claims());
        refused_by(&authenticator, &token, Rejection::Algorithm);
    }
}

#[test]
fn keys_offered_by_the_token_itself_are_not_read() {
    let (owner, forger) = (&RSA[0], &RSA[1]);
    let authenticator = of_pem(JwtAlgorithm::RS256, owner.public_pem()).unwrap();
    let header = json!({
        "alg": "RS256", "kid": "../../dev/null", "jwk": forger.jwk("x"), "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/",
    });
    refused_by(&authenticator, &forger.token_with(&header, &claims()), Rejection::Signature);
    assert!(authenticator.authenticate(&bearer(&owner.token_with(&header, &claims())), now()).is_ok());
}

#[test]
fn a_changed_token_is_refused_wherever_it_was_changed() {
    let token = hs256().token(&claims());
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let other = base64url(claims_with(json!({ "id": "someone else" })).to_string().as_bytes());
    refused(&format!("{header}.{other}.{signature}"), Rejection::Signature);
    refused(&format!("{header}.{payload}.{}", base64url(&[0; 32])), Rejection::Signature);
    refused(&format!("{header}.{payload}.{}", &signature[..signature.len() - 4]), Rejection::Signature);
    let other = base64url(br#"{"alg":"HS256","typ":"JWT "}"#);
    refused(&format!("{other}.{payload}.{signature}"), Rejection::Signature);
    refused(&Signer::secret(Algorithm::HS256, b"another secret").token(&claims()), Rejection::Signature);
}

#[test]
fn what_is_no_token_in_three_parts_is_malformed() {
    let token = hs256().token(&claims());
    for broken in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!(".{token}"),
        format!("{token}."),
        format!("{token}.AAAA"),
        format!("{token}.AAAA.AAAA"),
        token.replacen('.', "..", 1),
        format!("{token}="),
        format!("{token}\u{fc}"),
        format!("{token},{token}"),
        format!("{token} {token}"),
        format!("{token}%20"),
        format!("\"{token}\""),
        token.replace('.', "%2E"),
    ] {
        refused(&broken, Rejection::Malformed);
    }
}

#[test]
fn base64_has_one_spelling() {
    let token = hs256().token(&claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    // 32 bytes leave two bits of the last letter unused: a lax decoder takes four spellings.
    let (rest, last) = signature.split_at(signature.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(last).unwrap();
    for other in index + 1..index + 4 {
        let other = alphabet.get(other..=other).unwrap();
        refused(&format!("{message}.{rest}{other}"), Rejection::Signature);
    }
}

#[test]
fn there_must_be_exactly_one_bearer_token() {
    let token = hs256().token(&claims());
    let line = format!("Bearer {token}");
    let check = |lines: &[String], expected: Option<Rejection>| {
        let found = authenticator().authenticate(&headers(lines), now()).err();
        assert_eq!(found, expected.map(IdentityError::Unauthorized), "{lines:?}");
    };
    check(&[], Some(Rejection::Missing));
    check(&[line.clone(), line.clone()], Some(Rejection::Malformed));
    check(&[line.clone(), "Basic dTpw".to_owned()], Some(Rejection::Malformed));
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        check(&[format!("{scheme} {token}")], None);
    }
    check(&[format!("Bearer   {token} ")], None);
    for line in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer{token}"),
        format!("Bearer\t{token}"),
        format!("Bearer: {token}"),
        format!("Bearer Bearer {token}"),
        format!("Bearer {token}, Bearer {token}"),
        String::new(),
    ] {
        check(&[line], Some(Rejection::Malformed));
    }
}

#[test]
fn an_oversized_header_is_refused_unread() {
    let fitting = hs256().token(&claims_with(json!({ "x": "x".repeat(4_000) })));
    assert!(authenticator().authenticate(&bearer(&fitting), now()).is_ok());
    refused(&hs256().token(&claims_with(json!({ "x": "x".repeat(7_000) }))), Rejection::Malformed);
    refused(&"A".repeat(9_000), Rejection::Malformed);
}

#[test]
fn a_payload_must_be_one_object() {
    for payload in
        ["", "[]", "null", "7", "\"x\"", "{}{}", "{", "{\"id\":}", "\u{feff}{}", &"[".repeat(5_000)]
    {
        refused(&hs256().sign(r#"{"alg":"HS256"}"#, payload), Rejection::Malformed);
    }
    refused(&hs256().sign(r#"{"alg":"HS256"}"#, "{}"), Rejection::Claim);
}

#[test]
fn times_are_judged_at_their_exact_ends() {
    let at = |changes: Value, leeway: u64| {
        let mut rules = rules(&[JwtAlgorithm::HS256], secret(SECRET));
        rules.jwt.leeway = Duration::from_secs(leeway);
        let authenticator = Authenticator::new(&rules, &JwksRegistry::default()).unwrap();
        authenticator.authenticate(&bearer(&hs256().token(&claims_with(changes))), now()).err()
    };
    let expired = Some(IdentityError::Unauthorized(Rejection::Expired));
    let too_early = Some(IdentityError::Unauthorized(Rejection::NotYetValid));
    assert_eq!(at(json!({ "exp": NOW }), 0), expired);
    assert_eq!(at(json!({ "exp": NOW + 1 }), 0), None);
    assert_eq!(at(json!({ "exp": NOW as f64 + 0.5 }), 0), None);
    assert_eq!(at(json!({ "exp": NOW - 30 }), 30), expired);
    assert_eq!(at(json!({ "exp": NOW - 29 }), 30), None);
    assert_eq!(at(json!({ "exp": 0 }), 30), expired);
    assert_eq!(at(json!({ "exp": -1 }), 30), expired);
    assert_eq!(at(json!({ "exp": 1e300 }), 30), None);
    assert_eq!(at(json!({ "nbf": NOW }), 0), None);
    assert_eq!(at(json!({ "nbf": NOW + 1 }), 0), too_early);
    assert_eq!(at(json!({ "nbf": NOW + 30 }), 30), None);
    assert_eq!(at(json!({ "nbf": NOW + 31 }), 30), too_early);
    assert_eq!(at(json!({ "nbf": 1e300 }), 30), too_early);
}

#[test]
fn a_token_without_an_end_or_with_unreadable_times_is_refused() {
    for changes in [
        json!({ "exp": null }),
        json!({ "exp": (NOW + 60).to_string() }),
        json!({ "exp": true }),
        json!({ "exp": [NOW + 60] }),
        json!({ "nbf": "0" }),
        json!({ "nbf": {} }),
    ] {
        refused(&hs256().token(&claims_with(changes)), Rejection::Claim);
    }
    let null = format!(r#"{{"id":"x","exp":{},"nbf":null}}"#, NOW + 60);
    refused(&hs256().sign(r#"{"alg":"HS256"}"#, &null), Rejection::Claim);
}

#[test]
fn issuer_and_audience_count_when_the_policy_names_them() {
    let mut rules = rules(&[JwtAlgorithm::HS256], secret(SECRET));
    rules.jwt.issuer = Some("https://id.example".to_owned());
    rules.jwt.audience = Some("wallet".to_owned());
    let authenticator = Authenticator::new(&rules, &JwksRegistry::default()).unwrap();
    let check = |changes: Value, expected: Option<Rejection>| {
        let token = hs256().token(&claims_with(changes.clone()));
        let found = authenticator.authenticate(&bearer(&token), now()).err();
        assert_eq!(found, expected.map(IdentityError::Unauthorized), "{changes}");
    };
    let iss = "https://id.example";
    check(json!({ "iss": iss, "aud": "wallet" }), None);
    check(json!({ "iss": iss, "aud": ["other", "wallet"] }), None);
    for aud in
        [json!(null), json!("Wallet"), json!([]), json!(["other"]), json!("wallet "), json!({ "wallet": 1 })]
    {
        check(json!({ "iss": iss, "aud": aud }), Some(Rejection::Audience));
    }
    for iss in [json!(null), json!("https://id.example/"), json!([iss]), json!("")] {
        check(json!({ "iss": iss, "aud": "wallet" }), Some(Rejection::Issuer));
    }
}

#[test]
fn a_subject_is_a_string_or_an_integer_that_every_reader_reads_alike() {
    let subject = |payload: String| {
        let token = hs256().sign(r#"{"alg":"HS256"}"#, &payload);
        authenticator().authenticate(&bearer(&token), now()).map(|caller| caller.subject.as_str().to_owned())
    };
    let with = |id: &str| subject(format!(r#"{{"id":{id},"exp":{}}}"#, NOW + 60));
    for (id, expected) in [
        (r#""65f1c0ffee""#, "65f1c0ffee"),
        ("7", "7"),
        ("-7", "-7"),
        ("0", "0"),
        ("9007199254740991", "9007199254740991"),
        (r#""\u00fcber""#, "über"),
    ] {
        assert_eq!(with(id).as_deref(), Ok(expected), "{id}");
    }
    let claim = Err(IdentityError::Unauthorized(Rejection::Claim));
    let too_long = format!("\"{}\"", "x".repeat(257));
    for id in [
        "9007199254740992",
        "18446744073709551615",
        "99999999999999999999",
        "-9007199254740992",
        "1.0",
        "1.5",
        "1e3",
        "-0",
        "true",
        "false",
        "null",
        "[]",
        r#"["7"]"#,
        r#"{"$oid":"7"}"#,
        r#""""#,
        r#""a\u0000b""#,
        r#""a\nb""#,
        &too_long,
    ] {
        assert_eq!(with(id), claim, "{id}");
    }
    assert_eq!(subject(format!(r#"{{"exp":{}}}"#, NOW + 60)), claim, "no subject");
}

#[test]
fn other_claims_may_be_missing_but_not_composed() {
    let caller =
        |changes: Value| authenticator().authenticate(&bearer(&hs256().token(&claims_with(changes))), now());
    assert_eq!(caller(json!({ "vip": true })).unwrap().claim("vip"), Some("true"));
    assert_eq!(caller(json!({ "vip": 1.5 })).unwrap().claim("vip"), Some("1.5"));
    assert_eq!(caller(json!({ "email": null })).unwrap().claim("email"), None);
    for composed in [json!(["jane@example.com"]), json!({ "a": 1 }), json!([])] {
        let found = caller(json!({ "email": composed }));
        assert_eq!(found.err(), Some(IdentityError::Unauthorized(Rejection::Claim)));
    }
}

#[test]
fn a_policy_whose_key_and_algorithms_do_not_fit_is_refused() {
    use JwtAlgorithm::{ES256, EdDSA, HS256, HS512, RS256};
    let registry = JwksRegistry::default();
    let new = |algorithms: &[JwtAlgorithm], key| Authenticator::new(&rules(algorithms, key), &registry).err();
    let url = |text: &str| KeySource::Jwks(url::Url::parse(text).unwrap());
    let rsa = || public(RSA[0].public_pem());
    assert_eq!(new(&[HS256, HS512], secret(SECRET)), None);
    assert_eq!(new(&[RS256, ES256, EdDSA], url("https://id.example/keys")), None);
    assert_eq!(new(&[], secret(SECRET)), Some(IdentitySetupError::NoAlgorithm));
    assert_eq!(new(&[HS256, RS256], secret(SECRET)), Some(IdentitySetupError::MixedAlgorithms));
    assert_eq!(new(&[RS256, ES256], rsa()), Some(IdentitySetupError::MixedAlgorithms));
    assert_eq!(new(&[HS256], rsa()), Some(IdentitySetupError::KindOfKey));
    assert_eq!(new(&[RS256], secret(SECRET)), Some(IdentitySetupError::KindOfKey));
    assert_eq!(new(&[HS256], url("https://id.example/keys")), Some(IdentitySetupError::KindOfKey));
    for bad in
        ["file:///etc/keys", "ftp://id.example/", "https://user@id.example/", "https://u:p@id.example/"]
    {
        assert_eq!(new(&[RS256], url(bad)), Some(IdentitySetupError::Url), "{bad}");
    }
    let mut nobody = rules(&[HS256], secret(SECRET));
    nobody.jwt.claims.remove("subject");
    assert_eq!(Authenticator::new(&nobody, &registry).err(), Some(IdentitySetupError::NoSubject));
}

#[test]
fn a_file_that_is_not_the_one_right_public_key_is_refused() {
    let rsa = RSA[0].public_pem();
    let two = [rsa.clone(), RSA[1].public_pem()].concat();
    for (algorithm, file) in [
        (JwtAlgorithm::RS256, Vec::new()),
        (JwtAlgorithm::RS256, b"secret".to_vec()),
        (JwtAlgorithm::RS256, vec![0xff, 0xfe]),
        (JwtAlgorithm::RS256, two),
        (JwtAlgorithm::RS256, pem("PUBLIC KEY", b"rubbish")),
        (JwtAlgorithm::RS256, pem("PRIVATE KEY", b"rubbish")),
        (JwtAlgorithm::RS256, pem("CERTIFICATE", b"rubbish")),
        (JwtAlgorithm::RS256, Signer::p256().public_pem()),
        (JwtAlgorithm::ES256, rsa.clone()),
        (JwtAlgorithm::ES256, Signer::p384().public_pem()),
        (JwtAlgorithm::ES256, Signer::secp256k1().public_pem()),
        (JwtAlgorithm::ES256, Signer::ed25519().public_pem()),
        (JwtAlgorithm::EdDSA, Signer::p256().public_pem()),
        (JwtAlgorithm::EdDSA, rsa),
    ] {
        let found = of_pem(algorithm, file.clone());
        assert!(matches!(found, Err(IdentitySetupError::Key(_))), "{algorithm:?} {}", file.escape_ascii());
    }
}

#[test]
fn neither_tokens_nor_keys_nor_claims_show_in_errors_and_debug_output() {
    let token = hs256().token(&claims_with(json!({ "email": [1] })));
    let error = authenticator().authenticate(&bearer(&token), now()).unwrap_err();
    let caller = authenticator().authenticate(&bearer(&hs256().token(&claims())), now()).unwrap();
    let shown = format!("{error} {error:?} {caller:?} {:?}", authenticator());
    for private in ["a secret of", "eyJ", "jane", "65f1c0ffee"] {
        assert!(!shown.contains(private), "{shown}");
    }
    let bytes = format!("{:?}", &SECRET[..8]);
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}
