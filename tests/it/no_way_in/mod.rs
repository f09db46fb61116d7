//! Real wallet backends behind the sidecar, attacked over raw connections: whatever is sent, a handler that
//! wants a code is not reached without one. The same attacks sent straight to the backends do get in, so
//! that a test which finds nothing has looked.

#![expect(clippy::print_stdout, reason = "how much was tried on each backend is a result of these tests")]

mod attacks;
mod innocent;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use otp_sidecar::lab::mailbox::Mailbox;
use serde_json::json;

use crate::backends::{BACKENDS, Backend, Hit, LENIENT};
use crate::support::client::token;
use crate::support::sidecar::{Folder, Sidecar, Start, mailbox, wrong};
use attacks::{Attack, FUND, Guesser, Means, VERIFY};
use wire::{Lane, burst};

/// Protects all that the sample backends have, and sets no limit that would hide an attack.
const POLICY: &str = "
version: 1
identity:
  jwt: { algorithms: [HS256], key: { env: JWT_SECRET }, claims: { subject: id, email: email } }
purposes:
  wallet_funding:
    code: { digits: 6, ttl: 10m }
    lockout: { after: 100, for: 1m }
    channel: email
routes:
  - name: fund
    match: { methods: [POST], path: [/api/wallet/fund, '/api/wallets/{id}/fund'] }
    issue:
      purpose: wallet_funding
      reference: response.body.transactionReference
      recipient: claims.email
      bind: { amount: request.body.amount }
  - name: verify
    match: { methods: [POST], path: [/api/wallet/verify-otp, /api/wallet/otp/verify, /api/wallet/deduct] }
    verify: { code: request.body.otp, reference: request.body.transaction_reference }
  - name: send
    match: { methods: [POST], path: /api/wallet/otp/send }
    send:
      purpose: request.body.purpose
      recipient: { from: request.body.email, must_equal: claims.email }
  - name: status
    match: { methods: [GET], path: /api/wallet/otp/status }
    status: { purpose: request.query.purpose }
";

/// Connections at a time.
const LANES: usize = 16;
/// Every one of them may be wrong a hundred times.
const GUESSERS: usize = 40;

/// What came back for one attack.
#[derive(Clone, Default)]
struct Outcome {
    statuses: Vec<u16>,
    /// Whether the sidecar says that it let the request through to `fund` and sent a code.
    is_admitted: bool,
}

/// Sends attacks side by side; the outcomes are in their order.
fn strike(server: SocketAddr, attacks: &[&Attack]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![Outcome::default(); attacks.len()]);
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                let mut lane = Lane::to(server);
                while let Some((place, attack)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    attacks.get(place).map(|attack| (place, *attack))
                } {
                    let outcome = deliver(server, &mut lane, attack);
                    outcomes.lock().unwrap()[place] = outcome;
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

fn deliver(server: SocketAddr, lane: &mut Lane, attack: &Attack) -> Outcome {
    if attack.is_burst {
        return Outcome { statuses: burst(server, &attack.bytes), is_admitted: false };
    }
    let answer = lane.call(&attack.bytes);
    let is_admitted = answer.as_ref().is_some_and(|answer| answer.json()["otpSent"] == true);
    Outcome { statuses: answer.iter().map(|answer| answer.status).collect(), is_admitted }
}

/// Somebody has asked for money and does not read the mail.
async fn guessers(sidecar: &Sidecar, mailbox: &Mailbox) -> Vec<Guesser> {
    let mut references = BTreeMap::new();
    for number in 0..GUESSERS {
        let name = format!("guesser-{number}");
        let funded = sidecar.client().as_user(&name).fund(5_000).await;
        let reference = funded.json()["transactionReference"].as_str().unwrap().to_owned();
        references.insert(format!("{name}@example.com"), (name, reference));
    }
    let mut guessers = Vec::new();
    while guessers.len() < GUESSERS {
        let mail = mailbox.next_mail().await;
        let (name, reference) = references[&mail.to[0]].clone();
        let token = token(&name, &mail.to[0]);
        guessers.push(Guesser { token, reference, wrong_code: wrong(mail.code().unwrap()) });
    }
    guessers
}

/// Why a request that reached a protected handler must not have.
fn objection(hit: &Hit, attacks: &[Attack], outcomes: &[Outcome]) -> Option<&'static str> {
    if hit.method == "OPTIONS" {
        return preflight_objection(hit);
    }
    let Some(mark) = hit.mark else { return Some("it is none of the attacks") };
    let (attack, outcome) = (&attacks[mark], &outcomes[mark]);
    if !FUND.map(|path| path.replace("w-1", ":id")).contains(&hit.route.replace("{id}", ":id")) {
        return Some("only a right code leads here");
    }
    if !attack.has_caller || !outcome.is_admitted {
        return Some("it was not admitted");
    }
    let path = hit.url.split('?').next().unwrap_or_default();
    if !FUND.contains(&path) && !is_wallet_path(path) {
        return Some("the path is not in the policy's spelling");
    }
    if hit.method != "POST" {
        return Some("the method is another one");
    }
    match &attack.judged {
        Some(judged) if !attacks::is_same(judged, &hit.body) => {
            Some("the body is not the one that was judged")
        }
        _ => None,
    }
}

