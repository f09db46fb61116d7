"""Can people fund their wallets? The first page to open, and the way to the others."""

from alerts import FIRING, RAISED, limit, runbook
from dashboard import Dashboard, Row
from panels import BLUE, GREEN, ORANGE, PLAIN, RED, Link, Query, Stat, Table, Threshold, TimeSeries
from promql import NOW, PURPOSE, highest, per_minute, quantile, rate, select, total
from shares import (
    PROTECTED,
    REASON_COLOURS,
    ROUTE_COLOURS,
    answered,
    budget_burn,
    codes_right,
    mail_accepted,
    state_answers,
    wallet_answers,
)

_TO = "?${__url_time_range}&${__all_variables}"
TO_VERIFICATION = Link("Verification and abuse", f"/d/otp-sidecar-verification{_TO}")
TO_DELIVERY = Link("Delivery", f"/d/otp-sidecar-delivery{_TO}")
TO_STATE = Link("Sidecar and state", f"/d/otp-sidecar-state{_TO}")


AT_A_GLANCE = Row(
    "Can people fund their wallets? (the last 5 minutes)",
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
            links=(TO_STATE,),
            alerts=("OTPSidecarDown", "OTPSidecarAbsent"),
        ),
        Stat(
            title="Answered",
            description="The share of requests on protected routes that were not answered with 500 to 504. A refusal is "
            "an answer. Red: people cannot fund or verify; look which of store, wallet and replicas is red too.",
            queries=(Query(answered()),),
            unit="percentunit",
            empty="no traffic",
            decimals=1,
            base=RED,
            thresholds=(Threshold(0.99, ORANGE), Threshold(0.999, GREEN)),
            links=(TO_STATE,),
        ),
        Stat(
            title="Mail accepted",
            description="The share of attempts to hand a mail to the relay that succeeded. A failed attempt is repeated, "
            "so this is lower than the share of mails that arrive.",
            queries=(Query(mail_accepted()),),
            unit="percentunit",
            decimals=1,
            base=RED,
            thresholds=(Threshold(1 - limit("email_failure_ratio"), ORANGE), Threshold(0.95, GREEN)),
            empty="no mail",
            links=(TO_DELIVERY,),
        ),
        Stat(
            title="Mail takes (p95)",
            description="19 of 20 mails were accepted by the relay within this time after the request for a code, "
            "retries included.",
            queries=(Query(quantile(0.95, "otp_email_latency_seconds", window=NOW)),),
            unit="s",
            thresholds=(Threshold(10, ORANGE), Threshold(60, RED)),
            empty="no mail",
            links=(TO_DELIVERY,),
        ),
        Stat(
            title="Codes right",
            description="The share of compared codes that were right. Below 70 % HighOTPFailureRate fires: people mistype, "
            "mails come late, or somebody guesses.",
            queries=(Query(codes_right()),),
            unit="percentunit",
            base=RED,
            thresholds=(Threshold(1 - limit("verify_failure_ratio"), ORANGE), Threshold(0.8, GREEN)),
            empty="no codes",
            links=(TO_VERIFICATION,),
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
            links=(TO_STATE,),
            alerts=("OTPUpstreamErrors",),
        ),
        Stat(
            title="State answers",
            description="The share of calls to the state (Redis or memory) that had an outcome. Without it protected "
            "routes answer 503, and everything else passes.",
            queries=(Query(state_answers()),),
            unit="percentunit",
            decimals=1,
            base=RED,
            thresholds=(Threshold(1 - limit("store_error_ratio"), ORANGE), Threshold(0.999, GREEN)),
            links=(TO_STATE,),
        ),
        Stat(
            title="Alerts firing",
            description="How many alerts fire now. The table at the end of this page lists them with their runbooks.",
            queries=(Query(f"count({FIRING}) or vector(0)", quiet="nothing fires"),),
            unit="short",
            thresholds=(Threshold(1, RED),),
            alerts=("OTPRulesIncomplete",),
        ),
    ),
)

