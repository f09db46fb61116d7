//! One attempt, over a real connection.

use std::sync::Arc;
use std::time::Duration;

use otp_sidecar::delivery::channel::{Channel, FailureKind, FailureReason};
use otp_sidecar::delivery::probe::{EmailHealth, ServiceStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use super::post::{
    CODE, LOGIN, RECIPIENT, Running, channel, channel_within, envelope, failure, implicit, request, starttls,
};
use crate::support::smtp::SmtpServer;

#[tokio::test]
async fn a_mail_leaves_over_starttls_and_over_implicit_tls_with_a_login() {
    let server = SmtpServer::start();
    for url in [starttls(&server), implicit(&server)] {
        server.clear();
        channel(&url).deliver(&envelope(CODE), &request(1)).await.unwrap();
        let mails = server.mails();
        assert_eq!(mails.len(), 1);
        assert!(mails[0].encrypted() && mails[0].authenticated());
        assert_eq!(mails[0].to(), [RECIPIENT]);
    }
}

#[tokio::test]
async fn the_code_stands_alone_on_its_line_in_the_text_part_that_comes_first() {
    let server = SmtpServer::start();
    channel(&starttls(&server)).deliver(&envelope(CODE), &request(1)).await.unwrap();
    let mail = &server.mails()[0];
    let parts = mail.parts();
    assert_eq!(parts.iter().map(|part| part.0).collect::<Vec<_>>(), ["text/plain", "text/html"]);
    assert!(parts.iter().all(|part| matches!(part.1, "7bit" | "quoted-printable")), "{parts:?}");
    assert!(parts[0].2.lines().any(|line| line == CODE), "{}", parts[0].2);
    assert!(parts[0].2.contains('₦'), "{}", parts[0].2);
    let raw_text = mail.raw().split("text/html").next().unwrap();
    assert!(raw_text.lines().any(|line| line == CODE), "{raw_text}");
    assert_eq!(mail.header("subject"), Some("Ihr Code für ₦5,000"));
    assert_eq!(mail.header("auto-submitted"), Some("auto-generated"));
    assert!(mail.header("message-id").unwrap().ends_with("@wallet.example>"));
    assert!(mail.header("date").is_some());
}

#[tokio::test]
async fn a_connection_is_used_for_many_mails() {
    let server = SmtpServer::start();
    let channel = channel(&starttls(&server));
    for number in 1..=3 {
        channel.deliver(&envelope(CODE), &request(number)).await.unwrap();
    }
    assert_eq!((server.count("connections"), server.count("logins")), (1, 1));
    assert_eq!(server.mails().len(), 3);
}

#[tokio::test]
async fn a_kept_connection_that_the_relay_closed_costs_no_mail_and_doubles_none() {
    let mut server = SmtpServer::start();
    let channel = channel(&starttls(&server));
    channel.deliver(&envelope(CODE), &request(1)).await.unwrap();
    server.hang_up();
    channel.deliver(&envelope(CODE), &request(2)).await.unwrap();
    assert_eq!(server.mails().len(), 2);
    server.mode("closing", Some(1));
    channel.deliver(&envelope(CODE), &request(3)).await.unwrap();
    assert_eq!(server.mails().len(), 3);
    server.kill();
    server.start_again();
    channel.deliver(&envelope(CODE), &request(4)).await.unwrap();
    assert_eq!(server.mails().len(), 1, "the relay forgets at a restart");
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such_and_not_tried_over_and_over() {
    let server = SmtpServer::start();
    let url = starttls(&server).replace("correct%20horse", "wrong%20603645");
    let channel = channel(&url);
    for _ in 0..3 {
        let result = channel.deliver(&envelope(CODE), &request(1)).await;
        assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Auth));
    }
    assert_eq!(server.count("logins"), 1);
}

#[tokio::test]
async fn a_relay_whose_authority_is_not_trusted_gets_no_mail() {
    let server = SmtpServer::start();
    let another = SmtpServer::start();
    for url in [starttls(&server), implicit(&server)] {
        for untrusting in
            [url.replace(server.ca(), another.ca()), url.replace(&format!("ca={}", server.ca()), "")]
        {
            let result = channel(&untrusting).deliver(&envelope(CODE), &request(1)).await;
            assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Tls), "{untrusting}");
        }
    }
    assert_eq!(server.count("logins"), 0);
}

#[tokio::test]
async fn a_relay_without_starttls_gets_neither_password_nor_mail_when_tls_is_required() {
    let server = SmtpServer::start();
    let plain = server.port("plain");
    let url = format!("smtp://{LOGIN}localhost:{plain}?ca={}", server.ca());
    let result = channel(&url).deliver(&envelope(CODE), &request(1)).await;
    assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Tls));
    assert_eq!((server.count("logins"), server.mails().len()), (0, 0));
}

#[tokio::test]
async fn an_optional_upgrade_is_taken_when_it_is_offered() {
    let server = SmtpServer::start();
    for (port, encrypted) in [("starttls", true), ("plain", false)] {
        server.clear();
        let port = server.port(port);
        let url = format!("smtp://{LOGIN}localhost:{port}?tls=opportunistic&ca={}", server.ca());
        channel(&url).deliver(&envelope(CODE), &request(1)).await.unwrap();
        assert_eq!(server.mails()[0].encrypted(), encrypted);
    }
}

