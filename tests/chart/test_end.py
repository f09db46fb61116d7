"""The end of a pod: the wallet is there as long as the sidecar may ask it, and nobody is killed in the middle."""

import itertools

import pytest
from chart import ALONE, NATIVE, PLAIN, container, flags, merged, pod, render

# After the drain: 5 s for mail, 3 s for traces, 5 s for the audit log.
AFTER_DRAIN = 13
ENDS = [{}, {"drain": "1s"}, {"drain": "1500ms"}, {"drain": "2m"}, {"drain": "1h"}, {"pauseSeconds": 20}, {"walletSeconds": 90}]


def seconds(text):
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def pause(hook, kube):
    """How long a preStop hook takes, in the form that this Kubernetes knows."""
    if kube == NATIVE:
        return hook["sleep"]["seconds"]
    return int(hook["exec"]["command"][-1].removesuffix("s"))


@pytest.mark.parametrize("end, kube", list(itertools.product(ENDS, (NATIVE, PLAIN))))
def test_the_grace_is_longer_than_all_that_has_to_happen_in_it(end, kube):
    spec = pod(render(merged(ALONE, {"termination": end}), kube))
    ours, wallet = container(spec, "otp-sidecar"), container(spec, "wallet")
    drain = seconds(flags(ours)["--drain"])
    wallets = pause(wallet["lifecycle"]["preStop"], kube) + end.get("walletSeconds", 10)
    if kube == NATIVE:
        # The sidecar gets SIGTERM when the wallet has ended.
        needed = wallets + drain + AFTER_DRAIN
    else:
        before = pause(ours["lifecycle"]["preStop"], kube)
        needed = max(wallets, before + drain + AFTER_DRAIN)
        assert before + drain <= pause(wallet["lifecycle"]["preStop"], kube), "the wallet outlives the drain"
    assert needed < spec["terminationGracePeriodSeconds"] <= needed + 3


@pytest.mark.parametrize("kube", (NATIVE, PLAIN))
def test_nobody_stops_before_new_connections_have_stopped(kube):
    spec = pod(render(merged(ALONE, {"termination": {"pauseSeconds": 7}}), kube))
    assert pause(container(spec, "wallet")["lifecycle"]["preStop"], kube) >= 7
    ours = container(spec, "otp-sidecar")
    if kube == PLAIN:
        assert pause(ours["lifecycle"]["preStop"], kube) == 7
    else:
        assert "lifecycle" not in ours, "it waits for the wallet anyway"


def test_the_wallet_pauses_with_what_its_image_has_where_kubernetes_cannot():
    values = merged(ALONE, {"termination": {"pauseCommand": ["/bin/busybox", "sleep"]}})
    hook = container(pod(render(values, PLAIN)), "wallet")["lifecycle"]["preStop"]
    assert hook["exec"]["command"] == ["/bin/busybox", "sleep", "30"]


def test_a_grace_that_is_long_enough_is_taken_as_it_is():
    spec = pod(render(merged(ALONE, {"termination": {"gracePeriodSeconds": 55}})))
    assert spec["terminationGracePeriodSeconds"] == 55