/// The policy's spelling with what the client wrote for `{id}`.
fn is_wallet_path(path: &str) -> bool {
    let id = path.strip_prefix("/api/wallets/").and_then(|rest| rest.strip_suffix("/fund"));
    id.is_some_and(|id| id.eq_ignore_ascii_case("w-1"))
}

/// A preflight may reach a handler that takes all methods, with nothing that it could act on.
fn preflight_objection(hit: &Hit) -> Option<&'static str> {
    let known = ["host", "origin", "access-control-request-method", "content-length"];
    let is_known = |name: &String| known.contains(&name.as_str()) || name.starts_with("x-forwarded-");
    if !hit.headers.iter().all(is_known) {
        return Some("a preflight carries more than a browser's");
    }
    let has_body = hit.body.as_object().is_some_and(|body| !body.is_empty());
    (has_body || hit.url.contains('?')).then_some("a preflight carries fields")
}

/// How many attacks reached a protected handler, by their means.
fn ways_in(hits: &[Hit], attacks: &[Attack]) -> BTreeMap<Means, usize> {
    let mut ways = BTreeMap::new();
    let mut marks: Vec<usize> = hits.iter().filter_map(|hit| hit.mark).collect();
    marks.dedup();
    for mark in marks {
        *ways.entry(attacks[mark].means).or_default() += 1;
    }
    ways
}

fn shown(attack: &Attack, outcome: &Outcome) -> String {
    format!("{} → {:?}", attack.bytes.escape_ascii(), outcome.statuses)
}

/// Some attacks of each means.
fn sample(attacks: &[Attack]) -> Vec<&Attack> {
    attacks
        .iter()
        .enumerate()
        .filter(|(mark, attack)| mark % attack.means.share() == 0)
        .map(|(_, a)| a)
        .collect()
}

/// The attacks must be worth something: straight to the backend they get in by every means.
fn check_that_attacks_bite(backend: &Backend, attacks: &[Attack]) {
    let some: Vec<&Attack> = sample(attacks);
    backend.forget_hits();
    strike(backend.address(), &some);
    let ways = ways_in(&backend.hits(), attacks);
    println!("{}: of {} attacks without the sidecar these get in: {ways:?}", backend.name, some.len());
    for (means, floor) in
        [(Means::Path, 20), (Means::Method, 5), (Means::Head, 50), (Means::Body, 50), (Means::Framing, 10)]
    {
        let found = ways.get(&means).copied().unwrap_or_default();
        assert!(found >= floor, "{}: {found} ways in by {means:?}", backend.name);
    }
    backend.forget_hits();
}

