"""The chart carries the very files of the repository, and what it says of itself is true."""

import pathlib
import re
import subprocess

import pytest
import yaml
from chart import CHART, ROOT, SHARED, merged, render, sidecar, those, tool
from variants import ALONE

ALL = merged(SHARED, {"rules": {"enabled": True}, "dashboards": {"enabled": True}})


def parsed(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_chart_carries_the_files_of_the_repository():
    done = subprocess.run([ROOT / "scripts/chart-files.sh", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_those_of_the_repository():
    made = {it["metadata"]["name"]: it["spec"] for it in those(render(ALL), "PrometheusRule")}
    files = sorted((ROOT / "alerts").glob("*.rules.yaml"))
    assert len(files) > 5
    assert made == {f"shop-otp-sidecar-{file.name.removesuffix('.rules.yaml')}": parsed(file) for file in files}


def test_prometheus_takes_the_rules_as_the_operator_would_write_them(tmp_path):
    for made in those(render(ALL), "PrometheusRule"):
        (tmp_path / f"{made['metadata']['name']}.yaml").write_text(yaml.safe_dump(made["spec"]), encoding="utf-8")
    files = [str(file) for file in sorted(tmp_path.iterdir())]
    done = subprocess.run([tool("promtool"), "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr


def test_the_dashboards_are_those_of_the_repository():
    made = [it for it in those(render(ALL), "ConfigMap") if "-dashboard-" in it["metadata"]["name"]]
    for found in made:
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert found["metadata"]["annotations"]["grafana_folder"] == "OTP"
    data = {name: text for found in made for name, text in found["data"].items()}
    files = list((ROOT / "dashboards").glob("*.json"))
    assert len(files) == 4
    # A final line break is no part of a dashboard.
    assert data == {file.name: file.read_text(encoding="utf-8").removesuffix("\n") for file in files}


def test_the_shipped_policy_is_that_of_the_repository():
    made = those(render(SHARED), "ConfigMap")
    data = {name: text for found in made for name, text in found["data"].items()}
    folder = ROOT / "policies"
    files = [*folder.glob("*.yaml"), *(folder / "templates").iterdir()]
    assert data == {file.name: file.read_text(encoding="utf-8") for file in files}


def test_the_version_is_that_of_the_program():
    cargo = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', cargo, re.MULTILINE).group(1)
    assert parsed(CHART / "Chart.yaml")["appVersion"] == version
    assert sidecar(render(ALONE))["image"] == f"otp-sidecar:{version}"


def described():
    """Every line of values.yaml that names a value, with whether a comment stands right above it."""
    above = ""
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"( *)([A-Za-z]+):", line):
            yield len(match.group(1)) // 2, match.group(2), above.strip().startswith("#")
        above = line


# Their fields are those of Kubernetes, or are described by the line of their parent.
BY_THE_PARENT = {"requests", "limits", "runAsNonRoot", "runAsUser", "runAsGroup", "allowPrivilegeEscalation",
                 "readOnlyRootFilesystem", "capabilities", "seccompProfile"}


def test_every_value_is_described():
    values = list(described())
    assert len(values) > 100, "the values were not found"
    assert not [name for _, name, has_comment in values if not has_comment and name not in BY_THE_PARENT]


def paths(schema, root, at=()):
    """Every value that a schema knows by name."""
    for part in [*schema.get("allOf", []), schema]:
        while "$ref" in part:
            part = root["definitions"][part["$ref"].rpartition("/")[2]]
        for name, inner in part.get("properties", {}).items():
            yield (*at, name)
            yield from paths(inner, root, (*at, name))


def leaves(values, at=()):
    for name, inner in values.items():
        yield (*at, name)
        if isinstance(inner, dict):
            yield from leaves(inner, (*at, name))


def test_the_schema_knows_the_values_and_no_others():
    values = set(leaves(parsed(CHART / "values.yaml")))
    root = parsed(CHART / "values.schema.json")
    known = set(paths(root, root))
    # What Kubernetes takes there is for Kubernetes to say.
    free = {"securityContext", "requests", "limits", "labels", "adminFrom"}
    missing = {path for path in values - known if not free & set(path)}
    assert not missing, missing
    unused = {path for path in known - values if "probes" not in path and path[-1] not in {"claims", "global", *free}}
    assert not unused, unused


def test_no_template_is_longer_than_a_person_reads():
    for file in [*(CHART / "templates").iterdir(), *pathlib.Path(__file__).parent.glob("*.py")]:
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 300, file


@pytest.mark.parametrize("name", ["otp-sidecar.initContainer", "otp-sidecar.container", "otp-sidecar.volumes",
                                  "otp-sidecar.gracePeriod", "otp-sidecar.walletLifecycle", "otp-sidecar.walletEnv",
                                  "otp-sidecar.walletVolumeMounts"])
def test_what_other_charts_call_is_there_and_documented(name):
    assert any(f'define "{name}"' in file.read_text(encoding="utf-8") for file in (CHART / "templates").iterdir())
    assert name in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
