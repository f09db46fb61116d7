"""Questions that more than one dashboard asks, so that they give the same answer."""

from alerts import limit
from panels import Query, Threshold, TimeSeries
from promql import NOW, PURPOSE, increase, share, total

PROTECTED = 'route!="passed"'

# Failures that say something about the relay, as the alerts count them.
OF_RELAY = 'reason!~"rejected_recipient|expired"'
# The wallet agreed, but no code could be made.
NOT_MADE = 'reason=~"no_reference|reference_spent|outbox_full|template_failed"'

# The same thing has the same colour everywhere, and red is a failure. Other names get what is left.
ROUTE_COLOURS = {"fund": "blue", "verify": "green", "send": "purple", "status": "yellow", "passed": "gray"}
REASON_COLOURS = {
    "accepted": "green",
    "invalid": "red",
    "locked": "purple",
    "not_found": "orange",
    "rate_limited": "yellow",
    "unauthorized": "blue",
    "ambiguous_path": "light-blue",
    "recipient_mismatch": "light-purple",
    "no_reference": "light-orange",
    "state_unavailable": "dark-red",
    "upstream_unavailable": "light-red",
}


def answered() -> str:
    """The share of requests on protected routes that did not fail."""
    requests = "otp_sidecar_http_requests_total"
    good = total(increase(requests, NOW, PROTECTED, 'code!~"5.."'))
    return share(good, total(increase(requests, NOW, PROTECTED)))


def mail_accepted() -> str:
    """The share of attempts to hand over a mail that succeeded."""
    sent = total(increase("otp_email_sent_total", NOW))
    failed = total(increase("otp_email_errors_total", NOW))
    return share(sent, f"({sent} + {failed})")


def codes_right() -> str:
    """The share of compared codes that were right."""
    right = total(increase("otp_verify_success_total", NOW, PURPOSE))
    return share(right, total(increase("otp_verify_total", NOW, PURPOSE)))


def wallet_answers() -> str:
    """The share of forwarded requests that the wallet answered. A client that goes away is not its fault."""
    good = total(increase("otp_sidecar_upstream_duration_seconds_count", NOW))
    bad = total(increase("otp_sidecar_upstream_errors_total", NOW, 'reason!="client"'))
    return share(good, f"({good} + {bad})")


def state_answers() -> str:
    """The share of calls to the state that had an outcome."""
    calls = total(increase("otp_sidecar_store_duration_seconds_count", NOW))
    failed = total(increase("otp_sidecar_store_errors_total", NOW))
    return share(f"({calls} - {failed})", calls)


def budget_burn(title: str, objective: str, window: str, colour: str, alerts: tuple[str, ...]) -> TimeSeries:
    """How many times faster than allowed error budgets burn, and where that becomes an alert."""
    burn = f'otp:objective_burn:rate{window}{{namespace=~"$namespace", job=~"$job", objective=~"{objective}"}}'
    fires_at = limit("burn_rate", f"window: {window}")
    return TimeSeries(
        title=title,
        description=f"How many times faster than allowed the error budget of 30 days burns, over {window}. At 1 it lasts "
        f"exactly 30 days; above the line, at {fires_at:g}, an alert fires. No line: nobody asked for anything.",
        queries=(Query(f"max by (objective) ({burn})", "{{objective}}"),),
        unit="short",
        thresholds=(Threshold(fires_at, colour),),
        alerts=alerts,
    )