/// Nobody gets in through the sidecar, except to `fund` as it was admitted.
fn check_that_nobody_gets_in(backend: &Backend, sidecar: SocketAddr, attacks: &[Attack]) -> usize {
    let outcomes = strike(sidecar, &attacks.iter().collect::<Vec<_>>());
    let hits = backend.hits();
    let wrong: Vec<String> = hits
        .iter()
        .filter_map(|hit| {
            let objection = objection(hit, attacks, &outcomes)?;
            let mark = hit.mark.unwrap_or_default();
            Some(format!("{objection}: {hit:?} by {}", shown(&attacks[mark], &outcomes[mark])))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{}: {} ways in:\n{}",
        backend.name,
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    check_admissions(backend, &hits, &outcomes);
    let has_preflights = hits.iter().any(|hit| hit.method == "OPTIONS");
    assert_eq!(has_preflights, backend.name == LENIENT.0, "{}: preflights reach the backend", backend.name);
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    outcomes.iter().flat_map(|outcome| &outcome.statuses).for_each(|s| *statuses.entry(*s).or_default() += 1);
    println!("{}: {} attacks, answers {statuses:?}", backend.name, attacks.len());
    for (status, floor) in [(400, 1_000), (401, 50), (405, 100), (413, 1), (415, 20)] {
        let found = statuses.get(&status).copied().unwrap_or_default();
        assert!(found >= floor, "{}: {found} answers {status}: what should be tried is not", backend.name);
    }
    outcomes.iter().filter(|outcome| outcome.is_admitted).count()
}

fn check_admissions(backend: &Backend, hits: &[Hit], outcomes: &[Outcome]) {
    let mut reached: BTreeMap<usize, usize> = BTreeMap::new();
    for hit in hits.iter().filter(|hit| hit.method == "POST") {
        *reached.entry(hit.mark.unwrap()).or_default() += 1;
    }
    let admitted: BTreeMap<usize, usize> =
        (0..outcomes.len()).filter(|mark| outcomes[*mark].is_admitted).map(|mark| (mark, 1)).collect();
    assert_eq!(reached, admitted, "{}: each admitted request reaches `fund` exactly once", backend.name);
    assert!(admitted.len() >= 20, "{}: only {} were admitted", backend.name, admitted.len());
}

/// The door is no wall: with the right code it opens, once.
async fn check_that_the_right_code_opens(backend: &Backend, sidecar: &Sidecar, reference: &str, code: &str) {
    backend.forget_hits();
    let jane = sidecar.client().as_user("jane");
    assert_eq!(jane.verify(reference, &wrong(code)).await.word(), (400, "otp_invalid".to_owned()));
    assert_eq!(jane.verify(reference, code).await.status, 200);
    assert_eq!(jane.verify(reference, code).await.word(), (400, "otp_used".to_owned()));
    let hits = backend.hits();
    assert_eq!(hits.iter().map(|hit| hit.route.as_str()).collect::<Vec<_>>(), [VERIFY[0]]);
    assert_eq!(hits[0].body, json!({ "otp": code, "transaction_reference": reference }));
}

/// A sidecar that protects something else finds ways in, so a broken one would be noticed.
fn check_that_a_gap_would_show(backend: &Backend, attacks: &[Attack]) {
    backend.forget_hits();
    let policies = Folder::new();
    let elsewhere = POLICY.replace("/api/wallet", "/elsewhere/wallet");
    policies.write("policy.yaml", &elsewhere);
    let upstream = format!("http://{}", backend.address());
    let sidecar = Start::before(&upstream).policies(policies.path()).ready();
    strike(sidecar.traffic, &sample(attacks));
    let ways = ways_in(&backend.hits(), attacks);
    println!("{}: through a sidecar that protects something else: {ways:?}", backend.name);
    assert!(ways.len() >= 4, "{}: {ways:?}", backend.name);
}

async fn besiege(how: (&'static str, &'static [&'static str])) {
    let backend = Backend::start(how);
    let mailbox = mailbox().await;
    let policies = Folder::new();
    policies.write("policy.yaml", POLICY);
    let upstream = format!("http://{}", backend.address());
    let sidecar = Start::before(&upstream).policies(policies.path()).mail(&mailbox).ready();

    let funded = sidecar.client().as_user("jane").fund(5_000).await;
    let reference = funded.json()["transactionReference"].as_str().unwrap().to_owned();
    let code = mailbox.next_mail().await.code().unwrap().to_owned();
    let attacks = attacks::all(&guessers(&sidecar, &mailbox).await);

    check_that_attacks_bite(&backend, &attacks);
    let admitted = check_that_nobody_gets_in(&backend, sidecar.traffic, &attacks);
    let issued =
        "otp_sidecar_decisions_total{mode=\"enforce\",outcome=\"allowed\",reason=\"issued\",route=\"fund\"}";
    assert_eq!(sidecar.metric(issued).await, (admitted + GUESSERS + 1) as f64);
    check_that_the_right_code_opens(&backend, &sidecar, &reference, &code).await;
    innocent::check_that_they_are_not_hurt(&backend, sidecar.traffic);
    check_that_a_gap_would_show(&backend, &attacks);
}

macro_rules! besieged {
    ($($test:ident: $backend:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                besiege($backend).await;
            }
        )*
    };
}

besieged! {
    nobody_gets_into_a_wallet_on_express_4: BACKENDS[0];
    nobody_gets_into_a_wallet_on_express_5: BACKENDS[1];
    nobody_gets_into_a_wallet_on_an_express_that_believes_everything: LENIENT;
    nobody_gets_into_a_wallet_on_fastify_5: BACKENDS[3];
    nobody_gets_into_a_wallet_on_a_relaxed_fastify_5: BACKENDS[5];
    nobody_gets_into_a_wallet_on_fastapi_with_httptools: BACKENDS[6];
    nobody_gets_into_a_wallet_on_fastapi_with_h11: BACKENDS[7];
}
