//! Policies that change under traffic: nothing is lost, a good change counts soon, a bad one never.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use bytes::Bytes;
use http::Method;
use otp_sidecar::lab::mailbox::Mailbox;
use serde_json::Value;

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::sidecar::{Folder, PATIENCE, Sidecar, Start, changed, funded, mailbox, wrong};
use crate::support::traffic::Traffic;
use crate::support::wait::until;

const STATUS: &str = "status:       { max: 10,";
const ROOMY: (&str, &str) = (STATUS, "status:       { max: 100000,");
const ADMIN_TOKEN: &str = "the-admin-token-of-these-tests";
const REJECTED: &str = "otp_sidecar_policy_reloads_total{result=\"rejected\"}";
const LOADED: &str = "otp_sidecar_policy_reloads_total{result=\"ok\"}";

/// How long these tests wait for a change, with room for a busy machine. `reload_promise` holds the two
/// seconds.
const SOON: std::time::Duration = std::time::Duration::from_secs(5);

/// A file that is never half written: a reload in between would be another test.
fn replace(folder: &Path, text: &str) {
    let new = folder.join(".new");
    fs::write(&new, text).unwrap();
    fs::rename(new, folder.join("default.yaml")).unwrap();
}

struct World {
    backend: Backend,
    mailbox: Mailbox,
    policies: Folder,
    sidecar: Sidecar,
}

impl World {
    async fn start() -> Self {
        let (backend, mailbox) = (Backend::start().await, mailbox().await);
        let policies = Folder::with_shipped(&[ROOMY]);
        policies.write("admin-token", ADMIN_TOKEN);
        let start = Start::before(&backend.url()).mail(&mailbox).policies(policies.path());
        let token = policies.path().join("admin-token");
        let sidecar = start.flag("--admin-token-file", token).ready();
        Self { backend, mailbox, policies, sidecar }
    }

    fn replace(&self, text: &str) {
        replace(self.policies.path(), text);
    }

    async fn reload(&self) -> Answer {
        self.reload_with(&self.sidecar.operator().with_token(ADMIN_TOKEN)).await
    }

    async fn reload_with(&self, client: &Client) -> Answer {
        client.call(Method::POST, "/-/reload", &[], Bytes::new()).await
    }

    async fn last_reload(&self) -> Value {
        self.sidecar.operator().get("/health").await.json()["policy"]["lastReload"].clone()
    }

    async fn until_rejected(&self, why: &str) {
        let said =
            async || self.last_reload().await["error"].as_str().is_some_and(|error| error.contains(why));
        until(&format!("rejected because: {why}"), SOON, said).await;
        assert_eq!(self.last_reload().await["result"], "rejected");
    }

    async fn until_accepted(&self) {
        until("accepted", SOON, async || self.last_reload().await["result"] == "ok").await;
    }
}

/// Callers whose every call must be answered as if nothing happened.
fn undisturbed(sidecar: &Sidecar) -> Traffic {
    Traffic::start(4, &format!("http://{}", sidecar.traffic), async |client, number| {
        let jane = client.as_user(&format!("caller{number}"));
        assert_eq!(jane.get("/api/wallet/balance").await.status, 200);
        let status = jane.status("wallet_funding").await;
        assert_eq!(status.status, 200, "{}", status.text());
        assert_eq!(client.status("wallet_funding").await.status, 401, "never without a token");
    })
}

/// The shipped policy with room for callers and for how many of them are refused.
fn roomy(change: (&str, &str)) -> String {
    changed(&[ROOMY, ("unauthorized: { max: 30,", "unauthorized: { max: 100000,"), change])
}

#[tokio::test]
async fn no_request_is_lost_or_refused_while_policies_change_and_break() {
    let world = World::start().await;
    world.replace(&roomy(("live: 2", "live: 2")));
    assert_eq!(world.reload().await.status, 200);
    let traffic = undisturbed(&world.sidecar);
    for round in 1..=8 {
        let (good, bad) = (world.sidecar.metric(LOADED).await, world.sidecar.metric(REJECTED).await);
        world.replace(&roomy(("max: 15,", &format!("max: {},", 20 + round))));
        until("the good one counts", SOON, async || world.sidecar.metric(LOADED).await > good).await;
        world.replace(&roomy(("per: 1h", "per: an hour")));
        until("the bad one is counted", SOON, async || world.sidecar.metric(REJECTED).await > bad).await;
    }
    assert!(traffic.end().await > 0);
}

/// Puts a version of a ConfigMap in place as the kubelet does: data in a folder of its own, names
/// linked to `..data`, which is swapped.
fn mount(root: &Path, version: &str, text: &str) {
    let data = root.join(version);
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("default.yaml"), text).unwrap();
    let link = root.join("..data_tmp");
    symlink(version, &link).unwrap();
    fs::rename(link, root.join("..data")).unwrap();
    let name = root.join("default.yaml");
    if name.symlink_metadata().is_err() {
        symlink("..data/default.yaml", name).unwrap();
    }
}

#[tokio::test]
async fn a_config_map_swapped_under_traffic_counts_and_disturbs_nobody() {
    let (backend, mailbox, folder) = (Backend::start().await, mailbox().await, Folder::new());
    mount(folder.path(), "..v0", &roomy(("live: 2", "live: 2")));
    let start = Start::before(&backend.url()).mail(&mailbox).policies(folder.path());
    let sidecar = start.ready();
    let traffic = undisturbed(&sidecar);
    for version in 1..=3 {
        let loaded = sidecar.metric(LOADED).await;
        mount(
            folder.path(),
            &format!("..v{version}"),
            &roomy(("max: 15,", &format!("max: {},", 20 + version))),
        );
        until("the next version counts", SOON, async || sidecar.metric(LOADED).await > loaded).await;
    }
    assert!(traffic.end().await > 0);
}

