//! The program with the very arguments, environment and mounts that the chart gives it, and a ConfigMap that
//! changes under traffic. Only addresses and the place of the mounts are others than in a pod.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::python;
use crate::support::backend::Backend;
use crate::support::client::JWT_SECRET;
use crate::support::redis::RedisServer;
use crate::support::sidecar::{CODE_KEYS, Folder, PATIENCE, Sidecar, Start, funded, mailbox};
use crate::support::traffic::Traffic;
use crate::support::wait::until;
use otp_sidecar::lab::mailbox::Mailbox;

/// Where the chart mounts everything.
const MOUNTS: &str = "/etc/otp-sidecar";
const ADMIN_TOKEN: &str = "the-admin-token-of-these-tests";

/// What the chart would have a kubelet start.
fn rendered(kube: &str, values: &Value) -> Value {
    let output = python().args(["mounted.py", kube, &values.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes a version of a volume as a kubelet does: the files in a folder of their own, their names linked
/// to `..data`, which is swapped.
fn mount(root: &Path, version: usize, files: &Value, secret: &dyn Fn(&Value) -> String) {
    let data = format!("..v{version}");
    for (path, content) in files.as_object().unwrap() {
        let file = root.join(&data).join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content.as_str().map_or_else(|| secret(content), str::to_owned)).unwrap();
    }
    symlink(&data, root.join("..data_tmp")).unwrap();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    for path in files.as_object().unwrap().keys() {
        let name = path.split('/').next().unwrap();
        if root.join(name).symlink_metadata().is_err() {
            symlink(format!("..data/{name}"), root.join(name)).unwrap();
        }
    }
}

/// A pod's sidecar, outside of a pod.
struct Pod {
    sidecar: Sidecar,
    rendered: Value,
    /// The environment of the container, of `serve` and of every command that runs beside it.
    env: Vec<(String, String)>,
    folder: Folder,
}

impl Pod {
    fn start(kube: &str, values: &Value, secret: &dyn Fn(&Value) -> String) -> Self {
        let (rendered, folder) = (rendered(kube, values), Folder::new());
        for (path, files) in rendered["mounts"].as_object().unwrap() {
            mount(&Self::place_in(&folder, path), 0, files, secret);
        }
        let here = |text: &str| text.replace(MOUNTS, folder.path().to_str().unwrap());
        let arguments =
            rendered["args"].as_array().unwrap().iter().map(|flag| match flag.as_str().unwrap() {
                flag if flag.starts_with("--listen=") => "--listen=127.0.0.1:0".to_owned(),
                flag if flag.starts_with("--admin-listen=") => "--admin-listen=127.0.0.1:0".to_owned(),
                flag => here(flag),
            });
        let mut env: Vec<_> = rendered["env"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| secret(value), &here)))
            .collect();
        let sidecar = Start::exactly(arguments, env.iter().cloned()).ready();
        let admin = env.iter_mut().find(|(name, _)| name == "OTP_SIDECAR_ADMIN").unwrap();
        assert_eq!(admin.1, "http://127.0.0.1:9145", "the port of the container");
        admin.1 = format!("http://{}", sidecar.admin);
        Self { sidecar, env, folder, rendered }
    }

    /// What `kubectl exec … /otp-sidecar COMMAND` would: the exit code and standard output.
    fn exec(&self, command: &str) -> (Option<i32>, String) {
        let mut exec = std::process::Command::new(env!("CARGO_BIN_EXE_otp-sidecar"));
        let output =
            exec.args(command.split(' ')).env_clear().envs(self.env.iter().cloned()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &said)
    }

    fn place_in(folder: &Folder, path: &str) -> std::path::PathBuf {
        folder.path().join(path.strip_prefix(MOUNTS).unwrap().trim_start_matches('/'))
    }

    /// Another version of the policies, put in place as a kubelet does.
    fn change_policy(&self, version: usize, from: &str, to: &str) {
        let path = format!("{MOUNTS}/policies");
        let mut files = self.rendered["mounts"][&path].clone();
        let text = files["default.yaml"].as_str().unwrap().to_owned();
        assert!(text.contains(from), "the shipped policy does not say {from:?}");
        files["default.yaml"] = text.replace(from, to).into();
        mount(&Self::place_in(&self.folder, &path), version, &files, &|_| {
            unreachable!("a policy is no secret")
        });
    }
}

fn values(upstream: &Backend) -> Value {
    json!({
        "wallet": { "image": { "repository": "wallet", "tag": "1.0.0" } },
        "upstream": { "port": upstream.addr().port() },
        "existingSecret": "otp-sidecar",
        "adminToken": { "secret": { "name": "otp-sidecar" } },
        "mail": { "from": "Wallet <otp@example.com>" },
        "state": { "kind": "redis" },
        "replicas": 2,
        "settings": { "storeDeadline": "2s", "maxBody": "32KiB", "upstreamTimeout": "20s" },
    })
}

