//! The admin token: who comes without it is told and slowed, whoever has it gets in, and a poor one is refused.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::backend::Backend;
use crate::support::sidecar::{Folder, Sidecar, Start};

const TOKEN: &str = "the-admin-token-of-these-tests";

fn start(upstream: &str, folder: &Folder, token: &str) -> Start {
    folder.write("admin-token", token);
    Start::before(upstream).flag("--admin-token-file", folder.path().join("admin-token"))
}

async fn refusals(sidecar: &Sidecar, reason: &str) -> f64 {
    sidecar.metric(&format!("otp_sidecar_admin_refusals_total{{reason=\"{reason}\"}}")).await
}

#[tokio::test]
async fn calls_without_the_admin_token_are_counted_and_told_in_a_bounded_number_of_lines() {
    let (backend, folder) = (Backend::start().await, Folder::new());
    let sidecar = start(&backend.url(), &folder, TOKEN).ready();
    assert_eq!(refusals(&sidecar, "wrong").await, 0.0, "the first must be visible to increase()");
    let begin = Instant::now();
    for number in 0..20 {
        let stranger = sidecar.operator().with_token(format!("guess-number-{number}-of-a-stranger"));
        assert_eq!(stranger.get("/-/locks").await.status, 401);
    }
    assert!(begin.elapsed() >= Duration::from_millis(1_900), "guesses are not slowed: {:?}", begin.elapsed());
    assert_eq!(sidecar.operator().get("/-/locks").await.status, 401);
    assert_eq!(sidecar.operator().with_token(TOKEN).get("/-/locks").await.status, 200);
    assert_eq!(refusals(&sidecar, "wrong").await, 20.0);
    assert_eq!(refusals(&sidecar, "missing").await, 1.0);
    assert_eq!(refusals(&sidecar, "off").await, 0.0);
    let line = sidecar.logged("\"reason\":\"wrong\"").await;
    assert!(line.contains("admin call refused") && line.contains("127.0.0.1"), "{line}");
    let lines = sidecar.lines();
    let told = lines.iter().filter(|line| line.contains("admin call refused")).count();
    assert!((2..10).contains(&told), "{lines:#?}");
    assert!(!lines.join("").contains("of-a-stranger"), "a token that may be nearly right is not written");
}

#[tokio::test]
async fn calls_to_a_sidecar_without_an_admin_token_are_told_as_that() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    assert_eq!(sidecar.operator().with_token(TOKEN).get("/-/locks").await.status, 401);
    assert_eq!(refusals(&sidecar, "off").await, 1.0);
    assert_eq!(refusals(&sidecar, "wrong").await, 0.0);
}

#[tokio::test]
async fn whoever_has_the_token_gets_in_while_somebody_on_the_same_address_guesses() {
    let (backend, folder) = (Backend::start().await, Folder::new());
    let sidecar = start(&backend.url(), &folder, TOKEN).ready();
    let guessing: Vec<_> = (0..8)
        .map(|number| {
            let stranger = sidecar.operator().with_token(format!("guesses-of-stranger-{number}"));
            tokio::spawn(async move { while stranger.get("/-/locks").await.status == 401 {} })
        })
        .collect();
    for _ in 0..3 {
        let answer = sidecar.operator().with_token(TOKEN).get("/-/locks").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    guessing.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn guesses_do_not_take_all_connections_of_their_address() {
    let (backend, folder) = (Backend::start().await, Folder::new());
    let sidecar = start(&backend.url(), &folder, TOKEN).ready();
    let request = "GET /-/locks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a-guess-of-a-stranger\r\n\r\n";
    let mut guesses: Vec<TcpStream> = (0..24).map(|_| TcpStream::connect(sidecar.admin).unwrap()).collect();
    for guess in &mut guesses {
        guess.write_all(request.as_bytes()).unwrap();
    }
    let answers: Vec<String> = tokio::task::spawn_blocking(move || {
        let answer = |mut guess: TcpStream| {
            let mut text = String::new();
            guess.read_to_string(&mut text).unwrap();
            text
        };
        guesses.into_iter().map(answer).collect()
    })
    .await
    .unwrap();
    let told = |status: &str| answers.iter().filter(|answer| answer.contains(status)).count();
    let (wrong, crowded) = (told("HTTP/1.1 401"), told("HTTP/1.1 429"));
    assert!(wrong + crowded == 24 && crowded > 0, "{wrong} {crowded}: {answers:#?}");
    assert!(answers.iter().all(|answer| answer.contains("401") || answer.contains("retry-after: 1")));
    assert_eq!(refusals(&sidecar, "crowded").await, crowded as f64);
    assert_eq!(refusals(&sidecar, "wrong").await, wrong as f64);
    assert_eq!(sidecar.operator().with_token(TOKEN).get("/-/locks").await.status, 200);
}

#[test]
fn a_sidecar_does_not_start_with_a_token_that_can_be_guessed() {
    let folder = Folder::new();
    let (code, said) = start("http://127.0.0.1:1", &folder, "letmein\n").refused();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--admin-token-file") && said.contains("openssl rand"), "{said}");
    assert!(!said.contains("letmein"), "{said}");
}
