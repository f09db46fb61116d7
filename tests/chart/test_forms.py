"""Helm takes the chart in every variant, and Kubernetes would take what it renders."""

import kubernetes_validate
import pytest
from chart import CHART, NATIVE, PLAIN, VERSIONS, helm, render
from kubernetes_validate.utils import SchemaNotFoundError
from variants import VARIANTS

# Those of the Prometheus operator have no schema here; test_shipped.py and test_parts.py look at them.
OPERATOR = {"PrometheusRule", "PodMonitor", "ServiceMonitor"}


def wrong(objects, kube):
    """What Kubernetes of this version would say."""
    for found in objects:
        try:
            kubernetes_validate.validate(found, kube, strict=True)
            known = True
        except SchemaNotFoundError:
            known = False
        except kubernetes_validate.ValidationError as error:
            yield f"{found['kind']} {found['metadata']['name']}: {error.message}"
            continue
        if known == (found["kind"] in OPERATOR):
            yield f"{found['kind']} was {'' if known else 'not '}known"


@pytest.mark.parametrize("kube", VERSIONS)
@pytest.mark.parametrize("name", VARIANTS)
def test_kubernetes_takes_every_object(name, kube):
    objects = render(VARIANTS[name], kube)
    assert objects
    assert not list(wrong(objects, kube))


def test_the_schemas_find_a_misspelt_field_and_what_a_version_lacks():
    native = render(VARIANTS["alone, for a trial"], NATIVE)
    assert list(wrong(native, "1.27.0")), "1.27 has no native sidecars"
    native[0]["metadata"]["lables"] = {}
    assert list(wrong(native, NATIVE))
    assert list(wrong([{"apiVersion": "example.com/v1", "kind": "Other", "metadata": {"name": "x"}}], NATIVE))


@pytest.mark.parametrize("name", VARIANTS)
def test_helm_has_nothing_to_say_against_it(name):
    for kube in VERSIONS:
        code, out, err = helm("lint", "--strict", "--kube-version", kube, CHART, values=VARIANTS[name])
        assert code == 0, out + err
        assert "[WARNING]" not in out and "[ERROR]" not in out, out


def test_the_chart_can_be_packed_and_used_packed(tmp_path):
    code, out, err = helm("package", CHART, "--destination", tmp_path)
    assert code == 0, out + err
    [packed] = tmp_path.glob("otp-sidecar-*.tgz")
    for name, values in VARIANTS.items():
        assert render(values, chart=packed) == render(values), name


def test_all_objects_of_a_variant_have_names_and_labels_of_their_own():
    for name, values in VARIANTS.items():
        for kube in (PLAIN, NATIVE):
            objects = render(values, kube)
            names = [(it["kind"], it["metadata"]["name"]) for it in objects]
            assert len(set(names)) == len(names), name
            for found in objects:
                labels = found["metadata"]["labels"]
                assert labels["app.kubernetes.io/instance"] == "shop"
                assert labels["helm.sh/chart"].startswith("otp-sidecar-")
                assert "namespace" not in found["metadata"], "the release has one"
                assert len(found["metadata"]["name"]) <= 63
