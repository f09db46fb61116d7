"""The value sets that every general check goes through: each way to use the chart, and each part of it."""

from chart import ALONE, LEAST, REDIS, SHARED, merged

TRIAL = {"redis": {"enabled": True}, "codeKeys": {"secret": {"name": "otp-code-keys"}}}
EVERYTHING = merged(
    ALONE,
    REDIS,
    {
        "replicas": 3,
        "commonLabels": {"team": "wallet"},
        "commonAnnotations": {"example.com/owner": "wallet"},
        "image": {"repository": "registry.example.com/otp-sidecar", "digest": "sha256:" + "a" * 64},
        "imagePullSecrets": ["registry"],
        "adminToken": {"secret": {"name": "otp-admin"}},
        "secretEnv": [{"env": "JWT_OTHER", "secret": "other", "key": "jwt"}],
        "secretFiles": [{"file": "jwt.pem", "secret": "jwt", "key": "public"}],
        "settings": {
            "storeDeadline": "200ms",
            "upstreamTimeout": "20s",
            "connectTimeout": "2s",
            "headerTimeout": "5s",
            "maxConnections": 5000,
            "maxBody": "128KiB",
            "log": "pretty",
            "logLevel": "debug",
            "audit": "/var/log/otp/audit.jsonl",
            "traces": "http://collector:4318",
        },
        "extraArgs": ["--audit-keep=7"],
        "extraEnv": [
            {"name": "OTEL_TRACES_SAMPLER", "value": "parentbased_traceidratio"},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "extraVolumes": [{"name": "audit", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "audit", "mountPath": "/var/log/otp"}],
        "probes": {"readinessNeedsState": True},
        "wallet": {
            "command": ["node"],
            "args": ["server.js"],
            "env": [{"name": "NODE_ENV", "value": "production"}],
            "envFrom": [{"secretRef": {"name": "wallet"}}],
            "readinessPath": "/ready",
            "livenessPath": "/live",
            "resources": {"requests": {"cpu": "100m"}},
            "volumeMounts": [{"name": "audit", "mountPath": "/audit"}],
        },
        "pod": {
            "labels": {"app": "wallet"},
            "annotations": {"example.com/a": "b"},
            "serviceAccountName": "wallet",
            "priorityClassName": "high",
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "wallet", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
            ],
        },
        "service": {"name": "wallet", "type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}},
        "monitor": {"kind": "service", "labels": {"release": "prometheus"}},
        "rules": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboards": {"enabled": True},
        "networkPolicy": {"trafficFrom": [{"podSelector": {"matchLabels": {"app": "ingress"}}}]},
        "autoscaling": {"enabled": True},
    },
)
MOUNTED = {
    "policies": {
        "shipped": False,
        "existingConfigMap": "my-policies",
        "existingTemplates": {"configMap": "my-templates", "files": ["wallet_funding.txt"]},
    }
}

VARIANTS = {
    "alone, for a trial": ALONE,
    "alone, with Redis": merged(ALONE, REDIS, {"replicas": 2}),
    "alone, with a Redis for trials": merged(ALONE, TRIAL, {"replicas": 2}),
    "alone, with everything": EVERYTHING,
    "alone, by a unix socket": merged(
        ALONE, {"upstream": {"socket": "/run/wallet/wallet.sock"}, "pod": {"securityContext": {"fsGroup": 65532}}}
    ),
    "alone, never a native sidecar": merged(ALONE, {"nativeSidecar": "never"}),
    "alone, with Gmail": merged(
        ALONE, {"mail": {"from": "", "secret": {"name": ""}, "gmail": {"enabled": True, "secret": {"name": "gmail"}}}}
    ),
    "alone, with policies of its own": merged(ALONE, MOUNTED),
    "alone, with IPv6": merged(ALONE, {"listenHost": "[::]"}),
    "shared parts": SHARED,
    "shared parts for an operator": merged(
        SHARED,
        REDIS,
        {"replicas": 4, "monitor": {"kind": "pod"}, "rules": {"enabled": True}, "dashboards": {"enabled": True}},
    ),
    "shared parts, as few as possible": merged(
        LEAST,
        {
            "selector": {"app": "wallet"},
            "service": {"enabled": False},
            "networkPolicy": {"enabled": False},
            "podDisruptionBudget": {"enabled": False},
        },
    ),
}
