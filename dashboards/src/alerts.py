"""What dashboards know of the alerts: their thresholds, their runbooks, and how to find those that fire."""

import re
from pathlib import Path

RULES = Path(__file__).resolve().parents[2] / "alerts"
RUNBOOKS = "https://github.com/otp-sidecar/otp-sidecar/blob/main/docs/runbooks"

# An alert is about an installation: its rule aggregates the replicas away, so there is no instance to match. That no
# sidecar is known at all is about none.
_OURS = 'component="otp-sidecar"'
_HERE = 'namespace=~"$namespace", job=~"$job"'

FIRING = (
    f'ALERTS{{alertstate="firing", {_OURS}, {_HERE}}} or ALERTS{{alertstate="firing", alertname="OTPSidecarAbsent"}}'
)
RAISED = f'ALERTS{{{_OURS}, {_HERE}}} or ALERTS{{alertname="OTPSidecarAbsent"}}'

_THRESHOLD = re.compile(r"record: otp:threshold:(\w+).*\n(?: +labels: \{ (.+) \}\n)? +expr: vector\((.+)\)")


def runbook(alert: str = "") -> str:
    """The page of an alert, or the folder of all pages."""
    return f"{RUNBOOKS}/{alert}.md" if alert else RUNBOOKS


def limit(name: str, labels: str = "") -> float:
    """The number that alerts compare with, as `alerts/thresholds.rules.yaml` says."""
    found: list[tuple[str, str, str]] = _THRESHOLD.findall((RULES / "thresholds.rules.yaml").read_text("utf-8"))
    numbers = {(record, written): float(number) for record, written, number in found}
    return numbers[name, labels]
