//! The container that is added, and its volumes.

use serde_json::{Value, json};

use super::settings::{Settings, State};

/// The container's name, which the runbooks use.
pub(super) const CONTAINER: &str = "otp-sidecar";
/// The volume of the policies.
pub(super) const POLICIES: &str = "otp-sidecar-policies";
/// The volume of the secrets.
pub(super) const SECRETS: &str = "otp-sidecar-secrets";
/// The names of what is added to a pod's volumes.
pub(super) const VOLUMES: [&str; 2] = [POLICIES, SECRETS];

/// Where the image expects them.
const POLICIES_PATH: &str = "/etc/otp-sidecar/policies";
const SECRETS_PATH: &str = "/etc/otp-sidecar/secrets";

/// How long a stop may take in the sidecar alone: requests in flight, mails, traces and the audit log.
pub(super) const STOP_SECONDS: u64 = 25 + 5 + 3 + 2 + 5;

/// The container, in front of a backend on this port.
pub(super) fn container(settings: &Settings, backend: u16) -> Value {
    let mut container = json!({
        "name": CONTAINER,
        "image": settings.image,
        "args": ["serve"],
        "env": env(settings, backend),
        "ports": [
            { "name": "otp-traffic", "containerPort": settings.listen_port },
            { "name": "otp-admin", "containerPort": settings.admin_port },
        ],
        "startupProbe": probe("/livez", settings, json!({ "periodSeconds": 1, "failureThreshold": 30 })),
        "livenessProbe": probe("/livez", settings, json!({ "periodSeconds": 10, "failureThreshold": 3 })),
        "readinessProbe": probe("/readyz", settings, json!({ "periodSeconds": 2, "failureThreshold": 2 })),
        "resources": {
            "requests": { "cpu": "50m", "memory": "32Mi" },
            "limits": { "memory": "256Mi" },
        },
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "readOnlyRootFilesystem": true,
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "volumeMounts": [
            { "name": POLICIES, "mountPath": POLICIES_PATH, "readOnly": true },
            { "name": SECRETS, "mountPath": SECRETS_PATH, "readOnly": true },
        ],
    });
    if let Some(fields) = container.as_object_mut() {
        if settings.is_native {
            fields.insert("restartPolicy".to_owned(), "Always".into());
        } else {
            // It goes on accepting until no Service sends anything here any more.
            fields.insert("lifecycle".to_owned(), pause(settings.pause));
        }
    }
    container
}

/// The pause before a container is told to stop. `sleep` needs no program in the image (Kubernetes 1.30).
pub(super) fn pause(seconds: u64) -> Value {
    json!({ "preStop": { "sleep": { "seconds": seconds } } })
}

fn env(settings: &Settings, backend: u16) -> Vec<Value> {
    let secret = |file: &str| format!("{SECRETS_PATH}/{file}");
    let mut env = vec![
        ("OTP_SIDECAR_LISTEN", format!("0.0.0.0:{}", settings.listen_port)),
        ("OTP_SIDECAR_ADMIN_LISTEN", format!("0.0.0.0:{}", settings.admin_port)),
        ("OTP_SIDECAR_UPSTREAM", format!("http://127.0.0.1:{backend}")),
        ("OTP_SIDECAR_POLICIES", POLICIES_PATH.to_owned()),
        ("OTP_SIDECAR_SMTP_FILE", secret("smtp")),
        ("OTP_SIDECAR_ADMIN_TOKEN_FILE", secret("admin-token")),
        ("OTP_SIDECAR_CODE_KEYS_FILE", secret("code-keys")),
    ];
    match settings.state {
        State::Secret => env.push(("OTP_SIDECAR_STATE_FILE", secret("state"))),
        State::Memory => env.push(("OTP_SIDECAR_STATE", "memory".to_owned())),
    }
    if let Some(from) = &settings.mail_from {
        env.push(("OTP_SIDECAR_MAIL_FROM", from.clone()));
    }
    let mut env: Vec<Value> =
        env.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let jwt = json!({ "secretKeyRef": { "name": settings.secret, "key": "jwt-secret", "optional": true } });
    env.push(json!({ "name": "JWT_SECRET", "valueFrom": jwt }));
    env
}

fn probe(path: &str, settings: &Settings, pace: Value) -> Value {
    let mut probe = json!({ "httpGet": { "path": path, "port": settings.admin_port } });
    if let (Some(fields), Value::Object(pace)) = (probe.as_object_mut(), pace) {
        fields.extend(pace);
    }
    probe
}

/// The volumes: whole folders, so that a changed ConfigMap arrives.
pub(super) fn volumes(settings: &Settings) -> [Value; 2] {
    [
        json!({ "name": POLICIES, "configMap": { "name": settings.policies } }),
        json!({ "name": SECRETS, "secret": { "secretName": settings.secret } }),
    ]
}
