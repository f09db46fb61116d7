"""Runs the real Helm on the chart, and finds things in what it renders."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/otp-sidecar"
# The oldest Kubernetes without native sidecars that the tests know, and the newest that has schemas.
PLAIN, NATIVE = "1.28.0", "1.37.0"
VERSIONS = (PLAIN, NATIVE)

# What every installation has to say.
LEAST = {
    "mail": {"from": "otp@example.com", "secret": {"name": "otp-mail"}},
    "jwt": {"secret": {"name": "wallet-jwt"}},
}
WALLET = {"wallet": {"image": {"repository": "registry.example.com/wallet", "tag": "2.3.0"}}}
REDIS = {
    "state": {"kind": "redis", "secret": {"name": "otp-redis"}},
    "codeKeys": {"secret": {"name": "otp-code-keys"}},
}
ALONE = {**LEAST, **WALLET}
SHARED = {**LEAST, "selector": {"app": "wallet"}}


def merged(*parts):
    """Nested values, later ones over earlier ones."""
    result = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both else value
    return result


class Strict(yaml.SafeLoader):
    """Refuses a key that is there twice, which Kubernetes would take one of."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} is there twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def tool(name):
    own = pathlib.Path(sys.executable).parent / name
    return str(own) if own.exists() else name


def helm(*arguments, values=None):
    """Exit code, standard output, standard error."""
    command = [tool("helm"), *map(str, arguments)]
    if values is not None:
        command += ["--values", "-"]
    # Whatever this machine knows of clusters and repositories stays out of it.
    env = {**os.environ, "KUBECONFIG": "/dev/null"}
    done = subprocess.run(
        command, input=json.dumps(values or {}), capture_output=True, text=True, env=env, check=False
    )
    return done.returncode, done.stdout, done.stderr


def documents(text):
    return [document for document in yaml.load_all(text, Strict) if document]


@functools.lru_cache(maxsize=None)
def _rendered(chart, values, kube, release):
    arguments = ("template", release, chart, "--namespace", "wallets", "--kube-version", kube)
    return helm(*arguments, values=json.loads(values))


def render(values, kube=NATIVE, chart=CHART, release="shop"):
    """The objects."""
    code, out, err = _rendered(str(chart), json.dumps(values), kube, release)
    assert code == 0, err
    return documents(out)


def attempt(values, kube=NATIVE):
    """Exit code, standard output, standard error."""
    return _rendered(str(CHART), json.dumps(values), kube, "shop")


def refusal(values, kube=NATIVE, chart=CHART):
    """What is said against these values."""
    code, _, err = _rendered(str(chart), json.dumps(values), kube, "shop")
    assert code != 0, f"these values were taken: {values}"
    return err


def those(objects, kind):
    return [found for found in objects if found["kind"] == kind]


def one(objects, kind, name=None):
    found = [it for it in those(objects, kind) if name in (None, it["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
    return found[0]


def workload(objects):
    """The Deployment with the wallet."""
    found = [it for it in those(objects, "Deployment") if not it["metadata"]["name"].endswith("-redis")]
    assert len(found) == 1
    return found[0]


def pod(objects):
    """The specification of the pods."""
    return workload(objects)["spec"]["template"]["spec"]


def container(spec, name):
    both = (spec.get("initContainers") or []) + spec["containers"]
    found = [it for it in both if it["name"] == name]
    assert len(found) == 1, f"{len(found)} containers are called {name}"
    return found[0]


def sidecar(objects):
    return container(pod(objects), "otp-sidecar")


def flags(sidecar_container):
    """The flags of `serve` and what they are set to."""
    command, *rest = sidecar_container["args"]
    assert command == "serve"
    return dict(flag.split("=", 1) for flag in rest)


def environment(a_container):
    """Its environment variables; a reference for what comes from elsewhere."""
    return {it["name"]: it.get("value", it.get("valueFrom")) for it in a_container["env"]}


def strings(value):
    """Every text in an object, keys too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def secrets_of(*names):
    """Helm values that name these secrets."""
    return [{"env": name.upper(), "secret": name, "key": "key"} for name in names]