/// What the secrets of these values hold.
fn secrets(redis: &RedisServer, mailbox: &Mailbox) -> impl Fn(&Value) -> String {
    let (state, smtp) = (redis.url().to_owned(), format!("smtp://{}?tls=none", mailbox.addr()));
    move |reference| {
        assert_eq!(reference["secret"], "otp-sidecar");
        match reference["key"].as_str().unwrap() {
            "state" => state.clone(),
            "code-keys" => format!("{CODE_KEYS}\n"),
            "smtp" => smtp.clone(),
            "admin-token" => ADMIN_TOKEN.to_owned(),
            "jwt-secret" => JWT_SECRET.to_owned(),
            other => panic!("nobody makes a secret with the key {other}"),
        }
    }
}

/// What docs/deploy.md lets people run in a pod.
fn commands_of_the_page() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy.md")).unwrap();
    let typed = page.lines().filter_map(|line| line.split_once(" -- /otp-sidecar "));
    let commands: Vec<String> =
        typed.map(|(_, command)| command.split(" #").next().unwrap().trim().to_owned()).collect();
    assert!(commands.len() > 5, "{commands:?}");
    commands
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_the_pod_need_no_flag_to_find_the_sidecar_its_state_its_policies_and_its_sender() {
    let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let alone = json!({ "state": { "kind": "memory" }, "replicas": 1 });
    for changes in [json!({}), alone] {
        let mut values = values(&backend);
        values.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let pod = Pod::start("1.37.0", &values, &secrets(&redis, &mailbox));
        let jane = pod.sidecar.client().as_user("jane");
        funded(&jane, &mailbox).await;
        for command in commands_of_the_page() {
            let (code, said) = pod.exec(&command);
            assert_eq!(code, Some(0), "{command}: {said}");
        }
        for (command, expected) in [
            ("challenges list", "wallet_funding"),
            ("policy check", &*pod.folder.path().to_string_lossy()),
            ("mail preview wallet_funding --part headers", "From: Wallet <otp@example.com>"),
        ] {
            let said = pod.exec(command).1;
            assert!(said.contains(expected), "{command}: {said}");
        }
        let mail = mailbox.next_mail().await;
        assert_eq!((&*mail.from, &*mail.subject), ("otp@example.com", "Test mail of otp-sidecar"));
        // What is typed goes before what the pod says.
        let (code, said) = pod.exec("status --state redis://127.0.0.1:1 --timeout 1s");
        assert!(code == Some(2) && !said.contains("leave one of them out"), "{code:?}: {said}");
    }
}

#[tokio::test]
async fn the_sidecar_of_the_chart_works_and_takes_a_changed_limit_under_traffic() {
    let (backend, mailbox, redis) = (Backend::start().await, mailbox().await, RedisServer::start());
    let secret = secrets(&redis, &mailbox);
    let roomy = ("status:       { max: 10,", "status:       { max: 100000,");
    let pod = Pod::start("1.37.0", &values(&backend), &secret);
    let client = pod.sidecar.client();

    // It works: policy and templates are where it looks, and every secret arrived.
    let jane = client.as_user("jane");
    let (reference, code) = funded(&jane, &mailbox).await;
    assert_eq!(jane.verify(&reference, &code).await.status, 200);
    let operator = pod.sidecar.operator();
    let health = operator.get("/health").await.json();
    assert_eq!((&health["status"], &health["state"]["kind"]), (&json!("ok"), &json!("redis")), "{health}");
    assert_eq!(operator.get("/livez").await.status, 200);
    let reload = operator.with_token(ADMIN_TOKEN).post("/-/reload", &Value::Null).await;
    assert_eq!(reload.status, 200, "{}", reload.text());

    // The ConfigMap changes, and nobody notices but by the limit.
    pod.change_policy(1, roomy.0, roomy.1);
    let loaded = "otp_sidecar_policy_reloads_total{result=\"ok\"}";
    until("the wider limit counts", PATIENCE, async || pod.sidecar.metric(loaded).await >= 2.0).await;
    let traffic = Traffic::start(3, &format!("http://{}", pod.sidecar.traffic), async |client, number| {
        let somebody = client.as_user(&format!("caller{number}"));
        assert_eq!(somebody.get("/api/wallet/balance").await.status, 200);
        assert!(!somebody.fund(5_000).await.status.is_server_error());
    });
    pod.change_policy(2, roomy.0, "status:       { max: 1,");
    let user = std::cell::Cell::new(0);
    until("a second status is refused", PATIENCE, async || {
        user.set(user.get() + 1);
        let somebody = client.as_user(&format!("somebody{}", user.get()));
        assert_eq!(somebody.status("wallet_funding").await.status, 200);
        somebody.status("wallet_funding").await.status == 429
    })
    .await;
    assert!(traffic.end().await > 0);
}
