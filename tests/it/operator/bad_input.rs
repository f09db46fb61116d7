//! Bad input of every kind: a clear message, 2, and nothing changed.

use std::net::TcpListener;

use super::{World, run};
use crate::support::sidecar::{Folder, PATIENCE};
use crate::support::wait::until;

/// The wallet answers on a thread of its own: one of the ways leads to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_way_is_told_with_what_to_do() {
    let mut world = World::start().await;
    let admin = format!("http://{}", world.sidecar.admin);
    let traffic = format!("http://{}", world.sidecar.traffic);
    world.folder.write("wrong-token", "another token");
    let (wrong, policies, state) = (world.path("wrong-token"), world.path(""), world.redis.url());
    let list = |more: &[&str]| run(&[&["locks", "list"][..], more].concat(), &[], "");
    list(&["--admin", &admin]).could_not("--admin-token-file");
    list(&["--admin", &admin, "--admin-token-file", &wrong]).could_not("does not take this admin token");
    list(&["--admin", &admin, "--admin-token-file", "/nowhere"]).could_not("/nowhere");
    list(&["--admin", &traffic]).could_not("no admin listener of otp-sidecar");
    list(&["--admin", "http://127.0.0.1:1"]).could_not("no sidecar answers at http://127.0.0.1:1");
    list(&["--admin", "ftp://x"]).could_not("--admin:");
    list(&["--state", "memory"]).could_not("inside the sidecar's process");
    list(&["--state", "postgres://x"]).could_not("--state:");
    list(&["--state", &state, "--policies", "/nowhere"]).could_not("/nowhere");
    list(&["--state", &state, "--admin", &admin]).could_not("leave one of them out");
    list(&["--state", &state, "--policies", &policies, "--code-keys", "k"]).could_not("--code-keys:");
    list(&["--timeout", "soon"]).could_not("--timeout:");
    // Neither way is known.
    let nowhere = run(&["locks", "list"], &[("OTP_SIDECAR_ADMIN", "http://127.0.0.1:1")], "");
    nowhere.could_not("--state redis://");
    assert!(nowhere.err.contains("--admin URL"), "{}", nowhere.err);
    world.redis.kill();
    list(&["--state", &state, "--policies", &policies, "--timeout", "1s"]).could_not("the store");
    world.admin(&["locks", "list"]).could_not("the store");
    let clear = ["locks", "clear", "--subject", "jane", "--purpose", "wallet_funding", "--reason", "x"];
    world.admin(&clear).could_not("the store");
    world.redis.restart();
    // Redis is there, takes what is asked, and says nothing.
    until("the store is back", PATIENCE, async || {
        world.sidecar.operator().get("/readyz").await.status == 200
    })
    .await;
    world.redis.freeze();
    let ended = world.admin(&clear);
    ended.could_not("may have been made");
    ended.could_not("otp-sidecar locks show --subject");
    world.redis.thaw();
}

#[test]
fn a_listener_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let ended = run(&["locks", "list", "--admin", &url, "--timeout", "200ms"], &[], "");
    ended.could_not("no answer from");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_changes_nothing() {
    let world = World::start().await;
    world.lock("jane").await;
    for (arguments, word) in [
        (&["locks", "list", "--purpose", "nope"][..], "wallet_deduction, wallet_funding"),
        (&["locks", "clear", "--subject", "", "--reason", "x"], "1 to 256"),
        (&["locks", "clear", "--subject", "jane", "--reason", " "], "one line"),
        (&["locks", "clear", "--subject", "jane", "--reason", "a\nb"], "one line"),
        (&["limits", "reset", "--reason", "x"], "--everyone"),
        (&["limits", "reset", "--subject", "jane", "--limit", "send-ip", "--reason", "x"], "client_ip"),
        (&["limits", "show", "--limit", "verify"], "--subject"),
        (&["limits", "show", "--client", "here"], "IP address"),
        (&["explain", "--subject", "a\nb"], "1 to 256"),
    ] {
        for ended in [world.admin(arguments), world.direct(arguments)] {
            ended.could_not(word);
        }
    }
    let shown = world.admin(&["locks", "show", "--subject", "jane", "--json"]).json();
    assert_eq!(shown["operations"].as_array().unwrap().len(), 0, "{shown}");
    assert_eq!(shown["purposes"][1]["locked"], true, "{shown}");
}

#[test]
fn what_is_missing_on_the_command_line_is_named() {
    for (arguments, word) in [
        (&["locks", "clear", "--subject", "jane"][..], "--reason"),
        (&["locks", "show"], "--subject"),
        (&["challenges", "revoke", "--subject", "jane", "--reason", "x"], "--purpose"),
        (&["explain"], "DECISION_ID"),
        (&["explain"], "--subject"),
        (&["explain", "--log", "x"], "--subject"),
        (&["explain", "0123456789abcdef0123456789abcdef"], "--log"),
        (&["explain", "--subject", " \n"], "--subject"),
        (&["locks", "clear", "--subject", "jane", "--reason", ""], "--reason"),
        (&["locks", "clear", "--subject", "", "--reason", "x"], "--subject"),
        (
            &["challenges", "revoke", "--subject", "j", "--purpose", "p", "--reason", "x", "--by", "a\nb"],
            "--by",
        ),
        (&["limits", "reset", "--subject", "", "--reason", "x"], "--subject"),
        (&["cleanup", "--reason", " "], "--reason"),
        (&["explain", "--code-stdin"], "--subject"),
        (&["locks", "list", "--limit", "0"], "--limit"),
        (&["limits", "show", "--everyone", "--subject", "jane"], "--everyone"),
    ] {
        let ended = run(arguments, &[], "");
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ended.err.contains(word), "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn a_log_that_is_none_is_refused_by_its_name() {
    let folder = Folder::new();
    folder.write("empty.jsonl", "");
    folder.write("other.jsonl", "not a line of ours\n{\"half\":");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let id = "0123456789abcdef0123456789abcdef";
    for (name, word) in [
        ("missing.jsonl", "missing.jsonl"),
        ("empty.jsonl", "no audit line"),
        ("other.jsonl", "no audit line"),
    ] {
        run(&["explain", id, "--log", &path(name)], &[], "").could_not(word);
        run(&["locks", "top", "--log", &path(name)], &[], "").could_not(word);
    }
    run(&["explain", "not-an-id", "--log", &path("empty.jsonl")], &[], "").could_not("32");
    let line =
        r#"{"v":1,"event":"process","time":"2026-11-22T15:07:00.000Z","result":"started","version":"0.1.0"}"#;
    folder.write("good.jsonl", line);
    run(&["explain", id, "--log", &path("good.jsonl")], &[], "").could_not("another replica");
    run(&["locks", "top", "--log", &path("good.jsonl"), "--since", "soon"], &[], "").could_not("--since");
}

#[test]
fn a_code_that_is_none_is_refused_without_repeating_it() {
    for input in ["", "12345x", "12345678901", "123456 654321"] {
        let ended = run(&["explain", "--subject", "jane", "--code-stdin"], &[], input);
        ended.could_not("standard input has no code");
        assert!(input.is_empty() || !ended.err.contains(input), "{}", ended.err);
    }
}
