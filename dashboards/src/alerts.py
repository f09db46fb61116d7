"""What dashboards know of the alerts: where their runbooks are, and how to find those that fire.

The thresholds stand at the panels that draw them, with the alert's name; a test compares them with `alerts/`.
"""

RUNBOOKS = "https://github.com/otp-sidecar/otp-sidecar/blob/main/docs/runbooks"

# Alerts are about an installation: their rules aggregate the replicas away, so there is no instance to match.
_OURS = 'alertname=~"OTP.+|HighOTPFailureRate", namespace=~"$namespace", job=~"$job"'

FIRING = f'ALERTS{{alertstate="firing", {_OURS}}}'
RAISED = f"ALERTS{{{_OURS}}}"


def runbook(alert: str = "") -> str:
    """The page of an alert, or the folder of all pages."""
    return f"{RUNBOOKS}/{alert}.md" if alert else RUNBOOKS
