"""Do the right people get through, and only they?"""

from alerts import limit
from dashboard import Dashboard, Row
from panels import BLUE, GREEN, ORANGE, RED, Query, Stat, Threshold, TimeSeries
from promql import NOW, PURPOSE, average, increase, per_minute, quantile, rate, share, shared, total
from shares import REASON_COLOURS, budget_burn, codes_right

INVALID = 'reason="invalid"'
SUCCESS, COMPARED, FAILURES = "otp_verify_success_total", "otp_verify_total", "otp_verify_failures_total"
LIMIT_HITS, LOCKS, DECISIONS = "otp_rate_limit_hits_total", "otp_account_locked_total", "otp_sidecar_decisions_total"

AT_A_GLANCE = Row(
    "Do the right people get through, and only they? (the last 5 minutes)",
    4,
    (
        Stat(
            title="Codes right",
            description="The share of compared codes that were right. Below 70 % HighOTPFailureRate fires.",
            queries=(Query(codes_right()),),
            unit="percentunit",
            base=RED,
            thresholds=(Threshold(1 - limit("verify_failure_ratio"), ORANGE), Threshold(0.8, GREEN)),
            alerts=("HighOTPFailureRate",),
            empty="no codes",
        ),
        Stat(
            title="Wrong codes",
            description="Codes that were compared and differed. Each counts towards a lock.",
            queries=(Query(total(increase(FAILURES, NOW, PURPOSE, INVALID))),),
            unit="short",
            decimals=0,
            base=BLUE,
        ),
        Stat(
            title="Locks (1 hour)",
            description="Locks that began within the last hour: three wrong codes in a row, as shipped.",
            queries=(Query(total(increase(LOCKS, "1h", PURPOSE))),),
            unit="short",
            decimals=0,
            base=BLUE,
        ),
        Stat(
            title="Locked now",
            description="People who are locked or disabled now. The guide's weekly check warns above 100.",
            queries=(Query(shared("otp_locked_accounts", matchers=(PURPOSE,))),),
            unit="short",
            thresholds=(Threshold(100, ORANGE),),
        ),
        Stat(
            title="Limit hits",
            description="Requests per second that a limit refused. Above 10 OTPRateLimitExceeded fires.",
            queries=(Query(f"{total(increase(LIMIT_HITS, NOW))} / 300"),),
            unit="reqps",
            decimals=1,
            thresholds=(
                Threshold(1, ORANGE),
                Threshold(limit("rate_limit_hits_per_second"), RED, "OTPRateLimitExceeded"),
            ),
        ),
        Stat(
            title="Bad tokens",
            description="Requests on protected routes without a valid token.",
            queries=(Query(total(increase(DECISIONS, NOW, 'reason="unauthorized"'))),),
            unit="short",
            decimals=0,
            base=BLUE,
        ),
        Stat(
            title="Disguised paths",
            description="Requests that spelled a protected path so that one router might take it and another not. No honest "
            "client does that.",
            queries=(Query(total(increase(DECISIONS, NOW, 'reason="ambiguous_path"'))),),
            unit="short",
            decimals=0,
            thresholds=(Threshold(1, ORANGE),),
        ),
        Stat(
            title="Foreign address",
            description="Codes that were asked for to another address than the token's. A stolen token looks like this.",
            queries=(Query(total(increase(DECISIONS, NOW, 'reason="recipient_mismatch"'))),),
            unit="short",
            decimals=0,
            base=BLUE,
        ),
    ),
)

