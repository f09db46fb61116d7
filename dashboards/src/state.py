"""Are the sidecar and what it depends on well?"""

from dashboard import Dashboard, Row
from inside import POLICIES, PROCESS
from panels import GREEN, ORANGE, RED, Query, Stat, Threshold, TimeSeries
from promql import NOW, PURPOSE, highest, increase, quantile, rate, select, share, shared, total
from shares import answered, state_answers, wallet_answers

REQUESTS, ANSWER = "otp_sidecar_http_requests_total", "otp_sidecar_http_request_duration_seconds"
UPSTREAM, STORE = "otp_sidecar_upstream_duration_seconds", "otp_sidecar_store_duration_seconds"
PASSED = 'route="passed"'

HASHES = total(select("otp_sidecar_policy_info"), "namespace", "job", "hash")


def guide_latency(title: str, route: str, bound: float, alert: str = "") -> TimeSeries:
    """How long a route takes, with the guide's expectation as a line."""
    quantiles = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return TimeSeries(
        title=title,
        description=f"Time to answer on the route `{route}`. The line is what the operations guide expects.",
        queries=tuple(
            Query(quantile(which, ANSWER, matchers=(f'route="{route}"',)), name) for name, which in quantiles.items()
        ),
        unit="s",
        width=8,
        thresholds=(Threshold(bound, RED, alert),),
    )


AT_A_GLANCE = Row(
    "Are the sidecar and what it depends on well? (the last 5 minutes)",
    4,
    (
        Stat(
            title="Replicas up",
            description="The share of replicas that Prometheus reaches.",
            queries=(Query(f"avg({select('up')})"),),
            unit="percentunit",
            base=RED,
            thresholds=(Threshold(0.5, ORANGE), Threshold(1, GREEN)),
            empty="none",
        ),
        Stat(
            title="Answered",
            description="The share of requests on protected routes that were not answered with 500 to 504.",
            queries=(Query(answered()),),
            unit="percentunit",
            decimals=1,
            base=RED,
            thresholds=(Threshold(0.99, ORANGE), Threshold(0.999, GREEN)),
        ),
        Stat(
            title="Wallet answers",
            description="The share of forwarded requests that the wallet backend answered, of all routes.",
            queries=(Query(wallet_answers()),),
            unit="percentunit",
            decimals=1,
            base=RED,
            thresholds=(Threshold(0.99, ORANGE), Threshold(0.999, GREEN)),
        ),
        Stat(
            title="State answers",
            description="The share of calls to the state that had an outcome.",
            queries=(Query(state_answers()),),
            unit="percentunit",
            decimals=1,
            base=RED,
            thresholds=(Threshold(0.95, ORANGE), Threshold(0.999, GREEN)),
        ),
        Stat(
            title="State takes (p99)",
            description="99 of 100 calls to the state ended within this time. At 250 ms (`--store-deadline`) they are given up.",
            queries=(Query(quantile(0.99, STORE, window=NOW)),),
            unit="s",
            thresholds=(Threshold(0.025, ORANGE), Threshold(0.1, RED)),
        ),
        Stat(
            title="Policies",
            description="How many different policies the replicas of one installation run. More than one for longer than a "
            "roll-out takes: replicas see different files.",
            queries=(Query(f"max(count by (namespace, job) ({HASHES}))"),),
            unit="short",
            thresholds=(Threshold(2, ORANGE),),
            empty="none",
        ),
        Stat(
            title="Rejected (1 hour)",
            description="Policies that were wrong and changed nothing. The log and `/health` say what is wrong, and where.",
            queries=(Query(total(increase("otp_sidecar_policy_reloads_total", "1h", 'result="rejected"'))),),
            unit="short",
            decimals=0,
            thresholds=(Threshold(1, ORANGE),),
        ),
        Stat(
            title="Youngest start",
            description="How long the youngest replica has run. Short without a roll-out: something restarts it.",
            queries=(Query(f"time() - {highest(select('process_start_time_seconds'))}"),),
            unit="s",
            base=ORANGE,
            thresholds=(Threshold(600, GREEN),),
        ),
    ),
)

