//! `otp-sidecar health`: an exit code for images and hooks without a shell.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};

use crate::support::backend::Backend;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{PATIENCE, Sidecar, Start};
use crate::support::wait::until;

fn health(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-sidecar"));
    command.arg("health").args(arguments).env_remove("OTP_SIDECAR_ADMIN").output().unwrap()
}

fn asked(sidecar: &Sidecar, more: &[&str]) -> (Option<i32>, String) {
    let admin = format!("http://{}", sidecar.admin);
    let output = health(&[&["--admin", &admin], more].concat());
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn a_sidecar_that_may_be_used_is_fine_and_one_without_its_store_is_only_alive() {
    let (backend, redis) = (Backend::start().await, RedisServer::start());
    let sidecar = Start::before(&backend.url()).redis(&redis).ready();
    until("it is ready", PATIENCE, async || asked(&sidecar, &[]).0 == Some(0)).await;
    assert_eq!(asked(&sidecar, &["--live", "--for", "600ms"]), (Some(0), String::new()));
    drop(redis);
    until("it is not ready", PATIENCE, async || asked(&sidecar, &[]).0 == Some(1)).await;
    let (_, said) = asked(&sidecar, &[]);
    assert!(said.starts_with("503 store "), "{said}");
    assert_eq!(asked(&sidecar, &["--live"]).0, Some(0));
}

#[tokio::test]
async fn programs_get_one_document() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    let document = |said: &str| serde_json::from_str::<serde_json::Value>(said).unwrap();
    let (code, said) = asked(&sidecar, &["--json"]);
    assert_eq!((code, document(&said)["ok"].as_bool()), (Some(0), Some(true)), "{said}");
    assert_eq!(document(&said)["asked"], "ready");
    let admin = format!("http://{}", sidecar.admin);
    drop(sidecar);
    let output = health(&["--admin", &admin, "--live", "--json"]);
    let told = document(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&told["ok"], &told["asked"]), (&false.into(), &"live".into()));
    assert_eq!(told["admin"], admin.as_str());
    assert!(told["problem"].as_str().unwrap().contains("no sidecar answers"), "{told}");
}

#[test]
fn nobody_and_somebody_else_are_not_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stranger = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(b"SSH-2.0-OpenSSH\r\n").unwrap();
    });
    let admin = format!("http://{address}");
    let output = health(&["--admin", &admin]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("is no admin listener"), "{output:?}");
    // Its listener is gone with it.
    stranger.join().unwrap();
    let output = health(&["--admin", &admin]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("no sidecar answers"), "{output:?}");
}

#[test]
fn one_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = format!("http://{}", listener.local_addr().unwrap());
    let output = health(&["--admin", &admin, "--timeout", "200ms"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("no answer from"), "{output:?}");
}

#[test]
fn a_wrong_flag_is_told_apart_from_a_bad_answer() {
    for wrong in [["--admin", "127.0.0.1:9145"], ["--admin", "https://localhost"], ["--timeout", "5"]] {
        let output = health(&wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: --"), "{output:?}");
    }
}
