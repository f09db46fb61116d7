//! How fast the stores decide: `cargo bench --bench store`.
//!
//! The embedded store by criterion. Then, where redis-server and redis-benchmark are installed, verify
//! and issue of the Redis store from 32 tasks on one thread against `redis-benchmark -c 32` running the
//! very same script, round by round, since a busy machine slows both. Shares of calls per second.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints and may fail")]

mod redis_share;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use otp_sidecar::domain::admit::AdmitCommand;
use otp_sidecar::domain::binding::Binding;
use otp_sidecar::domain::id::{LimitName, Purpose, Reference, RequestId};
use otp_sidecar::domain::issue::{Expected, IssueCommand};
use otp_sidecar::domain::keyring::{Digest, KeyId};
use otp_sidecar::domain::lockout::LockoutRule;
use otp_sidecar::domain::subject::Subject;
use otp_sidecar::domain::time::{ManualClock, Timestamp};
use otp_sidecar::domain::verify::VerifyCommand;
use otp_sidecar::domain::window::{Count, Owner, Take};
use otp_sidecar::store::contract::Challenges;
use otp_sidecar::store::memory::MemoryStore;

fn purpose() -> Purpose {
    Purpose::parse("wallet_funding").unwrap()
}

fn digest(code: u8) -> Digest {
    Digest { kid: KeyId::parse("a").unwrap(), mac: [code; 32] }
}

fn take(limit: &str, subject: &Subject) -> Take {
    Take {
        limit: LimitName::parse(limit).unwrap(),
        owner: Owner { subject: Some(subject.clone()), ..Owner::default() },
        max: 100,
        // So short that calls are counted, and hardly ever refused.
        per: Duration::from_millis(1),
        count: Count::All,
    }
}

/// As the shipped policy issues.
fn issue(subject: &str) -> IssueCommand {
    IssueCommand {
        subject: Subject::parse(subject).unwrap(),
        purpose: purpose(),
        reference: Reference::parse("FUND-1705948200123").unwrap(),
        expected: Expected::Anything,
        binding: Binding::of([("amount", "5000")]),
        digest: digest(1),
        ttl: Duration::from_secs(300),
        live: 2,
        cooldown: Duration::ZERO,
    }
}

/// As the shipped policy verifies, with one limit and the lockouts of two purposes, but never locked: a
/// refusal would be measured instead of a comparison.
fn verify(subject: &str, code: u8) -> VerifyCommand {
    let subject = Subject::parse(subject).unwrap();
    let rule = LockoutRule {
        after: u32::MAX,
        lock_for: Duration::from_secs(900),
        escalate: 2,
        at_most: Duration::from_secs(86_400),
        disable_after: u32::MAX,
    };
    VerifyCommand {
        takes: vec![take("verify", &subject)],
        subject,
        reference: Reference::parse("FUND-1705948200123").unwrap(),
        request: RequestId::parse(&"0a".repeat(16)).unwrap(),
        candidates: vec![digest(code)],
        lockouts: Arc::from([(purpose(), rule.clone()), (Purpose::parse("wallet_deduction").unwrap(), rule)]),
    }
}

fn memory(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let store = MemoryStore::new(clock.clone());
    let admits: Vec<AdmitCommand> = (0..1_000)
        .map(|n| {
            let subject = Subject::parse(&format!("u{n}")).unwrap();
            AdmitCommand { standpoint: None, takes: vec![take("a", &subject), take("b", &subject)] }
        })
        .collect();
    let mut turn = admits.iter().cycle();
    criterion.bench_function("memory: admit, two limits", |bencher| {
        bencher.iter(|| {
            clock.advance(Duration::from_millis(1));
            runtime.block_on(store.admit(black_box(turn.next().unwrap())))
        });
    });
    for n in 0..1_000 {
        runtime.block_on(store.issue(&issue(&format!("u{n}")))).unwrap();
    }
    let verifies: Vec<VerifyCommand> = (0..1_000).map(|n| verify(&format!("u{n}"), 9)).collect();
    let mut turn = verifies.iter().cycle();
    // The clock stands still now, so that no code expires; a thousand subjects share the calls.
    criterion.bench_function("memory: verify, wrong code or limited", |bencher| {
        bencher.iter(|| runtime.block_on(store.verify(black_box(turn.next().unwrap()))));
    });
}

fn redis(_: &mut Criterion) {
    redis_share::measure();
}

criterion_group!(benches, memory, redis);
criterion_main!(benches);