TRAFFIC = Row(
    "Traffic",
    8,
    (
        TimeSeries(
            title="Requests by route",
            description="Answered requests, by the policy's name for the route; `passed` is what no route names.",
            queries=(Query(total(rate(REQUESTS), "route"), "{{route}}"),),
            unit="reqps",
            stacked=True,
        ),
        TimeSeries(
            title="Answers by status",
            description="All routes.",
            queries=(Query(f"{total(rate(REQUESTS), 'code')} > 0", "{{code}}"),),
            unit="reqps",
            stacked=True,
            bars=True,
        ),
        guide_latency("Send takes", "send", 0.5),
        guide_latency("Verify takes", "verify", 0.2),
        guide_latency("Status takes", "status", 0.1),
    ),
)

WALLET = Row(
    "The wallet backend",
    8,
    (
        TimeSeries(
            title="Until the wallet answers (p95)",
            description="By route. 19 of 20 answers began within this time.",
            queries=(Query(quantile(0.95, UPSTREAM, "route"), "{{route}}"),),
            unit="s",
            width=8,
        ),
        TimeSeries(
            title="Requests without an answer",
            description="By reason. `unavailable`: nothing was sent, the person may try again. `timeout` and `unclear`: a code "
            "stays reserved, since the wallet may have acted. `client`: the client's own body broke off.",
            queries=(
                Query(
                    total(rate("otp_sidecar_upstream_errors_total"), "reason"),
                    "{{reason}}",
                ),
            ),
            unit="reqps",
            width=8,
            stacked=True,
            bars=True,
        ),
        TimeSeries(
            title="Added by the sidecar (mean)",
            description="The mean time of a passed request minus the mean time until the wallet's answer began: what it costs "
            "to go through here.",
            queries=(
                Query(
                    share(
                        f"({total(rate(f'{ANSWER}_sum', PASSED))} - {total(rate(f'{UPSTREAM}_sum', PASSED))})",
                        total(rate(f"{UPSTREAM}_count", PASSED)),
                    ),
                    "added",
                ),
            ),
            unit="s",
            width=8,
        ),
    ),
)

STATE_ROW = Row(
    "The state",
    8,
    (
        TimeSeries(
            title="Calls to the state",
            description="By operation. `admit`, `issue`, `verify` and `settle` belong to requests; `census` and `health` to "
            "scrapes and probes.",
            queries=(Query(total(rate(f"{STORE}_count"), "op"), "{{op}}"),),
            unit="ops",
            width=8,
            stacked=True,
        ),
        TimeSeries(
            title="A call takes (p99)",
            description="By operation. At 250 ms (`--store-deadline`) a call is given up and its request answered with 503.",
            queries=(Query(quantile(0.99, STORE, "op"), "{{op}}"),),
            unit="s",
            width=8,
        ),
        TimeSeries(
            title="Calls without an outcome",
            description="By reason. `deadline`: too slow. `unreachable`: no connection. `overloaded`: too many calls at once.",
            queries=(
                Query(
                    total(rate("otp_sidecar_store_errors_total"), "reason"),
                    "{{reason}}",
                ),
            ),
            unit="ops",
            width=8,
            stacked=True,
            bars=True,
        ),
        TimeSeries(
            title="What the state holds",
            description="Codes that are out and people who are locked, by purpose. The same on every replica.",
            queries=(
                Query(shared("otp_pending_codes", "purpose", matchers=(PURPOSE,)), "codes: {{purpose}}"),
                Query(shared("otp_locked_accounts", "purpose", matchers=(PURPOSE,)), "locked: {{purpose}}"),
            ),
            unit="short",
        ),
        TimeSeries(
            title="Refused for want of the state",
            description="Requests that were answered with 503 because the state did not answer or too much was under way.",
            queries=(
                Query(
                    total(rate("otp_sidecar_decisions_total", 'reason=~"state_unavailable|overloaded"'), "reason"),
                    "{{reason}}",
                ),
            ),
            unit="reqps",
            stacked=True,
            bars=True,
        ),
    ),
)

STATE = Dashboard(
    "otp-sidecar-state", "sidecar-and-state.json", (AT_A_GLANCE, TRAFFIC, WALLET, STATE_ROW, POLICIES, PROCESS)
)