#[tokio::test]
async fn a_relay_on_loopback_can_be_used_in_the_clear() {
    let server = SmtpServer::start();
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port("plain"));
    channel(&url).deliver(&envelope(CODE), &request(1)).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn each_refusal_has_its_reason_and_repeats_nothing_of_the_message() {
    let server = SmtpServer::start();
    let expected = [
        ("reject_sender", FailureKind::Permanent, FailureReason::RejectedSender),
        ("reject_rcpt", FailureKind::Permanent, FailureReason::RejectedRecipient),
        ("echo", FailureKind::Permanent, FailureReason::RejectedMessage),
        ("busy", FailureKind::Transient, FailureReason::Busy),
        ("closing", FailureKind::Connection, FailureReason::Busy),
        ("drop", FailureKind::Connection, FailureReason::Connect),
        ("reject_auth", FailureKind::Connection, FailureReason::Auth),
    ];
    for (mode, kind, reason) in expected {
        server.mode(mode, None);
        let result = channel(&starttls(&server)).deliver(&envelope(CODE), &request(1)).await;
        assert_eq!(failure(result), (kind, reason), "{mode}");
    }
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn a_relay_that_never_answers_is_left_after_the_time_limit() {
    let server = SmtpServer::start();
    server.mode("hang", None);
    let channel = channel_within(&starttls(&server), Duration::from_millis(500));
    let result = channel.deliver(&envelope(CODE), &request(1)).await;
    assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Timeout));
}

#[tokio::test]
async fn a_mail_that_was_broken_off_does_not_run_into_the_next_one() {
    let server = SmtpServer::start();
    let channel = channel_within(&starttls(&server), Duration::from_millis(1_500));
    channel.deliver(&envelope("111111"), &request(1)).await.unwrap();
    server.mode("hang", Some(1));
    let result = channel.deliver(&envelope("222222"), &request(2)).await;
    assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Timeout));
    channel.deliver(&envelope("333333"), &request(3)).await.unwrap();
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert!(mails[1].raw().contains("333333") && !mails[1].raw().contains("222222"));
}

#[tokio::test]
async fn a_relay_that_cannot_be_reached_or_found_is_told_apart() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let result = channel(&format!("smtp://127.0.0.1:{port}")).deliver(&envelope(CODE), &request(1)).await;
    assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Connect));
    let result = channel("smtp://relay.invalid").deliver(&envelope(CODE), &request(1)).await;
    assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Dns));
    let server = SmtpServer::start();
    let wrong_port =
        implicit(&server).replace(&server.port("implicit").to_string(), &server.port("plain").to_string());
    let result = channel(&wrong_port).deliver(&envelope(CODE), &request(1)).await;
    assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Tls));
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request 603645\r\n\r\n").await.unwrap();
    });
    let result = channel(&url).deliver(&envelope(CODE), &request(1)).await;
    assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Protocol));
}

/// Somebody between the sender and the relay who appends a reply to the one that ends the clear text.
async fn interloper(relay: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (sender, _) = listener.accept().await.unwrap();
        let relay = TcpStream::connect(("127.0.0.1", relay)).await.unwrap();
        let ((mut from_sender, mut to_sender), (mut from_relay, mut to_relay)) =
            (sender.into_split(), relay.into_split());
        tokio::spawn(async move { copy(&mut from_sender, &mut to_relay).await });
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_relay.read(&mut buffer).await {
            let mut said = buffer[..read].to_vec();
            if said.starts_with(b"220 Ready to start TLS") {
                said.extend_from_slice(b"250-forged\r\n250 AUTH PLAIN LOGIN\r\n");
            }
            if to_sender.write_all(&said).await.is_err() {
                return;
            }
        }
    });
    port
}

#[tokio::test]
async fn a_reply_smuggled_in_before_the_handshake_is_never_taken_for_an_encrypted_one() {
    let server = SmtpServer::start();
    let port = interloper(server.port("starttls")).await;
    let url = starttls(&server).replace(&server.port("starttls").to_string(), &port.to_string());
    let result = channel(&url).deliver(&envelope(CODE), &request(1)).await;
    assert_eq!(failure(result), (FailureKind::Connection, FailureReason::Tls));
    assert_eq!(server.count("logins"), 0);
}

#[tokio::test]
async fn the_health_of_email_is_what_the_relay_last_showed() {
    let mut server = SmtpServer::start();
    let channel = Arc::new(channel(&starttls(&server)));
    let health = EmailHealth::new(channel.clone(), Running::new());
    assert_eq!(health.report().status, ServiceStatus::Unknown);
    health.check().await;
    let up = health.report();
    assert_eq!((up.status, up.last_error), (ServiceStatus::Up, None));
    server.mode("reject_rcpt", Some(1));
    let refused = channel.deliver(&envelope(CODE), &request(1)).await;
    health.observe(refused.as_ref().copied());
    assert_eq!(health.report().status, ServiceStatus::Up, "one refused recipient is not an outage");
    assert_eq!(health.report().since, up.since);
    server.kill();
    health.check().await;
    let down = health.report();
    assert_eq!((down.status, down.last_error), (ServiceStatus::Down, Some(FailureReason::Connect)));
    server.start_again();
    health.check().await;
    assert_eq!(health.report().status, ServiceStatus::Up);
}

#[tokio::test]
async fn the_health_check_finds_a_refused_password_although_a_connection_is_open() {
    let server = SmtpServer::start();
    let channel = Arc::new(channel(&starttls(&server)));
    channel.deliver(&envelope(CODE), &request(1)).await.unwrap();
    server.mode("reject_auth", None);
    let health = EmailHealth::new(channel, Running::new());
    health.check().await;
    assert_eq!(health.report().last_error, Some(FailureReason::Auth));
}
