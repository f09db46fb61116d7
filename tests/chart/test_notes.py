"""What `helm install` prints at its end names what is there, and its commands are commands."""

import json
import re
import shlex
import subprocess

import pytest
import yaml
from chart import CHART, NATIVE, PLAIN, SHARED, container, documents, merged, one, pod, those, tool, workload
from cluster import cluster
from test_documents import WAYS, blocks, own_chart  # noqa: F401 (a fixture)
from test_inject import MANIFESTS, PROGRAM, flat, spec
from variants import VARIANTS

FORMS = {
    **VARIANTS,
    "the page, alone": yaml.safe_load(blocks(WAYS["alone"])["values.yaml"]),
    "the page, shared parts": yaml.safe_load(blocks(WAYS["shared"])["values.yaml"]),
    "shared parts, other ports and an audit log": merged(
        SHARED,
        {
            "ports": {"traffic": 8443, "admin": 9443},
            "existingSecret": "everything",
            "mail": {"from": "Joe's Wallet <otp@example.com>"},
            "settings": {"audit": "/var/log/otp/audit.jsonl"},
            "extraVolumes": [{"name": "tmp", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "tmp", "mountPath": "/var/log/otp"}],
        },
    ),
}


def installed(values, folder, chart=CHART, kube=NATIVE, *more):
    """The notes, and the objects."""
    with cluster(folder, kube) as config:
        done = subprocess.run(
            [tool("helm"), "install", "shop", chart, "--namespace=wallets", "--dry-run=client", "--output=json",
             "--disable-openapi-validation", "--kubeconfig", config, "--values=-", *more],
            input=json.dumps(values), capture_output=True, text=True, check=False,
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return said["info"]["notes"], documents(said["manifest"])


def commands(notes, start):
    return [shlex.split(line) for line in notes.splitlines() if line.startswith(f"  {start} ")]


def secrets_of(value):
    """The secrets that a pod waits for."""
    if isinstance(value, list):
        return {name for it in value for name in secrets_of(it)}
    if not isinstance(value, dict):
        return set()
    own = {it["name"] for key, it in value.items() if key in ("secretKeyRef", "secretRef", "secret")}
    return own | {name for it in value.values() for name in secrets_of(it)}


def check(notes, objects):
    """Every name in the notes is that of something."""
    lines = commands(notes, "kubectl")
    assert lines and all(line[1:3] == ["-n", "wallets"] for line in lines)
    for name in re.findall(r"deployment/([a-z-]+)", notes):
        assert workload(objects)["metadata"]["name"] == name
    for line in lines:
        if "-l" in line:
            labels = dict(it.split("=") for it in line[line.index("-l") + 1].split(","))
            policies = [it for it in those(objects, "NetworkPolicy") if not it["metadata"]["name"].endswith("-redis")]
            assert all(it["spec"]["podSelector"]["matchLabels"] == labels for it in policies)
        if "exec" in line:
            command = line[line.index("/otp-sidecar") + 1:]
            done = subprocess.run([PROGRAM, *command, "--help"], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    for name, port in re.findall(r"the Service (\S+), port (\d+)", notes):
        assert one(objects, "Service", name)["spec"]["ports"][0]["port"] == int(port)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("kube", [NATIVE, PLAIN])
def test_the_notes_name_what_is_there(name, kube, tmp_path):
    notes, objects = installed(FORMS[name], tmp_path, CHART, kube)
    check(notes, objects)
    makes_pods = "wallet" in FORMS[name]
    assert ("rollout status" in notes) == makes_pods == ("This chart made no pods" not in notes)
    if makes_pods:
        [secrets] = [line[5:] for line in commands(notes, "kubectl") if line[3:5] == ["get", "secret"]]
        assert sorted(secrets_of(pod(objects))) == sorted(secrets)
    assert ("State is in memory" in notes) == ("state" not in FORMS[name] and "redis" not in FORMS[name])


def test_the_notes_of_a_dependency_are_of_its_own_objects(own_chart, tmp_path):  # noqa: F811
    notes, objects = installed({}, tmp_path, own_chart, NATIVE, "--render-subchart-notes")
    check(notes, objects)
    assert 'include "otp-sidecar.volumes" .' in notes


@pytest.mark.parametrize("kube", [NATIVE, PLAIN])
@pytest.mark.parametrize("name", [name for name in FORMS if "shared" in name])
def test_what_the_notes_inject_refers_to_what_the_chart_made(name, kube, tmp_path):
    values = FORMS[name]
    notes, objects = installed(values, tmp_path, CHART, kube)
    [line] = commands(notes, "otp-sidecar")
    manifest = tmp_path / "wallet.yaml"
    text = (MANIFESTS / "express.yaml").read_text(encoding="utf-8")
    manifest.write_text(text if values.get("state") else text.replace("replicas: 3", "replicas: 1"), encoding="utf-8")
    command = [str(manifest) if it == "wallet.yaml" else it for it in line[1:line.index("|")]]
    done = subprocess.run([PROGRAM, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    injected = spec(flat(done.stdout))
    ours = container(injected, "otp-sidecar")
    [volume] = [it for it in injected["volumes"] if it["name"] == "otp-sidecar-policies"]
    for source in volume["projected"]["sources"]:
        data = one(objects, "ConfigMap", source["configMap"]["name"])["data"]
        assert {it["key"] for it in source["configMap"].get("items", [])} <= data.keys()
    assert secrets_of(injected) - secrets_of(spec(flat(text))) == {values.get("existingSecret", "otp-sidecar")}
    env = {it["name"]: it.get("value") for it in ours["env"]}
    assert env["OTP_SIDECAR_MAIL_FROM"] == values["mail"]["from"]
    ports = values.get("ports", {"traffic": 7145, "admin": 9145})
    assert [it["containerPort"] for it in ours["ports"]] == [ports["traffic"], ports["admin"]]
    audit = values.get("settings", {}).get("audit")
    assert [it for it in ours["args"] if "--audit=" in it] == ([f"--audit={audit}"] if audit else [])
