//! `locks`, `challenges` and `limits`: the same words through the sidecar and straight at Redis.

use serde_json::json;

use super::{World, assert_golden, run};
use crate::support::sidecar::funded;

#[tokio::test]
async fn both_ways_show_the_same() {
    let world = World::start().await;
    world.lock("jane").await;
    funded(&world.user("bob"), &world.mailbox).await;
    for (name, arguments) in [
        ("locks_list.txt", &["locks", "list"][..]),
        ("locks_list.json", &["locks", "list", "--json"]),
        ("locks_show.txt", &["locks", "show", "--subject", "jane"]),
        ("locks_top_live.txt", &["locks", "top"]),
        ("challenges_list.txt", &["challenges", "list"]),
        ("challenges_of_one.json", &["challenges", "list", "--subject", "bob", "--json"]),
        ("limits_rules.txt", &["limits", "show"]),
        ("limits_of_one.txt", &["limits", "show", "--subject", "bob"]),
        ("limits_of_everyone.txt", &["limits", "show", "--everyone"]),
    ] {
        for ended in [world.admin(arguments), world.direct(arguments)] {
            assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{name}");
            assert_golden(name, &ended.out);
        }
    }
}

#[tokio::test]
async fn a_lock_is_cleared_through_the_sidecar_and_shows_before_and_after() {
    let world = World::start().await;
    let (reference, code) = world.lock("jane").await;
    let cleared = world.admin(&["locks", "clear", "--subject", "jane", "--reason", "ticket 4711"]);
    assert_eq!((cleared.code, cleared.err.as_str()), (0, ""));
    assert_golden("locks_clear.txt", &cleared.out);
    assert_eq!(world.user("jane").verify(&reference, &code).await.status, 200);
    let again = world.admin(&["locks", "clear", "--subject", "jane", "--reason", "ticket 4711"]);
    assert!(again.out.contains("nothing to clear"), "{}", again.out);
    let shown = world.admin(&["locks", "show", "--subject", "jane", "--json"]).json();
    assert_eq!(shown["operations"][0]["by"], "ada on laptop", "{shown}");
}

#[tokio::test]
async fn a_lock_is_cleared_without_a_sidecar_and_the_trail_says_so() {
    let world = World::start().await;
    let (reference, code) = world.lock("jane").await;
    let arguments = [
        "locks",
        "clear",
        "--subject",
        "jane",
        "--purpose",
        "wallet_funding",
        "--reason",
        "night",
        "--by",
        "on-call",
    ];
    assert_eq!(world.direct(&arguments).code, 0);
    assert_eq!(world.user("jane").verify(&reference, &code).await.status, 200);
    let shown = world.admin(&["locks", "show", "--subject", "jane", "--json"]).json();
    let record = &shown["operations"][0];
    assert_eq!((&record["by"], &record["reason"]), (&json!("on-call"), &json!("night")));
}

#[tokio::test]
async fn a_challenge_is_revoked_by_purpose_or_by_reference() {
    let world = World::start().await;
    let jane = world.user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    let by_reference =
        ["challenges", "revoke", "--subject", "jane", "--reference", &reference, "--reason", "x"];
    let revoked = world.admin(&by_reference);
    assert_eq!(revoked.code, 0, "{}", revoked.err);
    assert_golden("challenges_revoke.txt", &revoked.out);
    assert_eq!(jane.verify(&reference, &code).await.word().1, "otp_not_found");
    let nothing = world.direct(&by_reference);
    assert!(
        nothing.code == 0 && nothing.out.contains("Nothing was changed"),
        "{}{}",
        nothing.out,
        nothing.err
    );
    funded(&jane, &world.mailbox).await;
    let by_purpose = [
        "challenges",
        "revoke",
        "--subject",
        "jane",
        "--purpose",
        "wallet_funding",
        "--reason",
        "x",
        "--json",
    ];
    assert_eq!(world.direct(&by_purpose).json()["result"], "revoked");
}

#[tokio::test]
async fn a_limit_is_reset_and_shows_what_it_had_counted() {
    let world = World::start().await;
    let jane = world.user("jane");
    for _ in 0..3 {
        funded(&jane, &world.mailbox).await;
    }
    assert_eq!(jane.fund(5_000).await.status, 429);
    let reset =
        world.direct(&["limits", "reset", "--subject", "jane", "--limit", "send-burst", "--reason", "x"]);
    assert_eq!((reset.code, reset.err.as_str()), (0, ""));
    assert_golden("limits_reset.txt", &reset.out);
    assert_eq!(jane.fund(5_000).await.status, 200);
    let by_address =
        world.admin(&["limits", "reset", "--client", "127.0.0.1", "--reason", "x", "--json"]).json();
    assert_eq!(by_address["reset"].as_array().unwrap().len(), 2, "{by_address}");
}

#[tokio::test]
async fn with_nobody_listening_the_state_of_the_environment_is_asked() {
    let world = World::start().await;
    world.lock("jane").await;
    let (state, policies) = (world.redis.url(), world.path(""));
    let variables = [
        ("OTP_SIDECAR_ADMIN", "http://127.0.0.1:1"),
        ("OTP_SIDECAR_STATE", state.as_str()),
        ("OTP_SIDECAR_POLICIES", policies.as_str()),
    ];
    let listed = run(&["locks", "list", "--json"], &variables, "").json();
    assert_eq!(listed["locks"][0]["subject"], "jane");
    run(&["locks", "list", "--admin", "http://127.0.0.1:1"], &variables, "")
        .assert_refused("no sidecar answers");
}

#[tokio::test]
async fn long_lists_are_followed_to_the_number_that_is_wanted() {
    let world = World::start().await;
    for name in ["ann", "bob", "cid"] {
        world.lock(name).await;
    }
    let two = world.admin(&["locks", "list", "--limit", "2", "--json"]).json();
    assert_eq!((two["locks"].as_array().unwrap().len(), &two["more"]), (2, &json!(true)), "{two}");
    let all = world.direct(&["locks", "list", "--json"]).json();
    assert_eq!((all["locks"].as_array().unwrap().len(), &all["more"]), (3, &json!(false)), "{all}");
}
