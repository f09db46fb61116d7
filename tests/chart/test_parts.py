"""What the objects say: who gets the traffic, who reaches what, what is mounted, and what stays secret."""

import itertools
import re

import pytest
from chart import (
    ALONE,
    NATIVE,
    PLAIN,
    REDIS,
    SHARED,
    VERSIONS,
    WALLET,
    container,
    environment,
    flags,
    merged,
    one,
    pod,
    render,
    sidecar,
    strings,
    those,
    workload,
)
from variants import EVERYTHING, TRIAL, VARIANTS

BOTH = list(itertools.product(VARIANTS, VERSIONS))
WITH_PODS = [(name, kube) for name, kube in BOTH if name.startswith("alone")]


@pytest.mark.parametrize("name, kube", WITH_PODS)
def test_the_traffic_of_the_service_goes_to_the_sidecar(name, kube):
    objects = render(VARIANTS[name], kube)
    service = [it for it in those(objects, "Service") if not re.search("-(redis|metrics)$", it["metadata"]["name"])]
    [port] = service[0]["spec"]["ports"]
    ours = sidecar(objects)
    assert port["targetPort"] in [it["containerPort"] for it in ours["ports"]]
    assert flags(ours)["--listen"].endswith(f":{port['targetPort']}")
    labels = workload(objects)["spec"]["template"]["metadata"]["labels"]
    assert service[0]["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("name, kube", WITH_PODS)
def test_there_is_one_sidecar_and_it_is_native_where_kubernetes_has_that(name, kube):
    spec = pod(render(VARIANTS[name], kube))
    first = [it["name"] for it in spec.get("initContainers", []) if it.get("restartPolicy") == "Always"]
    second = [it["name"] for it in spec["containers"]]
    if kube == NATIVE and name != "alone, never a native sidecar":
        assert (first, second) == (["otp-sidecar"], ["wallet"])
    else:
        assert (first, second) == ([], ["otp-sidecar", "wallet"])


@pytest.mark.parametrize("name, kube", WITH_PODS)
def test_only_the_ports_of_the_sidecar_are_open_to_others(name, kube):
    objects = render(VARIANTS[name], kube)
    policy = [it for it in those(objects, "NetworkPolicy") if not it["metadata"]["name"].endswith("-redis")][0]
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    opened = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    assert opened == {it["containerPort"] for it in sidecar(objects)["ports"]} == {7145, 9145}
    labels = workload(objects)["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    admin = [rule for rule in policy["spec"]["ingress"] if rule["ports"][0]["port"] == 9145]
    assert all(rule.get("from") for rule in admin), "metrics and health are not for everybody"


@pytest.mark.parametrize("name, kube", WITH_PODS)
def test_the_wallet_is_told_to_listen_where_only_the_sidecar_is(name, kube):
    objects = render(VARIANTS[name], kube)
    wallet = container(pod(objects), "wallet")
    env = {it["name"]: it.get("value") for it in wallet.get("env", [])}
    upstream = flags(sidecar(objects))["--upstream"]
    if upstream.startswith("unix:"):
        folder = upstream.removeprefix("unix:").rpartition("/")[0]
        for each in (wallet, sidecar(objects)):
            assert folder in [it["mountPath"] for it in each["volumeMounts"]]
    else:
        assert upstream == f"http://{env['HOST']}:{env['PORT']}" == "http://127.0.0.1:3000"
    assert "ports" not in wallet, "nobody else is told of its port"


@pytest.mark.parametrize("name, kube", WITH_PODS)
def test_probes_ask_the_sidecar_and_never_wait_for_the_wallet(name, kube):
    objects = render(VARIANTS[name], kube)
    ours = sidecar(objects)
    for probe in ("startupProbe", "livenessProbe"):
        assert ours[probe]["httpGet"] == {"path": "/livez", "port": 9145}
    path = "/readyz" if VARIANTS[name].get("probes") else "/livez"
    assert ours["readinessProbe"]["httpGet"] == {"path": path, "port": 9145}
    wallet = container(pod(objects), "wallet")
    for probe in ("readinessProbe", "livenessProbe"):
        if probe in wallet:
            assert wallet[probe]["httpGet"]["port"] == 7145, "the wallet's own port answers nobody outside"


@pytest.mark.parametrize("name, kube", WITH_PODS)
def test_the_pods_meet_the_restricted_standard(name, kube):
    spec = pod(render(VARIANTS[name], kube))
    assert spec["automountServiceAccountToken"] is False
    for each in spec.get("initContainers", []) + spec["containers"]:
        context = merged(spec["securityContext"], each["securityContext"])
        assert context["runAsNonRoot"] is True and context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    ours = container(spec, "otp-sidecar")
    assert ours["securityContext"]["readOnlyRootFilesystem"] is True
    assert ours["securityContext"]["runAsUser"] == 65532
    assert ours["resources"]["requests"].keys() == {"cpu", "memory"} and ours["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name, kube", BOTH)
def test_nothing_is_mounted_by_subpath_and_policies_are_a_folder(name, kube):
    objects = render(VARIANTS[name], kube)
    assert not [text for text in strings(objects) if text.lower().startswith("subpath")]
    if name.startswith("alone"):
        ours, spec = sidecar(objects), pod(objects)
        mounts = {it["mountPath"]: it["name"] for it in ours["volumeMounts"]}
        assert environment(ours)["OTP_SIDECAR_POLICIES"] in mounts
        volumes = {it["name"] for it in spec["volumes"]}
        assert set(mounts.values()) <= volumes, "every mount has its volume"
        assert len(volumes) == len(spec["volumes"])


@pytest.mark.parametrize("name, kube", BOTH)
def test_secrets_are_named_and_never_made_or_written_out(name, kube):
    objects = render(VARIANTS[name], kube)
    assert not those(objects, "Secret")
    if not name.startswith("alone"):
        return
    ours = sidecar(objects)
    for variable in ours["env"]:
        if variable["name"] in ("JWT_SECRET", "JWT_OTHER", "EMAIL_USER", "EMAIL_PASS"):
            assert variable["valueFrom"]["secretKeyRef"].keys() == {"name", "key"}
        elif variable["name"].endswith("_FILE"):
            assert variable["value"].startswith("/etc/otp-sidecar/secrets/")
    for flag in ("--state", "--smtp", "--code-keys", "--state-file", "--smtp-file", "--code-keys-file"):
        assert flag not in flags(ours)


def test_every_secret_that_is_named_arrives_where_it_is_looked_for():
    spec = pod(render(EVERYTHING))
    [volume] = [it for it in spec["volumes"] if it["name"] == "otp-sidecar-secrets"]
    files = {}
    for source in volume["projected"]["sources"]:
        for item in source["secret"]["items"]:
            files[item["path"]] = (source["secret"]["name"], item["key"])
    assert files == {
        "state": ("otp-redis", "state"),
        "code-keys": ("otp-code-keys", "code-keys"),
        "smtp": ("otp-mail", "smtp"),
        "admin-token": ("otp-admin", "admin-token"),
        "jwt.pem": ("jwt", "public"),
    }
    env = {it["name"]: it for it in container(spec, "otp-sidecar")["env"]}
    for flag in ("STATE", "CODE_KEYS", "SMTP", "ADMIN_TOKEN"):
        path = env[f"OTP_SIDECAR_{flag}_FILE"]["value"]
        assert path.removeprefix("/etc/otp-sidecar/secrets/") in files
    assert env["JWT_SECRET"]["valueFrom"]["secretKeyRef"] == {"name": "wallet-jwt", "key": "jwt-secret"}


def test_one_secret_may_hold_everything():
    values = merged(WALLET, {"existingSecret": "otp-sidecar", "mail": {"from": "otp@example.com"}})
    for more, files in (
        ({}, {"smtp"}),
        ({"state": {"kind": "redis"}}, {"smtp", "state", "code-keys"}),
        ({"state": {"kind": "redis", "url": "redis://redis:6379/0"}}, {"smtp", "code-keys"}),
        ({"redis": {"enabled": True}, "mail": {"url": "smtp://relay:587"}}, {"code-keys"}),
        ({"mail": {"enabled": False}}, set()),
    ):
        spec = pod(render(merged(values, more)))
        sources = [it["projected"]["sources"] for it in spec["volumes"] if it["name"] == "otp-sidecar-secrets"]
        found = [source["secret"] for source in sum(sources, [])]
        assert {(it["name"], it["items"][0]["path"]) for it in found} == {("otp-sidecar", file) for file in files}
        env = {it["name"]: it for it in container(spec, "otp-sidecar")["env"]}
        assert env["JWT_SECRET"]["valueFrom"]["secretKeyRef"] == {"name": "otp-sidecar", "key": "jwt-secret"}


def test_templates_become_a_folder_below_the_policies():
    [volume] = [it for it in pod(render(ALONE))["volumes"] if it["name"] == "otp-sidecar-policies"]
    policies, templates = volume["projected"]["sources"]
    assert policies == {"configMap": {"name": "shop-otp-sidecar-policies"}}
    assert all(item["path"] == f"templates/{item['key']}" for item in templates["configMap"]["items"])
    texts = one(render(ALONE), "ConfigMap", templates["configMap"]["name"])["data"]
    assert [item["key"] for item in templates["configMap"]["items"]] == sorted(texts)


def test_a_policy_of_the_same_name_replaces_the_shipped_one_and_others_come_beside_it():
    own = {"policies": {"files": {"default.yaml": "version: 1\n", "more.yaml": "version: 1\n"}}}
    data = one(render(merged(ALONE, own)), "ConfigMap", "shop-otp-sidecar-policies")["data"]
    assert data == {"default.yaml": "version: 1\n", "more.yaml": "version: 1\n"}


def test_state_in_memory_is_never_in_two_pods_at_once():
    assert workload(render(ALONE))["spec"]["strategy"] == {"type": "Recreate"}
    rolling = workload(render(merged(ALONE, REDIS)))["spec"]["strategy"]
    assert rolling["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_the_redis_for_trials_is_the_one_that_the_sidecar_uses_and_evicts_nothing():
    objects = render(merged(ALONE, TRIAL))
    service = one(objects, "Service", "shop-otp-sidecar-redis")
    assert environment(sidecar(objects))["OTP_SIDECAR_STATE"] == f"redis://{service['metadata']['name']}:6379/0"
    [redis] = [it for it in those(objects, "Deployment") if it["metadata"]["name"].endswith("-redis")]
    labels = redis["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    args = redis["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[args.index("--maxmemory-policy") + 1] == "noeviction"
    wallets = one(objects, "Service", "shop-otp-sidecar")["spec"]["selector"]
    assert not wallets.items() <= labels.items(), "the wallet's Service must not find Redis"
    [rule] = one(objects, "NetworkPolicy", "shop-otp-sidecar-redis")["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": wallets}}]


def test_an_autoscaler_and_a_number_of_replicas_do_not_fight():
    objects = render(EVERYTHING)
    assert "replicas" not in workload(objects)["spec"]
    target = one(objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == workload(objects)["metadata"]["name"]


@pytest.mark.parametrize("kind, made", [("pod", "PodMonitor"), ("service", "ServiceMonitor")])
@pytest.mark.parametrize("base", [merged(ALONE), SHARED])
def test_what_is_scraped_has_the_job_that_the_rules_ask_for(kind, made, base):
    objects = render(merged(base, {"monitor": {"kind": kind, "labels": {"release": "prometheus"}}}))
    monitor = one(objects, made)
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    [endpoint] = monitor["spec"]["podMetricsEndpoints" if kind == "pod" else "endpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "otp-sidecar", "action": "replace"}]
    assert endpoint["path"] == "/metrics"
    selector = monitor["spec"]["selector"]["matchLabels"]
    if kind == "pod":
        assert selector == one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    else:
        found = [it for it in those(objects, "Service") if selector.items() <= it["metadata"]["labels"].items()]
        assert [it["metadata"]["name"] for it in found] == ["shop-otp-sidecar-metrics"], "not the wallet's Service"
        assert found[0]["spec"]["ports"][0]["targetPort"] == 9145


def test_the_runbooks_can_be_elsewhere():
    objects = render(merged(SHARED, {"rules": {"enabled": True, "runbookUrl": "https://runbooks.example.com/"}}))
    urls = [text for text in strings(those(objects, "PrometheusRule")) if "runbook" in text and text.startswith("http")]
    assert len(urls) > 20
    assert all(re.fullmatch(r"https://runbooks\.example\.com/\w+\.md", url) for url in urls)
