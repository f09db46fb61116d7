//! The route index against the routers of real backends: whatever spelling of a protected path a backend's
//! router takes, the index must know. Requests go straight to the backend here, without the sidecar.

use std::collections::{BTreeMap, BTreeSet};

use http::Uri;
use otp_sidecar::policy::route::{PathMatch, RouteIndex, Router};

use crate::backends::{BACKENDS, Backend};
use crate::spellings::{combined_spellings, spellings};

/// The protected routes of the sample backends: method, the index's pattern, a path that names it.
const PROTECTED: [(&str, &str, &str); 7] = [
    ("POST", "/api/wallet/fund", "/api/wallet/fund"),
    ("POST", "/api/wallet/verify-otp", "/api/wallet/verify-otp"),
    ("POST", "/api/wallet/otp/verify", "/api/wallet/otp/verify"),
    ("POST", "/api/wallet/otp/send", "/api/wallet/otp/send"),
    ("GET", "/api/wallet/otp/status", "/api/wallet/otp/status"),
    ("POST", "/api/wallet/deduct", "/api/wallet/deduct"),
    ("POST", "/api/wallets/{id}/fund", "/api/wallets/w-1/fund"),
];

/// The path on which changes are also tried in pairs.
const COMBINED: &str = "/api/wallet/fund";

/// Connections at a time.
const LANES: usize = 8;

fn index(router: Router) -> RouteIndex {
    let entries: Vec<_> = PROTECTED.iter().enumerate().map(|(n, (_, path, _))| (*path, n, router)).collect();
    RouteIndex::build(&entries).unwrap()
}

/// What the sidecar makes of a request target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// The HTTP parser refuses it.
    Unparsed,
    Proper,
    Improper,
    Unguarded,
}

fn verdict(index: &RouteIndex, target: &[u8]) -> Verdict {
    let Ok(uri) = Uri::try_from(target) else { return Verdict::Unparsed };
    match index.find(uri.path()) {
        PathMatch::Proper { .. } => Verdict::Proper,
        PathMatch::Improper { .. } => Verdict::Improper,
        PathMatch::Unguarded => Verdict::Unguarded,
    }
}

/// The spellings and, since the sidecar forwards what it parsed, what becomes of them when parsed.
fn targets(path: &str) -> BTreeSet<Vec<u8>> {
    let mut all = spellings(path);
    if path == COMBINED {
        all.extend(combined_spellings(path));
    }
    let parsed = |target: &Vec<u8>| {
        let uri = Uri::from_maybe_shared(target.clone()).ok()?;
        Some(uri.path_and_query()?.as_str().as_bytes().to_vec())
    };
    let forwarded: Vec<Vec<u8>> = all.iter().filter_map(parsed).collect();
    all.extend(forwarded);
    // A raw line end or space would end the request line.
    all.retain(|target| !target.iter().any(|b| matches!(b, b'\r' | b'\n' | b' ')));
    all
}

/// Sends every target and gives back those that reached a protected handler, with its route.
fn taken(backend: &Backend, cases: &[(&str, Vec<u8>)]) -> Vec<(usize, String)> {
    let share = cases.len().div_ceil(LANES);
    std::thread::scope(|scope| {
        for (lane, part) in cases.chunks(share).enumerate() {
            scope.spawn(move || {
                for (place, (method, target)) in part.iter().enumerate() {
                    backend.request(method, target, lane * share + place);
                }
            });
        }
    });
    backend.hits().into_iter().filter_map(|hit| Some((hit.mark?, hit.route))).collect()
}

#[expect(clippy::print_stdout, reason = "how many spellings each router took is the result of this test")]
fn compare(backend: &Backend) {
    let (express, strict) = (index(Router::Express), index(Router::Strict));
    let cases: Vec<(&str, Vec<u8>)> = PROTECTED
        .iter()
        .flat_map(|(method, _, path)| targets(path).into_iter().map(move |target| (*method, target)))
        .collect();
    let taken = taken(backend, &cases);
    let mut seen: BTreeMap<Verdict, Vec<String>> = BTreeMap::new();
    for (mark, route) in &taken {
        let target = &cases[*mark].1;
        let shown = String::from_utf8_lossy(target).into_owned();
        for index in [&express, &strict] {
            assert_ne!(
                verdict(index, target),
                Verdict::Unguarded,
                "{}: {shown:?} reaches {route}",
                backend.name
            );
        }
        seen.entry(verdict(&express, target)).or_default().push(shown);
    }
    let count = |verdict| seen.get(&verdict).map_or(0, Vec::len);
    println!(
        "{}: {} spellings sent, {} taken: {} proper, {} improper, {} refused by the parser",
        backend.name,
        cases.len(),
        taken.len(),
        count(Verdict::Proper),
        count(Verdict::Improper),
        count(Verdict::Unparsed),
    );
    let plain = |(_, _, path): &(&str, &str, &str)| cases.iter().position(|(_, t)| t == path.as_bytes());
    for mark in PROTECTED.iter().filter_map(plain) {
        assert!(
            taken.iter().any(|(hit, _)| *hit == mark),
            "{} does not take {:?}",
            backend.name,
            cases[mark]
        );
    }
    assert!(cases.len() > 2_000, "only {} spellings", cases.len());
}

#[test]
fn every_spelling_that_a_real_router_takes_is_known_to_the_index() {
    for how in BACKENDS {
        compare(&Backend::start(how));
    }
}
