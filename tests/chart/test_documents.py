"""The examples of docs/deploy.md and of the other pages are real: they render, and Kubernetes would take them."""

import json
import re

import pytest
import yaml
from chart import CHART, NATIVE, PLAIN, ROOT, VERSIONS, container, documents, helm, one, pod, render, those, workload
from test_forms import wrong

PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
WAYS = {
    "own": "In the wallet's own chart",
    "alone": "With the wallet's image, without a chart",
    "shared": "Only the shared parts, for those who inject",
}


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(title):
    """The YAML files of a section, by the name in their first line."""
    found = re.findall(r"```yaml\n# (\S+)\n(.*?)```", section(title), re.DOTALL)
    assert found, title
    return dict(found)


@pytest.fixture(scope="module")
def own_chart(tmp_path_factory):
    """The wallet's chart of the page, with its dependency packed into it."""
    folder = tmp_path_factory.mktemp("wallet")
    (folder / "templates").mkdir()
    for name, text in blocks(WAYS["own"]).items():
        (folder / name).write_text(text.replace("file://../otp-sidecar", f"file://{CHART}"), encoding="utf-8")
    code, out, err = helm("dependency", "build", folder)
    assert code == 0, out + err
    return folder


@pytest.mark.parametrize("kube", VERSIONS)
def test_three_lines_put_the_sidecar_into_the_pod_of_another_chart(own_chart, kube):
    objects = render({}, kube, own_chart)
    assert not list(wrong(objects, kube))
    spec = pod(objects)
    names = [[it["name"] for it in spec.get(part) or []] for part in ("initContainers", "containers")]
    assert names == ([["otp-sidecar"], ["wallet"]] if kube == NATIVE else [[], ["otp-sidecar", "wallet"]])
    # The same as where the chart makes the pods itself.
    values = yaml.safe_load(blocks(WAYS["own"])["values.yaml"])["otp-sidecar"]
    alone = {**values, "wallet": {"image": {"repository": "wallet", "tag": "1"}}, "selector": {}}
    expected = pod(render(alone, kube))
    assert container(spec, "otp-sidecar") == container(expected, "otp-sidecar")
    assert spec["terminationGracePeriodSeconds"] == expected["terminationGracePeriodSeconds"]
    assert container(spec, "wallet")["lifecycle"] == container(expected, "wallet")["lifecycle"]
    assert container(spec, "wallet")["env"] == container(expected, "wallet")["env"]
    assert spec["volumes"] == expected["volumes"]


def test_the_service_of_the_other_chart_sends_to_the_sidecar_and_its_policy_closes_the_rest(own_chart):
    objects = render({}, NATIVE, own_chart)
    [service] = those(objects, "Service")
    ours = container(pod(objects), "otp-sidecar")
    assert service["spec"]["ports"][0]["targetPort"] == ours["ports"][0]["containerPort"]
    labels = workload(objects)["spec"]["template"]["metadata"]["labels"]
    for kind, selector in (("NetworkPolicy", "podSelector"), ("PodDisruptionBudget", "selector")):
        assert one(objects, kind)["spec"][selector]["matchLabels"].items() <= labels.items()


def test_the_templates_work_under_an_alias_and_ask_which_one_when_there_are_two(own_chart, tmp_path):
    chart = yaml.safe_load((own_chart / "Chart.yaml").read_text(encoding="utf-8"))
    values = yaml.safe_load((own_chart / "values.yaml").read_text(encoding="utf-8"))
    [dependency] = chart["dependencies"]

    def with_aliases(*aliases):
        folder = tmp_path / "-".join(aliases)
        (folder / "templates").mkdir(parents=True)
        text = (own_chart / "templates/deployment.yaml").read_text(encoding="utf-8")
        (folder / "templates/deployment.yaml").write_text(text, encoding="utf-8")
        more = {**chart, "dependencies": [{**dependency, "alias": alias} for alias in aliases]}
        (folder / "Chart.yaml").write_text(json.dumps(more), encoding="utf-8")
        said = {alias: {**values["otp-sidecar"], "nameOverride": alias} for alias in aliases}
        (folder / "values.yaml").write_text(json.dumps(said), encoding="utf-8")
        assert helm("dependency", "build", folder)[0] == 0
        return helm("template", "shop", folder, "--kube-version", NATIVE)

    code, out, err = with_aliases("otp")
    assert code == 0 and container(pod(documents(out)), "otp-sidecar"), err
    code, _, err = with_aliases("otp", "codes")
    assert code != 0 and "say which one, with its alias" in err


@pytest.mark.parametrize("way", ["alone", "shared"])
@pytest.mark.parametrize("kube", VERSIONS)
def test_the_values_of_the_page_render(way, kube):
    values = yaml.safe_load(blocks(WAYS[way])["values.yaml"])
    objects = render(values, kube)
    assert not list(wrong(objects, kube))
    assert bool(those(objects, "Deployment")) == (way == "alone")
    assert those(objects, "PodMonitor") and those(objects, "PrometheusRule")


def test_what_is_injected_finds_what_the_shared_parts_make():
    objects = render(yaml.safe_load(blocks(WAYS["shared"])["values.yaml"]))
    settings = (ROOT / "src/cli/inject/settings.rs").read_text(encoding="utf-8")
    for expected in ("otp-sidecar-policies",):
        assert f'"{expected}"' in settings
        assert one(objects, "ConfigMap", expected)["data"]
    keys = set(re.findall(r"--from-literal=([a-z-]+)=", section("What has to be there")))
    assert keys == {"jwt-secret", "state", "code-keys", "smtp", "admin-token"}
    injected = (ROOT / "src/cli/inject/sidecar.rs").read_text(encoding="utf-8")
    assert all(f'"{key}"' in injected for key in keys)


def test_the_end_of_a_pod_is_drawn_as_it_is():
    values = yaml.safe_load(blocks(WAYS["alone"])["values.yaml"])
    drawn = re.findall(r"grace: (\d+) s", PAGE)
    rendered = [pod(render(values, kube))["terminationGracePeriodSeconds"] for kube in (NATIVE, PLAIN)]
    assert [int(grace) for grace in drawn] == rendered


def test_the_command_of_the_readme_renders():
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Kubernetes\n")[1].split("\n## ")[0]
    settings = re.findall(r"--set (\S+)", text)
    assert len(settings) > 5
    code, out, err = helm("template", "wallet", CHART, "--kube-version", NATIVE, *[f"--set={it}" for it in settings])
    assert code == 0 and workload(documents(out)), err