THE_WAY = Row(
    "The way of a code",
    8,
    (
        TimeSeries(
            title="Codes per minute",
            description="Codes issued, mails accepted by the relay, codes accepted, and codes that were wrong. Where the "
            "lines part, something is stuck: issued without mailed is the relay, mailed without accepted is the "
            "person or the mailbox. Guide: otp_generation_rate.",
            queries=(
                Query(per_minute(total(rate("otp_send_total", PURPOSE))), "issued"),
                Query(per_minute(total(rate("otp_email_sent_total"))), "mailed"),
                Query(per_minute(total(rate("otp_verify_success_total", PURPOSE))), "accepted"),
                Query(per_minute(total(rate("otp_verify_failures_total", PURPOSE, 'reason="invalid"'))), "wrong"),
            ),
            unit="short",
            colours={"issued": BLUE, "mailed": "purple", "accepted": GREEN, "wrong": RED},
            links=(TO_VERIFICATION, TO_DELIVERY),
        ),
        TimeSeries(
            title="Answers on protected routes",
            description="Requests on the routes of the policy by the class of their answer: done, refused (limits, locks, "
            "wrong codes, tokens), failed.",
            queries=(
                Query(total(rate("otp_sidecar_http_requests_total", PROTECTED, 'code=~"[123].."')), "done"),
                Query(total(rate("otp_sidecar_http_requests_total", PROTECTED, 'code=~"4.."')), "refused (4xx)"),
                Query(
                    total(rate("otp_sidecar_http_requests_total", PROTECTED, 'code=~"5.."')) + " or vector(0)",
                    "failed (5xx)",
                ),
            ),
            unit="reqps",
            stacked=True,
            colours={"done": GREEN, "refused (4xx)": ORANGE, "failed (5xx)": RED},
            links=(TO_STATE,),
        ),
    ),
)

BY_ROUTE = Row(
    "Each step",
    8,
    (
        TimeSeries(
            title="Time to answer (p95)",
            description="19 of 20 requests were answered within this time, by route, the wallet's part included. The "
            "guide wants 500 ms for send, 200 ms for verify and 100 ms for status.",
            queries=(
                Query(
                    quantile(0.95, "otp_sidecar_http_request_duration_seconds", "route", matchers=(PROTECTED,)),
                    "{{route}}",
                ),
            ),
            unit="s",
            thresholds=(Threshold(0.1, PLAIN), Threshold(0.2, ORANGE), Threshold(0.5, RED)),
            colours=ROUTE_COLOURS,
            links=(TO_STATE,),
        ),
        TimeSeries(
            title="Refused and failed, by reason",
            description="Decisions that did not let a request through, per minute. docs/errors.md says what each means.",
            queries=(
                Query(
                    "topk(10, "
                    + per_minute(total(rate("otp_sidecar_decisions_total", 'outcome!="allowed"'), "reason"))
                    + " > 0)",
                    "{{reason}}",
                ),
            ),
            unit="short",
            stacked=True,
            bars=True,
            colours=REASON_COLOURS,
            links=(TO_VERIFICATION,),
        ),
    ),
)

OBJECTIVES = Row(
    "Objectives",
    8,
    (
        budget_burn(
            "Budget burn over an hour",
            ".+",
            "1h",
            RED,
            ("OTPVerificationBudgetBurnFast", "OTPMailBudgetBurnFast", "OTPLatencyBudgetBurnFast"),
        ),
        budget_burn(
            "Budget burn over a day",
            ".+",
            "1d",
            ORANGE,
            ("OTPVerificationBudgetBurnSlow", "OTPMailBudgetBurnSlow", "OTPLatencyBudgetBurnSlow"),
        ),
    ),
)

WHAT_RUNS = Row(
    "What fires and what runs",
    7,
    (
        Table(
            title="Alerts",
            description="Alerts that fire or are about to (pending). A click on the name opens the runbook.",
            queries=(Query(RAISED, quiet="nothing is wrong"),),
            unit="short",
            columns={"alertname": "Alert", "alertstate": "State", "severity": "Severity", "job": "Job"},
            column_links={"alertname": Link("Runbook", runbook("${__value.text}"))},
        ),
        Table(
            title="Replicas",
            description="Which version and which policy each replica runs. More than one policy for longer than a roll-out "
            "takes: replicas see different files.",
            queries=(
                Query(
                    highest(select("otp_sidecar_policy_info"), "namespace", "instance", "hash")
                    + " * on (namespace, instance) group_left (version) "
                    + highest(select("otp_sidecar_build_info"), "namespace", "instance", "version")
                ),
            ),
            unit="short",
            columns={"namespace": "Namespace", "instance": "Replica", "version": "Version", "hash": "Policy"},
        ),
    ),
)

OVERVIEW = Dashboard("otp-sidecar-overview", "overview.json", (AT_A_GLANCE, THE_WAY, BY_ROUTE, OBJECTIVES, WHAT_RUNS))