#[tokio::test]
async fn a_changed_limit_counts_soon_and_what_was_counted_goes_on() {
    let world = World::start().await;
    let client = world.sidecar.client();
    let jane = client.as_user("jane");
    let (reference, code) = funded(&jane, &world.mailbox).await;
    jane.verify(&reference, &wrong(&code)).await;

    world.replace(&changed(&[(STATUS, "status:       { max: 1,")]));
    let user = std::cell::Cell::new(0);
    until("a second status is refused", SOON, async || {
        user.set(user.get() + 1);
        let somebody = client.as_user(&format!("somebody{}", user.get()));
        assert_eq!(somebody.status("wallet_funding").await.status, 200);
        somebody.status("wallet_funding").await.status == 429
    })
    .await;
    // The failure of before the reload, and the code of before the reload.
    assert_eq!(jane.status("wallet_funding").await.json()["attempts"], 1);
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    assert_eq!(world.backend.balance(), 5_000);
}

#[tokio::test]
async fn a_count_that_was_reached_before_a_reload_still_refuses_after_it() {
    let world = World::start().await;
    let jane = world.sidecar.client().as_user("jane");
    for _ in 0..3 {
        assert_eq!(jane.fund(5_000).await.status, 200);
    }
    world.replace(&changed(&[ROOMY, ("max: 15,", "max: 16,")]));
    assert_eq!(world.reload().await.status, 200);
    assert_eq!(jane.fund(5_000).await.word(), (429, "rate_limited".to_owned()));
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_health_says_where_it_is_broken() {
    let world = World::start().await;
    let hash = world.sidecar.operator().get("/health").await.json()["policy"]["hash"].clone();
    let before = world.sidecar.metric(REJECTED).await;
    let text = changed(&[ROOMY, ("fund:         { max: 10,", "fund:         { max: many,")]);
    let (line, found) = text.lines().enumerate().find(|(_, line)| line.contains("max: many")).unwrap();
    let place = format!("default.yaml:{}:{}", line + 1, found.find("many").unwrap() + 1);
    world.replace(&text);
    world.until_rejected(&place).await;

    let health = world.sidecar.operator().get("/health").await.json();
    assert_eq!((&health["status"], &health["policy"]["hash"]), (&"degraded".into(), &hash));
    assert_eq!(world.sidecar.metric(REJECTED).await, before + 1.0, "one break counts once");
    assert_eq!(world.sidecar.operator().get("/readyz").await.status, 200, "it goes on serving");
    assert!(world.sidecar.logged("policy rejected").await.contains(&place));
    assert_eq!(world.sidecar.client().as_user("jane").fund(5_000).await.json()["otpSent"], true);
    world.replace(&changed(&[ROOMY]));
    world.until_accepted().await;
}

#[tokio::test]
async fn an_emptied_folder_or_a_removed_route_never_opens_the_wallet() {
    let world = World::start().await;
    let client = world.sidecar.client();
    fs::remove_file(world.policies.path().join("default.yaml")).unwrap();
    world.until_rejected("yaml").await;
    assert_eq!(client.fund(5_000).await.status, 401, "still protected");

    let shipped = changed(&[ROOMY]);
    let (others, _) = shipped.split_once("  # How long, how many tries left.").unwrap();
    world.replace(others);
    world.until_rejected("/api/wallet/otp/status").await;
    assert_eq!(client.status("wallet_funding").await.status, 401, "still protected");
    assert!(world.backend.seen().is_empty());

    world.replace(&format!("{others}unprotect: [/api/wallet/otp/status]\n"));
    world.until_accepted().await;
    assert_eq!(client.status("wallet_funding").await.status, 404, "the backend answers now");
    assert_eq!(client.fund(5_000).await.status, 401);
}

#[tokio::test]
async fn an_operator_reloads_with_the_admin_token_and_is_told_of_errors() {
    let world = World::start().await;
    let operator = world.sidecar.operator();
    for stranger in [operator.clone(), operator.with_token("another"), operator.with_token("")] {
        let refused = world.reload_with(&stranger).await;
        assert_eq!(refused.word(), (401, "unauthorized".to_owned()));
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    }
    let loaded = world.reload().await;
    assert_eq!((loaded.status.as_u16(), &loaded.json()["result"]), (200, &"ok".into()));
    assert_eq!(loaded.json()["routes"], 4);
    world.replace(&changed(&[ROOMY, ("channel:  email", "channel:  pigeon")]));
    let rejected = world.reload().await;
    assert_eq!((rejected.status.as_u16(), &rejected.json()["result"]), (422, &"rejected".into()));
    assert!(rejected.json()["error"].as_str().unwrap().contains("default.yaml:"), "{}", rejected.text());
    assert_eq!(operator.with_token(ADMIN_TOKEN).get("/-/reload").await.header("allow"), Some("POST"));
}

#[tokio::test]
async fn without_an_admin_token_nobody_reloads_by_call() {
    let backend = Backend::start().await;
    let sidecar = Start::before(&backend.url()).ready();
    for token in ["", "x", "Bearer"] {
        let client = sidecar.operator().with_token(token);
        assert_eq!(client.call(Method::POST, "/-/reload", &[], Bytes::new()).await.status, 401);
    }
}

#[tokio::test]
async fn sighup_reloads_also_when_no_file_changed() {
    let world = World::start().await;
    let loaded = world.sidecar.metric(LOADED).await;
    world.sidecar.signal("-HUP");
    until("it is loaded again", PATIENCE, async || world.sidecar.metric(LOADED).await > loaded).await;
}
