"""Are the sidecar and what it depends on well?"""

from alerts import limit
from dashboard import Dashboard, Row
from inside import AUDIT, POLICIES, PROCESS
from panels import GREEN, ORANGE, RED, Query, Stat, Threshold, TimeSeries
from promql import NOW, PURPOSE, increase, of_action, quantile, rate, select, share, shared, shares, total
from shares import ROUTE_COLOURS, state_answers, wallet_answers

REQUESTS, ANSWER = "otp_sidecar_http_requests_total", "otp_sidecar_http_request_duration_seconds"
UPSTREAM, STORE = "otp_sidecar_upstream_duration_seconds", "otp_sidecar_store_duration_seconds"
LOST, NOT_CLIENT = "otp_sidecar_upstream_errors_total", 'reason!="client"'
PASSED = 'route="passed"'

STATUS_COLOURS = {
    "200": GREEN,
    "400": "light-yellow",
    "401": "yellow",
    "403": "dark-yellow",
    "404": "light-orange",
    "423": ORANGE,
    "429": "dark-orange",
    "500": "super-light-red",
    "502": "light-red",
    "503": RED,
    "504": "dark-red",
}

HASHES = total(select("otp_sidecar_policy_info"), "namespace", "job", "hash")


def objective(title: str, action: str, bound: float) -> TimeSeries:
    """How long routes that do this take, with the guide's expectation as a line."""
    grown = of_action(action, total(rate(f"{ANSWER}_bucket"), "namespace", "job", "route", "le"))
    quantiles = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return TimeSeries(
        title=title,
        description=f"Time to answer on routes that {action}. The line is what the operations guide expects, and what the "
        f"objective {action}_latency counts.",
        queries=tuple(
            Query(f"histogram_quantile({which}, {total(grown, 'le')})", name) for name, which in quantiles.items()
        ),
        unit="s",
        width=8,
        thresholds=(Threshold(bound, ORANGE),),
        alerts=("OTPLatencyBudgetBurnFast", "OTPLatencyBudgetBurnSlow"),
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
            alerts=("OTPSidecarDown", "OTPSidecarAbsent"),
        ),
        Stat(
            title="Wallet answers",
            description="The share of forwarded requests that the wallet backend answered, of all routes.",
            queries=(Query(wallet_answers()),),
            unit="percentunit",
            empty="no traffic",
            decimals=1,
            base=RED,
            thresholds=(Threshold(1 - limit("upstream_error_ratio"), ORANGE), Threshold(0.999, GREEN)),
            alerts=("OTPUpstreamErrors",),
        ),
        Stat(
            title="State answers",
            description="The share of calls to the state that had an outcome.",
            queries=(Query(state_answers()),),
            unit="percentunit",
            decimals=1,
            base=RED,
            thresholds=(Threshold(1 - limit("store_error_ratio"), ORANGE), Threshold(0.999, GREEN)),
            alerts=("OTPStoreErrors",),
        ),
        Stat(
            title="State takes (p99)",
            description="99 of 100 calls to the state ended within this time. At 250 ms (`--store-deadline`) they are given up.",
            queries=(Query(quantile(0.99, STORE, window=NOW)),),
            unit="s",
            thresholds=(Threshold(0.025, ORANGE), Threshold(limit("store_p99_seconds"), RED, "OTPStoreSlow")),
        ),
        Stat(
            title="Policies",
            description="How many different policies the replicas of one installation run. More than one for longer than a "
            "roll-out takes: replicas see different files.",
            queries=(Query(f"max(count by (namespace, job) ({HASHES}))"),),
            unit="short",
            thresholds=(Threshold(2, ORANGE, "OTPPolicyDrift"),),
            empty="none",
        ),
        Stat(
            title="Policy rejected",
            description="Replicas whose newest policy is wrong. They go on with the last good one, but could not start again. "
            "The log and `/health` say what is wrong, and where.",
            queries=(Query(f"count({select('otp_sidecar_policy_last_reload_successful')} == 0) or vector(0)"),),
            unit="short",
            thresholds=(Threshold(1, ORANGE, "OTPPolicyReloadFailed"),),
        ),
        Stat(
            title="May forget locks",
            description="Replicas whose Redis may drop keys when its memory is full: `maxmemory-policy` must be `noeviction`.",
            queries=(
                Query(total(select("otp_sidecar_store_may_evict")), quiet="the Redis of the test does not evict"),
            ),
            unit="short",
            thresholds=(Threshold(1, RED, "OTPStoreMayEvict"),),
        ),
        Stat(
            title="Unknown keys",
            description="Codes that were made under a key which the replica that got them does not have. Any number but 0 "
            "means replicas with different `--code-keys`.",
            queries=(
                Query(
                    total(increase("otp_verify_failures_total", "10m", 'reason="unknown_key"')),
                    quiet="all replicas of the test have the same keys",
                ),
            ),
            unit="short",
            decimals=0,
            thresholds=(Threshold(1, ORANGE), Threshold(limit("unknown_key_codes"), RED, "OTPCodesOfUnknownKey")),
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
            colours=ROUTE_COLOURS,
        ),
        TimeSeries(
            title="Answers by status",
            description="All routes, refusals in yellow and orange, failures in red.",
            queries=(Query(f"{total(rate(REQUESTS), 'code')} > 0", "{{code}}"),),
            unit="reqps",
            stacked=True,
            bars=True,
            colours=STATUS_COLOURS,
        ),
        objective("Send takes", "send", 0.5),
        objective("Verify takes", "verify", 0.2),
        objective("Status takes", "status", 0.1),
    ),
)

