//! From the outbox to the mailbox, over failures and restarts.

use std::collections::BTreeSet;
use std::time::Duration;

use otp_sidecar::delivery::channel::FailureReason;
use otp_sidecar::store::contract::Outbox;

use super::post::{Post, Told, channel, request, starttls};
use crate::support::smtp::SmtpServer;

fn told(number: u32, attempt: u32, outcome: &'static str, reason: Option<FailureReason>) -> Told {
    Told { request: request(number), attempt, outcome, reason }
}

/// Long enough for everything; it ends a test that would wait for ever.
fn a_while() -> tokio::time::Sleep {
    tokio::time::sleep(Duration::from_secs(30))
}

fn some_delivered(told: &[Told]) -> bool {
    told.iter().any(|told| told.outcome == "delivered")
}

#[tokio::test]
async fn a_mail_that_the_relay_puts_off_is_tried_again_and_arrives_once() {
    let server = SmtpServer::start();
    server.mode("busy", Some(1));
    let post = Post::new();
    post.put(1);
    let history = post.dispatch_until(channel(&starttls(&server)), some_delivered).await;
    let busy = Some(FailureReason::Busy);
    assert_eq!(history, [told(1, 1, "retried", busy), told(1, 2, "delivered", None)]);
    assert_eq!(server.mails().len(), 1);
    assert_eq!(post.outbox.depth().messages, 0);
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_given_up_at_once_and_the_next_one_leaves() {
    let server = SmtpServer::start();
    server.mode("reject_rcpt", Some(1));
    let post = Post::new();
    post.put(1);
    let channel = channel(&starttls(&server));
    let rejected = Some(FailureReason::RejectedRecipient);
    let dispatcher = post.dispatcher(channel);
    dispatcher.run(post.witness.until(|told| !told.is_empty())).await;
    post.put(2);
    dispatcher.run(post.witness.until(some_delivered)).await;
    assert_eq!(post.witness.told(), [told(1, 1, "given up", rejected), told(2, 1, "delivered", None)]);
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn mail_that_was_queued_while_the_relay_was_down_arrives_when_it_is_back() {
    let mut server = SmtpServer::start();
    let url = starttls(&server);
    server.kill();
    let post = Post::new();
    for number in 1..=3 {
        post.put(number);
    }
    let dispatcher = post.dispatcher(channel(&url));
    let all_failed = |told: &[Told]| told.iter().filter(|told| told.outcome == "retried").count() >= 3;
    assert_eq!(dispatcher.run(post.witness.until(all_failed)).await, 3, "a failed message was lost");
    server.start_again();
    let all_there = |told: &[Told]| told.iter().filter(|told| told.outcome == "delivered").count() == 3;
    assert_eq!(dispatcher.run(post.witness.until(all_there)).await, 0);
    assert_eq!(server.mails().len(), 3);
}

#[tokio::test]
async fn closing_the_outbox_sends_what_is_queued_and_then_ends() {
    let server = SmtpServer::start();
    let post = Post::new();
    for number in 1..=9 {
        post.put(number);
    }
    post.outbox.close();
    let left = post.dispatcher(channel(&starttls(&server))).run(a_while()).await;
    assert_eq!(left, 0);
    let ids: BTreeSet<_> =
        server.mails().iter().map(|mail| mail.header("message-id").unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 9);
}

#[tokio::test]
async fn the_end_of_the_drain_counts_what_was_left_and_loses_nothing_half_way() {
    let server = SmtpServer::start();
    server.mode("hang", None);
    let post = Post::new();
    for number in 1..=6 {
        post.put(number);
    }
    post.outbox.close();
    let dispatcher = post.dispatcher(channel(&starttls(&server)));
    let left = dispatcher.run(async {
        while server.count("logins") < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(left.await, 6);
    server.mode("ok", None);
    assert_eq!(dispatcher.run(a_while()).await, 0);
    assert_eq!(server.mails().len(), 6);
}

#[tokio::test]
async fn a_mail_whose_code_is_dead_is_not_sent() {
    let server = SmtpServer::start();
    let post = Post::new();
    post.put_until(1, Duration::ZERO);
    let history = post.dispatch_until(channel(&starttls(&server)), |told| !told.is_empty()).await;
    assert_eq!(history, [told(1, 1, "expired", None)]);
    assert_eq!((server.count("connections"), post.outbox.depth().messages), (0, 0));
}

#[tokio::test]
async fn a_mail_is_given_up_when_the_next_attempt_would_come_too_late() {
    let server = SmtpServer::start();
    server.mode("busy", None);
    let post = Post::new();
    post.put_until(1, Duration::from_millis(1_200));
    let given_up = |told: &[Told]| told.iter().any(|told| told.outcome == "given up");
    let history = post.dispatch_until(channel(&starttls(&server)), given_up).await;
    assert_eq!(history.last().unwrap().reason, Some(FailureReason::Busy));
    assert!(history.len() <= 2, "{history:?}");
    assert_eq!(post.outbox.depth().messages, 0);
}
