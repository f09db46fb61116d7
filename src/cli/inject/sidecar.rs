//! The container that is added, and its volumes: those that the chart makes, which a test compares.

use serde_json::{Value, json};

use super::settings::{Settings, State};

/// The container's name, which the runbooks use.
pub(super) const CONTAINER: &str = "otp-sidecar";
/// The volume of the policies.
const POLICIES: &str = "otp-sidecar-policies";
/// The volume of the secrets.
const SECRETS: &str = "otp-sidecar-secrets";
/// The names of what is added to a pod's volumes.
pub(super) const VOLUMES: [&str; 2] = [POLICIES, SECRETS];

const POLICIES_PATH: &str = "/etc/otp-sidecar/policies";
const SECRETS_PATH: &str = "/etc/otp-sidecar/secrets";

/// How long requests under way may go on after SIGTERM.
const DRAIN: u64 = 25;
/// The longest that the sidecar takes after SIGTERM: the drain, then 5 s for mail, 3 s for traces, 5 s for
/// the audit log.
const END: u64 = DRAIN + 5 + 3 + 5;
/// For all that nobody has thought of.
const SPARE: u64 = 2;

/// How long the wallet waits before it is told to stop. A native sidecar is told when the wallet has ended,
/// so it is enough that nobody sends new connections any more. An ordinary one is told at the same time, so
/// the wallet also waits until the sidecar has drained.
pub(super) fn wallet_pause(settings: &Settings) -> u64 {
    if settings.is_native { settings.pause } else { settings.pause + DRAIN }
}

/// How long the pod may take to end, when the wallet takes so many seconds.
pub(super) fn grace(settings: &Settings, wallet: u64) -> u64 {
    let wallet = wallet_pause(settings) + wallet;
    SPARE + if settings.is_native { wallet + END } else { wallet.max(settings.pause + END) }
}

/// `preStop`: `sleep` needs no program in the image, but Kubernetes 1.30.
pub(super) fn pause(seconds: u64) -> Value {
    json!({ "sleep": { "seconds": seconds } })
}

/// The container, in front of a backend on this port.
pub(super) fn container(settings: &Settings, backend: u16) -> Value {
    let mut container = json!({
        "name": CONTAINER,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "args": args(settings, backend),
        "env": env(settings),
        "ports": [
            { "name": "otp-traffic", "containerPort": settings.listen_port, "protocol": "TCP" },
            { "name": "otp-admin", "containerPort": settings.admin_port, "protocol": "TCP" },
        ],
        "startupProbe": probe(settings, 1, 60),
        "livenessProbe": probe(settings, 10, 3),
        // Not /readyz: without Redis all pods would be out at once, and nothing would be answered.
        "readinessProbe": probe(settings, 5, 2),
        "resources": { "requests": { "cpu": "50m", "memory": "32Mi" }, "limits": { "memory": "192Mi" } },
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts(settings),
    });
    if settings.is_native {
        container["restartPolicy"] = "Always".into();
    } else {
        container["lifecycle"] = json!({ "preStop": pause(settings.pause) });
    }
    container
}

/// What `serve` alone needs. What other commands in the container need too is in its environment.
fn args(settings: &Settings, backend: u16) -> Vec<String> {
    let mut args = vec![
        "serve".to_owned(),
        format!("--listen=0.0.0.0:{}", settings.listen_port),
        format!("--admin-listen=0.0.0.0:{}", settings.admin_port),
        format!("--upstream=http://127.0.0.1:{backend}"),
        format!("--drain={DRAIN}s"),
        "--log=json".to_owned(),
    ];
    args.extend(settings.audit.iter().map(|audit| format!("--audit={audit}")));
    args
}

/// What a flag takes as a file: the variable of the flag, and the file, which is also the key in the Secret.
fn files(settings: &Settings) -> impl Iterator<Item = (&'static str, &'static str)> {
    let state = (settings.state == State::Secret).then_some(("OTP_SIDECAR_STATE_FILE", "state"));
    let others = [
        ("OTP_SIDECAR_CODE_KEYS_FILE", "code-keys"),
        ("OTP_SIDECAR_SMTP_FILE", "smtp"),
        ("OTP_SIDECAR_ADMIN_TOKEN_FILE", "admin-token"),
    ];
    state.into_iter().chain(others)
}

fn env(settings: &Settings) -> Vec<Value> {
    let plain = |name: &str, value: &str| json!({ "name": name, "value": value });
    let mut env = vec![
        plain("RUST_LOG", "info"),
        plain("OTP_SIDECAR_ADMIN", &format!("http://127.0.0.1:{}", settings.admin_port)),
        plain("OTP_SIDECAR_POLICIES", POLICIES_PATH),
    ];
    if settings.state == State::Memory {
        env.push(plain("OTP_SIDECAR_STATE", "memory"));
    }
    env.extend(settings.mail_from.iter().map(|from| plain("OTP_SIDECAR_MAIL_FROM", from)));
    env.extend(files(settings).map(|(variable, file)| plain(variable, &format!("{SECRETS_PATH}/{file}"))));
    let jwt = json!({ "secretKeyRef": { "name": settings.secret, "key": "jwt-secret" } });
    env.push(json!({ "name": "JWT_SECRET", "valueFrom": jwt }));
    env
}

fn mounts(settings: &Settings) -> Vec<Value> {
    let mut mounts = vec![
        json!({ "name": POLICIES, "mountPath": POLICIES_PATH, "readOnly": true }),
        json!({ "name": SECRETS, "mountPath": SECRETS_PATH, "readOnly": true }),
    ];
    if let (Some(volume), Some(folder)) = (&settings.audit_volume, settings.audit_folder()) {
        mounts.push(json!({ "name": volume, "mountPath": folder }));
    }
    mounts
}

fn probe(settings: &Settings, period: u64, failures: u64) -> Value {
    json!({
        "httpGet": { "path": "/livez", "port": settings.admin_port },
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 2,
    })
}

/// The volumes: whole folders, so that a changed ConfigMap arrives.
pub(super) fn volumes(settings: &Settings) -> [Value; 2] {
    let mut policies = vec![json!({ "configMap": { "name": settings.policies } })];
    if let Some(templates) = &settings.templates {
        let items: Vec<Value> = settings
            .template_files
            .iter()
            .map(|file| json!({ "key": file, "path": format!("templates/{file}") }))
            .collect();
        policies.push(json!({ "configMap": { "name": templates, "items": items } }));
    }
    let secret = |file: &str| json!({ "secret": { "name": settings.secret, "items": [{ "key": file, "path": file }] } });
    let secrets: Vec<Value> = files(settings).map(|(_, file)| secret(file)).collect();
    [
        json!({ "name": POLICIES, "projected": { "sources": policies } }),
        // For whatever user the sidecar runs as; nobody else is in its container.
        json!({ "name": SECRETS, "projected": { "defaultMode": 0o444, "sources": secrets } }),
    ]
}
