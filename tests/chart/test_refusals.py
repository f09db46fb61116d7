"""What cannot be right is refused, in a sentence that says what to write."""

import pytest
import yaml
from chart import ALONE, CHART, LEAST, PLAIN, REDIS, SHARED, WALLET, attempt, documents, merged, refusal
from variants import TRIAL, VARIANTS, EVERYTHING

SECRET_URL = "redis://user:hunter2@redis:6379/0"

# What is wrong with it: values on top of a good set, and words of the sentence.
CASES = {
    "memory for two replicas": (ALONE, {"replicas": 2}, "state.kind is memory, which is for one replica"),
    "memory for the replicas of another chart": (SHARED, {"replicas": 2}, "state.kind is memory"),
    "memory under an autoscaler": (
        ALONE,
        {"autoscaling": {"enabled": True}, "wallet": {"resources": {"requests": {"cpu": "1"}}}},
        "autoscaling.enabled to false",
    ),
    "Redis nowhere": (
        ALONE,
        {"state": {"kind": "redis"}, "codeKeys": {"secret": {"name": "k"}}},
        "nothing says where it is",
    ),
    "Redis in two places": (ALONE, merged(REDIS, {"state": {"url": "redis://r:6379/0"}}), "both say where Redis is"),
    "a Redis that memory does not use": (ALONE, {"state": {"secret": {"name": "r"}}}, "set state.kind to redis"),
    "Redis without keys": (ALONE, {"state": {"kind": "redis", "secret": {"name": "r"}}}, "codeKeys.secret.name is needed"),
    "a Redis for trials without keys": (ALONE, {"redis": {"enabled": True}}, "codeKeys.secret.name is needed"),
    "a Redis for trials and another": (ALONE, merged(TRIAL, REDIS), "redis.enabled makes a Redis"),
    "a password in the store's URL": (
        ALONE,
        merged(REDIS, {"state": {"secret": {"name": ""}, "url": SECRET_URL}}),
        "state.url holds a user or a password",
    ),
    "a password in a socket's URL": (
        ALONE,
        merged(REDIS, {"state": {"secret": {"name": ""}, "url": "redis+unix:///r.sock?pass=hunter2"}}),
        "state.url holds a user or a password",
    ),
    "a password in the relay's URL": (
        merged(WALLET, {"jwt": LEAST["jwt"]}),
        {"mail": {"from": "otp@example.com", "url": "smtp://otp:hunter2@relay:587"}},
        "mail.url holds a user or a password",
    ),
    "a secret as a variable": (ALONE, {"extraEnv": [{"name": "EMAIL_PASS", "value": "hunter2"}]}, "extraEnv: EMAIL_PASS"),
    "a secret as a variable of the wallet": (
        ALONE,
        {"wallet": {"env": [{"name": "JWT_SECRET", "value": "hunter2"}]}},
        "wallet.env: JWT_SECRET",
    ),
    "a password of the collector": (ALONE, {"settings": {"traces": "http://otp:hunter2@c:4318"}}, "settings.traces holds"),
    "codes in the clear": (
        merged(WALLET, {"jwt": LEAST["jwt"]}),
        {"mail": {"from": "otp@example.com", "url": "smtp://relay:25?tls=none"}},
        "codes would cross the network in the clear",
    ),
    "a password as a variable": (ALONE, {"extraEnv": [{"name": "DB_PASSWORD", "value": "hunter2"}]}, "DB_PASSWORD"),
    "a secret as a flag": (ALONE, {"extraArgs": ["--code-keys=k1:hunter2"]}, "extraArgs: --code-keys may hold a secret"),
    "a flag of the chart": (ALONE, {"extraArgs": ["--policies=/x"]}, "extraArgs: --policies is set by the chart"),
    "a sender that other commands would not know": (ALONE, {"extraArgs": ["--mail-from=a@b.example"]}, "--mail-from is set by the chart"),
    "a setting of the chart as a flag": (ALONE, {"extraArgs": ["--max-body=1MiB"]}, "--max-body is set by the chart"),
    "a variable of the chart": (
        ALONE,
        {"extraEnv": [{"name": "OTP_SIDECAR_MAIL_FROM", "value": "a@b.example"}]},
        "OTP_SIDECAR_MAIL_FROM is set already",
    ),
    "a variable twice": (
        ALONE,
        {"secretEnv": [{"env": "JWT_SECRET", "secret": "s", "key": "k"}]},
        "JWT_SECRET is set already",
    ),
    "no relay": (merged(WALLET, {"jwt": LEAST["jwt"]}), {"mail": {"from": "a@example.com"}}, "where codes leave (none)"),
    "two relays": (ALONE, {"mail": {"url": "smtp://relay:587"}}, "mail.url, mail.secret.name"),
    "no sender": (ALONE, {"mail": {"from": ""}}, "mail.from: who sends the mails?"),
    "Gmail without an account": (
        merged(WALLET, {"jwt": LEAST["jwt"]}),
        {"mail": {"gmail": {"enabled": True}}},
        "mail.gmail.secret.name",
    ),
    "no key for tokens": (merged(WALLET, {"mail": LEAST["mail"]}), {}, "jwt.secret.name"),
    "no policy": (ALONE, {"policies": {"shipped": False}}, "policies: there are none"),
    "policies twice": (
        ALONE,
        {"policies": {"existingConfigMap": "p", "files": {"a.yaml": "version: 1"}}},
        "takes the place of policies.files",
    ),
    "templates without policies": (
        ALONE,
        {"policies": {"existingTemplates": {"configMap": "t", "files": ["a.txt"]}}},
        "goes with policies.existingConfigMap",
    ),
    "templates without names": (
        ALONE,
        {"policies": {"existingConfigMap": "p", "existingTemplates": {"configMap": "t"}}},
        "needs both",
    ),
    "a policy that is not read": (ALONE, {"policies": {"files": {"limits.yml.bak": "x"}}}, "would not be read"),
    "a hidden policy": (ALONE, {"policies": {"files": {".limits.yaml": "x"}}}, "begins with no dot"),
    "a template that is not read": (ALONE, {"policies": {"templates": {"mail.md": "x"}}}, "ends in .txt or .html"),
    "nobody's pods": (LEAST, {}, "selector: which labels do the wallet's pods carry?"),
    "two kinds of pods": (ALONE, {"selector": {"app": "wallet"}}, "leave one of them out"),
    "a wallet without a version": (ALONE, {"wallet": {"image": {"tag": ""}}}, "which version of the wallet?"),
    "an autoscaler of another chart's pods": (
        SHARED,
        merged(REDIS, {"autoscaling": {"enabled": True}}),
        "beside your own Deployment",
    ),
    "an autoscaler without a measure": (
        EVERYTHING,
        {"wallet": {"resources": {"requests": {"cpu": None}}}},
        "set wallet.resources.requests.cpu",
    ),
    "a variable of the wallet that would bind it elsewhere": (
        ALONE,
        {"wallet": {"env": [{"name": "HOST", "value": "0.0.0.0"}]}},
        "wallet.env: HOST is set by wallet.hostEnv",
    ),
    "a rule of the network policy that opens every port": (
        ALONE,
        {"networkPolicy": {"extraIngress": [{"from": [{"podSelector": {}}]}]}},
        "a rule without ports opens all of them",
    ),
    "an entry of the network policy that opens every port": (
        ALONE,
        {"networkPolicy": {"extraIngress": [{"ports": [{"protocol": "TCP"}]}]}},
        "an entry without a port opens all of them",
    ),
    "a network policy that opens the wallet's port": (
        ALONE,
        {"networkPolicy": {"extraIngress": [{"ports": [{"port": 3000}]}]}},
        "opens the wallet's port 3000, past the sidecar",
    ),
    "a network policy that opens the wallet's port among others": (
        ALONE,
        {"networkPolicy": {"extraIngress": [{"ports": [{"port": 2000, "endPort": 4000}]}]}},
        "opens the wallet's port 3000, past the sidecar",
    ),
    "a port that only root may use": (ALONE, {"ports": {"traffic": 80}}, "choose one from 1024 on"),
    "a sidecar with all rights": (ALONE, {"securityContext": {"privileged": True}}, "needs no rights"),
    "a sidecar that is root": (ALONE, {"securityContext": {"runAsUser": 0}}, "needs no rights"),
    "a sidecar that may be root": (ALONE, {"securityContext": {"runAsNonRoot": False}}, "needs no rights"),
    "a sidecar with a capability": (ALONE, {"securityContext": {"capabilities": {"add": ["NET_RAW"]}}}, "needs no rights"),
    "a volume of the chart's name": (
        ALONE,
        {"extraVolumes": [{"name": "otp-sidecar-policies", "emptyDir": {}}]},
        "is a volume of the chart",
    ),
    "a mount over the certificates": (
        ALONE,
        {"extraVolumes": [{"name": "x", "emptyDir": {}}], "extraVolumeMounts": [{"name": "x", "mountPath": "/etc/"}]},
        "would hide what the image has there",
    ),
    "a label of the chart": (ALONE, {"commonLabels": {"app.kubernetes.io/name": "x"}}, "commonLabels: app.kubernetes.io/name"),
    "a label of the chart on pods": (
        ALONE,
        {"pod": {"labels": {"app.kubernetes.io/instance": "x"}}},
        "pod.labels: app.kubernetes.io/instance",
    ),
    "an autoscaler upside down": (EVERYTHING, {"autoscaling": {"minReplicas": 9}}, "more than maxReplicas"),
    "one port for two": (ALONE, {"ports": {"admin": 7145}}, "the same port"),
    "the wallet on the sidecar's port": (ALONE, {"upstream": {"port": 7145}}, "containers of a pod share their ports"),
    "the wallet on the admin port": (ALONE, {"upstream": {"port": 9145}}, "containers of a pod share their ports"),
    "a socket that hides a folder": (
        ALONE,
        {"upstream": {"socket": "/run/wallet.sock"}, "pod": {"securityContext": {"fsGroup": 65532}}},
        "a folder of its own",
    ),
    "a socket that the sidecar may not open": (
        ALONE,
        {"upstream": {"socket": "/run/wallet/wallet.sock"}},
        "the sidecar may not open the socket",
    ),
    "a mount that never changes": (
        ALONE,
        {
            "extraVolumes": [{"name": "x", "configMap": {"name": "x"}}],
            "extraVolumeMounts": [{"name": "x", "mountPath": "/x/a.yaml", "subPath": "a.yaml"}],
        },
        "mounted with subPath",
    ),
    "a mount over the policies": (
        ALONE,
        {
            "extraVolumes": [{"name": "x", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "x", "mountPath": "/etc/otp-sidecar/policies"}],
        },
        "is where the chart mounts policies",
    ),
    "an audit file in the image": (ALONE, {"settings": {"audit": "/var/audit.jsonl"}}, "is on no volume"),
    "a grace that cuts the drain": (
        ALONE,
        {"termination": {"gracePeriodSeconds": 30}},
        "Kubernetes would kill the sidecar in the middle",
    ),
    "a drain that outgrew the grace": (
        ALONE,
        {"termination": {"gracePeriodSeconds": 60, "drain": "2m"}},
        "take up to 150 s",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_with_a_sentence(name):
    base, wrong, sentence = CASES[name]
    said = refusal(merged(base, wrong))
    assert "these values cannot be right" in said and sentence in said, said
    assert "hunter2" not in said, "a secret is not repeated"
    assert said.count("\n- ") == 1, "nothing else is wrong"


def test_everything_that_is_wrong_is_told_at_once():
    assert refusal({"replicas": 2}).count("\n- ") >= 5


def test_native_sidecars_cannot_be_insisted_on_where_there_are_none():
    assert "has none" in refusal(merged(ALONE, {"nativeSidecar": "always"}), "1.27.0")
    assert "1.25" in refusal(ALONE, "1.24.0")
    assert VARIANTS and PLAIN


MISTAKES = {
    "a misspelt value": {"replcias": 2},
    "a misspelt value further in": {"mail": {"form": "otp@example.com"}},
    "a secret written out": {"codeKeys": {"value": "k1:hunter2"}},
    "a password written out": {"mail": {"password": "hunter2"}},
    "a token written out": {"adminToken": {"token": "hunter2"}},
    "no version at all": {"image": {"tag": "latest"}},
    "no image": {"image": {"repository": ""}},
    "a digest that is none": {"image": {"digest": "sha256:12"}},
    "a number with a unit": {"replicas": "two"},
    "a time without a unit": {"settings": {"storeDeadline": "250"}},
    "no time at all": {"termination": {"drain": ""}},
    "a port that is none": {"ports": {"traffic": 71450}},
    "a store that is none": {"state": {"kind": "mongodb"}},
    "a store of another kind": {"state": {"kind": "redis", "url": "mongodb://m/0"}},
    "another log": {"settings": {"log": "xml"}},
    "an upstream over TLS": {"upstream": {"url": "https://wallet"}},
    "a file of another secret": {"secretFiles": [{"file": "smtp", "secret": "a", "key": "b"}]},
    "a variable without a name": {"secretEnv": [{"env": "", "secret": "a", "key": "b"}]},
    "a pause without a command": {"termination": {"pauseCommand": []}},
    "an address that kubelets do not reach": {"listenHost": "127.0.0.1"},
    "a sender that is none": {"mail": {"from": "nobody"}},
    "a sender with a second line": {"mail": {"from": "otp@example.com\nBcc: x@example.com"}},
    "nodes that nobody can drain": {"podDisruptionBudget": {"maxUnavailable": 0}},
    "another monitor": {"monitor": {"kind": "both"}},
}


def names_of(values, above=()):
    """Every list and map of the chart's values, by the names that lead to it: what people leave empty."""
    for name, value in values.items():
        if isinstance(value, (dict, list)):
            yield (*above, name)
        if isinstance(value, dict):
            yield from names_of(value, (*above, name))


def test_a_list_or_map_that_is_taken_away_is_needed_by_nobody_or_asked_for_by_its_name():
    shipped = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    refused = 0
    for *above, name in names_of(shipped):
        without = {name: None}
        for outer in reversed(above):
            without = {outer: without}
        code, out, err = attempt(merged(ALONE, without))
        if code == 0:
            documents(out)
            continue
        refused += 1
        asked = f"{name} is required" in err or "these values cannot be right" in err
        assert asked, f"{'.'.join([*above, name])}: {err}"
    assert refused > 30


@pytest.mark.parametrize("name", MISTAKES)
def test_the_schema_refuses(name):
    said = refusal(merged(ALONE, MISTAKES[name]))
    assert "don't meet the specifications of the schema" in said, said
    assert "hunter2" not in said