WALLET = Row(
    "The wallet backend",
    8,
    (
        TimeSeries(
            title="Until the wallet answers (p95)",
            description="By route. 19 of 20 answers began within this time.",
            queries=(Query(f"{quantile(0.95, UPSTREAM, 'route')} >= 0", "{{route}}"),),
            unit="s",
            width=8,
            colours=ROUTE_COLOURS,
        ),
        TimeSeries(
            title="Requests without an answer",
            description="The share of forwarded requests, by reason. `unavailable`: nothing was sent, the person may try again. "
            "`timeout` and `unclear`: a code stays reserved, since the wallet may have acted. Above the line "
            "OTPUpstreamErrors fires.",
            queries=(
                Query(
                    shares(
                        total(rate(LOST, NOT_CLIENT), "reason"),
                        f"{total(rate(LOST, NOT_CLIENT))} + {total(rate(f'{UPSTREAM}_count'))}",
                    ),
                    "{{reason}}",
                ),
            ),
            unit="percentunit",
            width=8,
            stacked=True,
            thresholds=(Threshold(limit("upstream_error_ratio"), RED, "OTPUpstreamErrors"),),
        ),
        TimeSeries(
            title="Added by the sidecar (mean)",
            description="The mean time of a passed request minus the mean time until the wallet's answer began: what it costs "
            "to go through here.",
            queries=(
                Query(
                    share(
                        # What is under way during a scrape is in one of the sums only.
                        f"clamp_min({total(rate(f'{ANSWER}_sum', PASSED))} - {total(rate(f'{UPSTREAM}_sum', PASSED))}, 0)",
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
            thresholds=(Threshold(limit("store_p99_seconds"), ORANGE, "OTPStoreSlow"),),
        ),
        TimeSeries(
            title="Calls without an outcome",
            description="The share of all calls, by reason. `deadline`: too slow. `unreachable`: no connection. `overloaded`: "
            "too many at once. Above the line OTPStoreErrors fires.",
            queries=(
                Query(
                    shares(total(rate("otp_sidecar_store_errors_total"), "reason"), total(rate(f"{STORE}_count"))),
                    "{{reason}}",
                ),
            ),
            unit="percentunit",
            width=8,
            stacked=True,
            thresholds=(Threshold(limit("store_error_ratio"), RED, "OTPStoreErrors"),),
        ),
        TimeSeries(
            title="What the state holds",
            description="Codes that are out and people who are locked, by purpose. The same on every replica. The guide's "
            "weekly check warns above 1,000 codes and 100 locks.",
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
    "otp-sidecar-state", "sidecar-and-state.json", (AT_A_GLANCE, TRAFFIC, WALLET, STATE_ROW, POLICIES, AUDIT, PROCESS)
)
