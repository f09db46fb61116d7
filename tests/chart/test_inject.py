"""`otp-sidecar inject` on manifests as people have them: Kubernetes takes the result, the sidecar in it is the chart's."""

import os
import pathlib
import subprocess

import pytest
from chart import NATIVE, PLAIN, container, documents, merged, one, pod, render, those, LEAST, WALLET
from test_forms import wrong

PROGRAM = os.environ.get("OTP_SIDECAR_BINARY", "otp-sidecar")
MANIFESTS = pathlib.Path(__file__).resolve().parents[1] / "data/manifests"
# The manifest, and what has to be said about it.
CASES = {
    "express.yaml": [],
    "django-statefulset.yaml": ["--container=gunicorn", "--port=8000"],
    "daemonset.yaml": [],
    "pod.yaml": ["--port=3000"],
    "list.json": [],
    "two-wallets.yaml": ["--workload=wallet"],
}
LOOPBACK = "--backend-env=HOST=127.0.0.1"
ORDINARY = "--native-sidecar=false"


def inject(*arguments, stdin=None):
    """Exit code, standard output, standard error."""
    done = subprocess.run([PROGRAM, "inject", *arguments], input=stdin, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def injected(name, *arguments):
    code, out, err = inject(str(MANIFESTS / name), *CASES[name], *arguments)
    assert code == 0, err
    return out


def flat(text):
    """The objects, those of lists too."""
    return [it for found in documents(text) for it in (found["items"] if found["kind"] == "List" else [found])]


def spec(objects, name=None):
    found = [it for it in objects if it["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Pod")]
    found = [it for it in found if name in (None, it["metadata"]["name"])]
    return found[0]["spec"] if found[0]["kind"] == "Pod" else found[0]["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kube, form", [(NATIVE, []), (PLAIN, [ORDINARY])])
def test_kubernetes_takes_what_comes_out(name, kube, form):
    objects = flat(injected(name, LOOPBACK, *form))
    # 1.28 has no `sleep` yet; that is what the notes say.
    said = [it for it in wrong(objects, kube) if "'sleep' was unexpected" not in it or kube != PLAIN]
    assert not said


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", [[], [ORDINARY], [LOOPBACK], [LOOPBACK, "--state=memory", "--listen-port=8443"]])
def test_a_second_run_changes_nothing_and_the_reversal_everything_back(name, form):
    if "--state=memory" in form and name in ("express.yaml", "django-statefulset.yaml", "daemonset.yaml"):
        assert inject(str(MANIFESTS / name), *CASES[name], *form)[0] == 2, "several pods cannot keep state in memory"
        return
    once = injected(name, *form)
    code, twice, err = inject("-", *CASES[name], *form, stdin=once)
    assert (code, twice) == (0, once), err
    code, back, err = inject("--uninject", stdin=once)
    assert code == 0, err
    assert documents(back) == documents((MANIFESTS / name).read_text())
    assert inject("--uninject", stdin=back)[0] == 2


@pytest.mark.parametrize("name, service, port", [
    ("express.yaml", "wallet", 80), ("django-statefulset.yaml", "wallet", 8000), ("pod.yaml", "wallet", 3000),
    ("list.json", "wallet", 80), ("two-wallets.yaml", "wallet", 80),
])
def test_the_services_traffic_goes_to_the_sidecar_and_on_to_the_wallet(name, service, port):
    objects = flat(injected(name, "--listen-port=8443"))
    [route] = [it for it in one(objects, "Service", service)["spec"]["ports"] if it["port"] == port]
    sidecar = container(spec(objects, "wallet"), "otp-sidecar")
    assert route["targetPort"] == 8443
    assert 8443 in [it["containerPort"] for it in sidecar["ports"]]
    assert "--listen=0.0.0.0:8443" in sidecar["args"]


def test_other_ports_and_other_workloads_stay():
    objects = flat(injected("django-statefulset.yaml"))
    metrics = [it for it in one(objects, "Service")["spec"]["ports"] if it["name"] == "metrics"]
    assert metrics[0]["targetPort"] == "metrics"
    objects = flat(injected("two-wallets.yaml"))
    assert [it["name"] for it in spec(objects, "worker")["containers"]] == ["worker"]


def test_what_is_not_concerned_keeps_its_comments():
    text = injected("express.yaml")
    original = (MANIFESTS / "express.yaml").read_text()
    parts = original.split("---\n")
    assert parts[1] in text and parts[-1] in text
    assert text.startswith(parts[0])


# The audit log, as the chart's values say it and as `inject` does; the manifest has the volume.
NO_AUDIT = ({}, [])
STDOUT = ({"settings": {"audit": "stdout"}}, ["--audit=stdout"])
ON_VOLUME = (
    {
        "settings": {"audit": "/var/log/otp/audit.jsonl"},
        "extraVolumes": [{"name": "tmp", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "tmp", "mountPath": "/var/log/otp"}],
    },
    ["--audit=/var/log/otp/audit.jsonl", "--audit-volume=tmp"],
)


@pytest.mark.parametrize("form, kube, native, audit", [
    ([], NATIVE, "auto", NO_AUDIT), ([ORDINARY], "1.30.0", "never", STDOUT), ([], NATIVE, "auto", ON_VOLUME),
])
def test_the_container_is_the_one_of_the_chart(form, kube, native, audit):
    secret = {"name": "otp-sidecar"}
    values = merged(LEAST, WALLET, audit[0], {
        "image": {"repository": "registry.example.com/otp-sidecar", "tag": "9"},
        "nativeSidecar": native,
        # As long as the wallet of the manifest may take.
        "termination": {"walletSeconds": 20},
        "state": {"kind": "redis", "secret": secret},
        "codeKeys": {"secret": secret}, "mail": {"secret": secret}, "adminToken": {"secret": secret},
        "jwt": {"secret": secret},
    })
    charts = pod(render(values, kube, release="otp-sidecar"))
    ours = spec(flat(injected(
        "express.yaml", *form, *audit[1], "--image=registry.example.com/otp-sidecar:9",
        "--mail-from=otp@example.com", "--templates=otp-sidecar-templates")))
    assert container(ours, "otp-sidecar") == container(charts, "otp-sidecar")
    volumes = {it["name"]: it for it in charts["volumes"] if it["name"].startswith("otp-sidecar")}
    assert {it["name"]: it for it in ours["volumes"] if it["name"].startswith("otp-sidecar")} == volumes
    assert ours["terminationGracePeriodSeconds"] == charts["terminationGracePeriodSeconds"]


def test_a_wallet_on_loopback_is_asked_through_the_sidecar():
    wallet = container(spec(flat(injected("express.yaml", LOOPBACK))), "api")
    assert {it["name"]: it.get("value") for it in wallet["env"]}["HOST"] == "127.0.0.1"
    assert [wallet[it]["httpGet"]["port"] for it in ("readinessProbe", "livenessProbe")] == [7145, 7145]


def test_a_difference_is_shown_and_told_by_the_exit_code():
    code, out, _ = inject("--diff", str(MANIFESTS / "express.yaml"))
    assert code == 1 and "+        - name: otp-sidecar" in out and "-      targetPort: http" in out
    code, out, _ = inject("--diff", stdin=injected("express.yaml"))
    assert (code, out) == (0, "")


@pytest.mark.parametrize("arguments, stdin, expected", [
    (["/nowhere/wallet.yaml"], None, "cannot read /nowhere/wallet.yaml"),
    ([], "", "no Deployment, StatefulSet, DaemonSet or Pod is in the input"),
    ([], "kind: Deployment\nspec: [", "cannot be read as YAML"),
    ([str(MANIFESTS / "two-wallets.yaml")], None, "name the wallet's by --workload, one of: Deployment/wallet, Deployment/worker"),
    ([str(MANIFESTS / "django-statefulset.yaml")], None, "name the wallet's by --container, one of: gunicorn, exporter"),
    ([str(MANIFESTS / "daemonset.yaml"), "--state=memory"], None, "locks and limits of its own"),
    (["--backend-env=HOST"], None, "write NAME=VALUE"),
])
def test_what_cannot_be_done_says_why_and_changes_nothing(arguments, stdin, expected):
    code, out, err = inject(*arguments, stdin=stdin)
    assert (code, out) == (2, "")
    assert expected in err


def test_notes_say_what_is_left_to_do():
    _, _, err = inject("--workload=wallet", str(MANIFESTS / "two-wallets.yaml"))
    assert "NetworkPolicy/wallet opens port 3000" in err and "bind the wallet to loopback" in err
    _, _, err = inject(str(MANIFESTS / "daemonset.yaml"))
    assert "no Service in the input leads to it" in err


def test_every_manifest_is_one_that_kubernetes_takes():
    for name in CASES:
        assert not list(wrong(flat((MANIFESTS / name).read_text()), NATIVE)), name
    assert sorted(CASES) == sorted(it.name for it in MANIFESTS.iterdir())
    assert those(flat((MANIFESTS / "express.yaml").read_text()), "Ingress")
