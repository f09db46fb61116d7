"""Questions that more than one dashboard asks, so that they give the same answer."""

from promql import NOW, PURPOSE, increase, share, total

PROTECTED = 'route!="passed"'

# Given up without another attempt, or because the code was dead by then.
GIVEN_UP = 'reason=~"expired|rejected_.+"'
# The wallet agreed, but no code could be made.
NOT_MADE = 'reason=~"no_reference|reference_spent|outbox_full|template_failed"'


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