THE_RIGHT = Row(
    "Do the right people get through?",
    8,
    (
        TimeSeries(
            title="Right and wrong codes",
            description="The shares of compared codes. The line is where HighOTPFailureRate fires on the wrong ones. A rise "
            "after a change of the template or the relay is usability; one with many locks or subjects is guessing. "
            "Guide: otp_verification_success_rate, otp_verification_failure_rate.",
            queries=(
                Query(share(total(rate(SUCCESS, PURPOSE)), total(rate(COMPARED, PURPOSE))), "right"),
                Query(f"1 - {share(total(rate(SUCCESS, PURPOSE)), total(rate(COMPARED, PURPOSE)))}", "wrong"),
            ),
            unit="percentunit",
            minimum=0,
            maximum=1,
            thresholds=(Threshold(limit("verify_failure_ratio"), RED, "HighOTPFailureRate"),),
            colours={"right": GREEN, "wrong": ORANGE},
        ),
        TimeSeries(
            title="Verifications by outcome",
            description="Per minute. `not_found` and `superseded` are people with an old mail or programs that probe; "
            "`expired` grows when mail is slow.",
            queries=(
                Query(per_minute(total(rate(SUCCESS, PURPOSE))), "accepted"),
                Query(f"{per_minute(total(rate(FAILURES, PURPOSE), 'reason'))} > 0", "{{reason}}"),
            ),
            unit="short",
            stacked=True,
            bars=True,
            colours=REASON_COLOURS,
        ),
        TimeSeries(
            title="From the code's issue to its acceptance",
            description="How long people take, the way of the mail included. It must stay well below the life of a code "
            "(5 minutes as shipped). Guide: average_verification_time.",
            queries=(
                Query(average("otp_verification_delay_seconds", matchers=(PURPOSE,)), "mean"),
                Query(quantile(0.5, "otp_verification_delay_seconds", matchers=(PURPOSE,)), "p50"),
                Query(quantile(0.95, "otp_verification_delay_seconds", matchers=(PURPOSE,)), "p95"),
            ),
            unit="s",
        ),
        budget_burn(
            "Budget burn of verifications over an hour",
            "verification_availability",
            "1h",
            RED,
            ("OTPVerificationBudgetBurnFast", "OTPVerificationBudgetBurnSlow"),
        ),
    ),
)

AND_ONLY_THEY = Row(
    "And only they?",
    8,
    (
        TimeSeries(
            title="Wrong codes in 15 minutes",
            description="Above the line OTPBruteForce looks closer: it fires when most of them hit different accounts, so that "
            "hardly a lock begins. `while locked` are tries of people, or programs, that are locked already.",
            queries=(
                Query(total(increase(FAILURES, "15m", PURPOSE, INVALID)), "wrong codes"),
                Query(total(increase(FAILURES, "15m", PURPOSE, 'reason=~"locked|disabled"')), "while locked"),
            ),
            unit="short",
            width=8,
            thresholds=(Threshold(limit("wrong_codes"), RED, "OTPBruteForce"),),
            colours={"wrong codes": RED, "while locked": "purple"},
        ),
        TimeSeries(
            title="Locks in 15 minutes",
            description="Above the line OTPLockSpike looks closer: it fires when that is several times the usual.",
            queries=(Query(total(increase(LOCKS, "15m", PURPOSE)), "locks"),),
            unit="short",
            width=8,
            thresholds=(Threshold(limit("locks"), ORANGE, "OTPLockSpike"),),
        ),
        TimeSeries(
            title="Locks per hour",
            description="Locks that began within the hour before, by purpose. Guide: account_lockout_frequency.",
            queries=(Query(total(increase(LOCKS, "1h", PURPOSE), "purpose"), "{{purpose}}"),),
            unit="short",
            width=8,
            stacked=True,
        ),
        TimeSeries(
            title="Rate limit hits",
            description="Requests per second that a limit refused, by its name in the policy. The line is where "
            "OTPRateLimitExceeded fires on their sum. `unauthorized` is a flood of bad tokens. Guide: rate_limit_hits.",
            queries=(Query(total(rate(LIMIT_HITS), "limit"), "{{limit}}"),),
            unit="reqps",
            stacked=True,
            thresholds=(Threshold(limit("rate_limit_hits_per_second"), RED, "OTPRateLimitExceeded"),),
        ),
        TimeSeries(
            title="Refused before any code was looked at",
            description="Per minute: bad tokens, disguised paths, foreign addresses, malformed bodies, wrong methods.",
            queries=(
                Query(
                    per_minute(
                        total(
                            rate(
                                DECISIONS,
                                'outcome="refused"',
                                'reason=~"unauthorized|ambiguous_path|recipient_mismatch|invalid_request|'
                                'unsupported_media_type|body_too_large|method_not_allowed"',
                            ),
                            "reason",
                        )
                    )
                    + " > 0",
                    "{{reason}}",
                ),
            ),
            unit="short",
            stacked=True,
            bars=True,
            colours=REASON_COLOURS,
        ),
    ),
)

VERIFICATION = Dashboard(
    "otp-sidecar-verification", "verification-and-abuse.json", (AT_A_GLANCE, THE_RIGHT, AND_ONLY_THEY)
)
