use std::thread;
use std::time::Instant;

use futures_util::FutureExt;
use zeroize::Zeroizing;

use super::*;
use crate::domain::id::{Purpose, RequestId};
use crate::domain::outbox::{Envelope, MessageKind};
use crate::domain::subject::Recipient;
use crate::domain::time::ManualClock;

const START: Timestamp = Timestamp::from_millis(1_000_000);

fn message(number: u64) -> Message {
    Message {
        request: RequestId::parse(&format!("{number:032x}")).unwrap(),
        purpose: Purpose::parse("wallet_funding").unwrap(),
        kind: MessageKind::Code,
        envelope: Envelope {
            recipient: Recipient::parse("jane@example.com").unwrap(),
            subject: "Your code".to_owned(),
            text: Zeroizing::new("603645".to_owned()),
            html: None,
        },
        queued_at: START.plus(Duration::from_millis(number)),
        worthless_at: START.plus(Duration::from_secs(300)),
        traceparent: None,
    }
}

fn outbox(capacity: usize) -> (ProcessOutbox, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START));
    (ProcessOutbox::new(capacity, clock.clone()), clock)
}

fn put(outbox: &ProcessOutbox, number: u64) {
    outbox.reserve().unwrap().put(message(number));
}

/// What comes, or a failed test instead of one that never ends.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), coming).await.expect("nothing came")
}

fn number(claimed: &Claimed) -> u64 {
    u64::from_str_radix(claimed.message.request.as_str(), 16).unwrap()
}

#[tokio::test]
async fn messages_leave_in_the_order_in_which_they_came() {
    let (outbox, _) = outbox(3);
    for sent in 1..=3 {
        put(&outbox, sent);
    }
    for expected in 1..=3 {
        let claimed = soon(outbox.claim()).await.unwrap();
        assert_eq!((number(&claimed), claimed.attempt), (expected, 0));
    }
}

#[tokio::test]
async fn reserved_waiting_and_held_messages_all_take_a_place() {
    let (outbox, _) = outbox(2);
    put(&outbox, 1);
    let held = soon(outbox.claim()).await.unwrap();
    let place = outbox.reserve().unwrap();
    assert!(outbox.reserve().is_err(), "a third place was given");
    drop(place);
    let place = outbox.reserve().unwrap();
    outbox.ack(held, Ack::Done);
    assert!(outbox.reserve().is_ok(), "a place was not given back");
    drop(place);
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_lets_others_pass() {
    let (outbox, clock) = outbox(2);
    put(&outbox, 1);
    let first = soon(outbox.claim()).await.unwrap();
    outbox.ack(first, Ack::RetryAt(START.plus(Duration::from_secs(4))));
    put(&outbox, 2);
    assert_eq!(number(&soon(outbox.claim()).await.unwrap()), 2);
    assert!(outbox.claim().now_or_never().is_none(), "a retry came too early");
    clock.advance(Duration::from_secs(4));
    let again = soon(outbox.claim()).await.unwrap();
    assert_eq!((number(&again), again.attempt), (1, 1));
}

struct Running(Instant);

impl Clock for Running {
    fn now(&self) -> Timestamp {
        START.plus(self.0.elapsed())
    }
}

#[tokio::test]
async fn a_waiting_claim_wakes_up_when_a_retry_is_due() {
    let outbox = ProcessOutbox::new(2, Arc::new(Running(Instant::now())));
    for (number, wait) in [(1, 60), (2, 30)] {
        put(&outbox, number);
        let claimed = soon(outbox.claim()).await.unwrap();
        outbox.ack(claimed, Ack::RetryAt(START.plus(Duration::from_millis(wait))));
    }
    assert_eq!(number(&soon(outbox.claim()).await.unwrap()), 2);
    assert_eq!(number(&soon(outbox.claim()).await.unwrap()), 1);
}

#[tokio::test]
async fn closing_hands_out_what_is_queued_at_once_and_then_ends() {
    let (outbox, _) = outbox(3);
    put(&outbox, 1);
    let first = soon(outbox.claim()).await.unwrap();
    outbox.ack(first, Ack::RetryAt(START.plus(Duration::from_secs(30))));
    put(&outbox, 2);
    outbox.close();
    assert!(outbox.reserve().is_err(), "a closed outbox took a message");
    for _ in 0..2 {
        let claimed = soon(outbox.claim()).await.unwrap();
        outbox.ack(claimed, Ack::Done);
    }
    assert!(soon(outbox.claim()).await.is_none());
}

#[tokio::test]
async fn a_closed_outbox_does_not_end_while_a_message_is_held_or_a_place_is_reserved() {
    let (outbox, _) = outbox(2);
    put(&outbox, 1);
    let place = outbox.reserve().unwrap();
    let held = soon(outbox.claim()).await.unwrap();
    outbox.close();
    let ends = async { outbox.claim().await.is_none() };
    tokio::pin!(ends);
    assert!(ends.as_mut().now_or_never().is_none(), "ended although a message was held");
    outbox.ack(held, Ack::Done);
    assert!(ends.as_mut().now_or_never().is_none(), "ended although a place was reserved");
    drop(place);
    assert!(soon(ends).await);
}

#[tokio::test]
async fn depth_counts_what_is_held_and_knows_the_oldest() {
    let (outbox, _) = outbox(3);
    assert_eq!(outbox.depth(), OutboxDepth::default());
    put(&outbox, 7);
    put(&outbox, 8);
    let oldest = soon(outbox.claim()).await.unwrap();
    let at = |number| Some(START.plus(Duration::from_millis(number)));
    assert_eq!(outbox.depth(), OutboxDepth { messages: 2, oldest: at(7) });
    outbox.ack(oldest, Ack::Done);
    assert_eq!(outbox.depth(), OutboxDepth { messages: 1, oldest: at(8) });
}

#[test]
fn messages_put_on_other_threads_reach_claimers_on_this_runtime() {
    const EACH: u64 = 250;
    let (outbox, _) = outbox(usize::try_from(4 * EACH).unwrap());
    let outbox = Arc::new(outbox);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let claimers: Vec<_> = (0..3)
        .map(|_| {
            let outbox = Arc::clone(&outbox);
            runtime.spawn(async move {
                let mut seen = Vec::new();
                while let Some(claimed) = soon(outbox.claim()).await {
                    seen.push(number(&claimed));
                    outbox.ack(claimed, Ack::Done);
                }
                seen
            })
        })
        .collect();
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || (0..EACH).for_each(|n| put(&outbox, sender * EACH + n)))
        })
        .collect();
    let closing = thread::spawn(move || {
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        outbox.close();
    });
    let mut seen: Vec<u64> = Vec::new();
    for claimer in claimers {
        seen.extend(runtime.block_on(claimer).unwrap());
    }
    closing.join().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (0..4 * EACH).collect::<Vec<_>>());
}
