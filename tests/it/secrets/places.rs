//! Codes, tokens and addresses in every place of a request where they do not belong.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::{RECIPIENT, World};
use crate::support::client::{Client, token};
use crate::support::sidecar::{PATIENCE, changed, wrong};
use crate::support::wait::until;

const ROUTES: [(&str, &str); 4] = [
    ("POST", "/api/wallet/fund"),
    ("POST", "/api/wallet/verify-otp"),
    ("POST", "/api/wallet/otp/send"),
    ("GET", "/api/wallet/otp/status"),
];

/// Pushes one secret into every place of a request to every route.
async fn push(world: &mut World, client: &Client, secret: &str) {
    for (method, path) in ROUTES {
        let method: Method = method.parse().unwrap();
        let body =
            json!({ "otp": secret, "transaction_reference": secret, "purpose": secret, "email": secret });
        let body = Bytes::from(body.to_string());
        let json = [("content-type", "application/json")];
        let name = format!("x-{}", secret.to_lowercase().replace(['@', '.', '_'], "-"));
        for (place, target, headers) in [
            ("body", path.to_owned(), json.to_vec()),
            ("query", format!("{path}?otp={secret}&purpose={secret}"), json.to_vec()),
            ("name in the query", format!("{path}?{secret}=1"), json.to_vec()),
            ("path", format!("{path}/{secret}"), json.to_vec()),
            ("dotted path", format!("{path};{secret}"), json.to_vec()),
            (
                "header",
                path.to_owned(),
                vec![("content-type", secret), ("x-otp", secret), ("origin", secret)],
            ),
            ("header name", path.to_owned(), vec![(name.as_str(), "1"), ("upgrade", secret)]),
            (
                "trace",
                path.to_owned(),
                vec![("traceparent", secret), ("tracestate", secret), ("baggage", secret)],
            ),
            ("forwarded", path.to_owned(), vec![("x-forwarded-for", secret), ("forwarded", secret)]),
        ] {
            let body = if method == Method::GET { Bytes::new() } else { body.clone() };
            if let Ok(answer) = client.try_call(method.clone(), &target, &headers, body).await {
                world.keep(&format!("a secret in the {place} of {path}"), answer);
            }
        }
    }
}

async fn push_everything(world: &mut World) {
    let jane = world.somebody("jane");
    let (_, code) = world.funded(&jane).await;
    push(world, &jane, &code).await;
    let guess = wrong(&code);
    world.secrets.add("a guess", &guess);
    push(world, &jane, &guess).await;
    let bearer = token("somebody-else", "mallory@elsewhere.example");
    world.secrets.add("a token in a wrong place", &bearer);
    push(world, &jane, &bearer).await;
    world.secrets.add("an address", "mallory@elsewhere.example");
    push(world, &jane, "mallory@elsewhere.example").await;
    for broken in [
        format!("{bearer}x"),
        bearer.replace('.', "-"),
        format!("{}.{}", bearer.split('.').next().unwrap(), code),
        format!("{code} {code}"),
        "hunter2-token".to_owned(),
    ] {
        let somebody = world.sidecar.client().with_token(broken.clone());
        if !broken.contains(' ') {
            world.secrets.add("a broken token", &broken);
        }
        let answer = somebody.status("wallet_funding").await;
        assert!(answer.status == 401 || answer.status == 429, "{broken}: {}", answer.text());
        world.keep("broken token", answer);
    }
}

#[tokio::test]
async fn a_secret_in_any_place_of_any_route_leaves_no_trace_in_what_is_written() {
    let mut world = World::start().await;
    push_everything(&mut world).await;
    world.assert_discreet().await;
}

#[tokio::test]
async fn lines_for_people_are_as_discreet_as_those_for_machines() {
    let mut world = World::logging("pretty").await;
    push_everything(&mut world).await;
    world.assert_discreet().await;
}

#[tokio::test]
async fn a_dead_redis_and_a_broken_policy_leave_no_trace_in_what_is_written() {
    let mut world = World::start().await;
    // The address as the subject is in keys and arguments of the store.
    let client = world.somebody(RECIPIENT);
    let (reference, code) = world.funded(&client).await;
    world.redis.kill();
    let answer = client.verify(&reference, &code).await;
    assert_eq!(answer.status, 503);
    world.keep("verify without Redis", answer);
    for answer in [client.fund(5).await, client.status("wallet_funding").await] {
        world.keep("without Redis", answer);
    }
    for (number, line) in [
        "hunter2-as-a-field: 1".to_owned(),
        format!("routes: [\"hunter2-unclosed {code}"),
        "identity: { jwt: { key: { env: HUNTER2_NOT_SET } } }".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let text = changed(&[("version: 1", &format!("version: 1\n{line}"))]);
        std::fs::write(world.policies.path().join("default.yaml"), text).unwrap();
        let rejected = "otp_sidecar_policy_reloads_total{result=\"rejected\"}";
        until("it is rejected", PATIENCE, async || world.sidecar.metric(rejected).await > number as f64)
            .await;
    }
    world.assert_discreet().await;
}
