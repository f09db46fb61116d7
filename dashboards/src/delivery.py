"""Do codes reach people, and in time?"""

from dataclasses import replace

from alerts import limit
from dashboard import Dashboard, Row
from panels import BLUE, GREEN, ORANGE, RED, Query, Stat, Threshold, TimeSeries
from promql import NOW, PURPOSE, highest, increase, per_minute, quantile, rate, select, share, total, within
from shares import NOT_MADE, OF_RELAY, budget_burn, mail_accepted

SENT, ERRORS, LATENCY = "otp_email_sent_total", "otp_email_errors_total", "otp_email_latency_seconds"
WAITING, OLDEST = "otp_outbox_messages", "otp_outbox_oldest_seconds"

AT_A_GLANCE = Row(
    "Do codes reach people, and in time? (the last 5 minutes)",
    4,
    (
        Stat(
            title="Mail accepted",
            description="The share of attempts to hand a mail to the relay that succeeded.",
            queries=(Query(mail_accepted()),),
            unit="percentunit",
            decimals=1,
            base=RED,
            thresholds=(Threshold(1 - limit("email_failure_ratio"), ORANGE), Threshold(0.95, GREEN)),
            alerts=("OTPEmailDeliveryFailing",),
            empty="no mail",
        ),
        Stat(
            title="Failed attempts",
            description="Attempts per second that the relay failed. An address that it does not know is not counted.",
            queries=(Query(f"{total(increase(ERRORS, NOW, OF_RELAY))} / 300"),),
            unit="ops",
            decimals=2,
            thresholds=(
                Threshold(0.02, ORANGE),
                Threshold(limit("email_errors_per_second"), RED, "OTPEmailServiceDown"),
            ),
        ),
        Stat(
            title="Takes (p95)",
            description="19 of 20 mails were accepted by the relay within this time, retries included.",
            queries=(Query(quantile(0.95, LATENCY, window=NOW)),),
            unit="s",
            thresholds=(Threshold(10, ORANGE), Threshold(60, RED)),
            empty="no mail",
        ),
        Stat(
            title="Within 10 s",
            description="The share of accepted mails that the relay had within 10 seconds.",
            queries=(Query(within(LATENCY, "10")),),
            unit="percentunit",
            decimals=1,
            base=RED,
            thresholds=(Threshold(0.95, ORANGE), Threshold(limit("objective", "objective: mail_acceptance"), GREEN)),
            empty="no mail",
        ),
        Stat(
            title="Waiting now",
            description="Mails in the queues of all replicas, retries included.",
            queries=(Query(total(select(WAITING))),),
            unit="short",
            thresholds=(Threshold(100, ORANGE), Threshold(1000, RED)),
        ),
        Stat(
            title="Oldest waits",
            description="How long the oldest of them has waited. A code lives 5 minutes as shipped.",
            queries=(Query(highest(select(OLDEST))),),
            unit="s",
            thresholds=(Threshold(30, ORANGE), Threshold(limit("mail_waiting_seconds"), RED, "OTPMailWaiting")),
        ),
        Stat(
            title="Given up (1 hour)",
            description="Mails that nobody will get: the relay refused them for good, or the code was dead first.",
            queries=(Query(total(increase("otp_email_given_up_total", "1h"))),),
            unit="short",
            decimals=0,
            thresholds=(Threshold(1, ORANGE), Threshold(20, RED)),
        ),
        Stat(
            title="No code (1 hour)",
            description="The wallet agreed, but no code could be made: no reference in its answer, the queue full, a "
            "template that failed. The person sees a warning.",
            queries=(Query(total(increase("otp_sidecar_decisions_total", "1h", NOT_MADE))),),
            unit="short",
            decimals=0,
            thresholds=(Threshold(1, ORANGE), Threshold(20, RED)),
        ),
    ),
)

THE_RELAY = Row(
    "What the relay says",
    8,
    (
        TimeSeries(
            title="Mails per minute",
            description="Asked for, accepted by the relay, and attempts that failed. One mail can fail several times. "
            "Accepted can be above asked for: lock notices are mails without a code.",
            queries=(
                Query(per_minute(total(rate("otp_send_total", PURPOSE))), "codes issued"),
                Query(per_minute(total(rate(SENT))), "mails accepted"),
                Query(per_minute(total(rate(ERRORS))), "attempts failed"),
            ),
            unit="short",
            colours={"codes issued": BLUE, "mails accepted": GREEN, "attempts failed": RED},
        ),
        TimeSeries(
            title="Attempts that succeeded",
            description="The share of attempts that the relay accepted. Below the line OTPEmailDeliveryFailing fires, however "
            "few there are. Guide: email_send_success_rate.",
            queries=(Query(share(total(rate(SENT)), f"({total(rate(SENT))} + {total(rate(ERRORS))})"), "accepted"),),
            unit="percentunit",
            minimum=0,
            maximum=1,
            thresholds=(Threshold(1 - limit("email_failure_ratio"), RED, "OTPEmailDeliveryFailing"),),
            colours={"accepted": GREEN},
        ),
        TimeSeries(
            title="What fails at the relay",
            description="Failed attempts per second. The line is where OTPEmailServiceDown fires on their sum. `connect`, `dns`, "
            "`tls`, `timeout` and `busy`: it is away or full. `auth`: the password. The others: look into the log.",
            queries=(Query(total(rate(ERRORS, OF_RELAY), "reason") + " > 0", "{{reason}}"),),
            unit="ops",
            width=8,
            stacked=True,
            bars=True,
            thresholds=(Threshold(limit("email_errors_per_second"), RED, "OTPEmailServiceDown"),),
        ),
        TimeSeries(
            title="Mails that nobody gets",
            description="Per minute: mails that will not be tried again, because they were refused for good or the code was "
            "dead first, and addresses that the relay does not know.",
            queries=(
                Query(per_minute(total(rate("otp_email_given_up_total"))), "given up"),
                Query(per_minute(total(rate(ERRORS, 'reason="rejected_recipient"'))), "unknown addresses"),
            ),
            unit="short",
            width=8,
            colours={"given up": RED, "unknown addresses": ORANGE},
        ),
        TimeSeries(
            title="Until the relay accepts",
            description="From the request for a mail to the relay's yes, retries included. What the relay and the mailbox do "
            "afterwards no metric can see. Guide: email_delivery_latency.",
            queries=(
                Query(quantile(0.5, LATENCY), "p50"),
                Query(quantile(0.95, LATENCY), "p95"),
                Query(quantile(0.99, LATENCY), "p99"),
            ),
            unit="s",
            width=8,
        ),
    ),
)

THE_QUEUE = Row(
    "What waits here",
    8,
    (
        TimeSeries(
            title="Mails waiting",
            description="By replica, retries included. They are lost when the process crashes; SIGTERM drains them.",
            queries=(Query(total(select(WAITING), "instance"), "{{instance}}"),),
            unit="short",
            width=8,
            stacked=True,
        ),
        TimeSeries(
            title="The oldest waiting mail",
            description="By replica. It grows second by second while nothing gets out. Above the line for five minutes "
            "OTPMailWaiting fires.",
            queries=(Query(highest(select(OLDEST), "instance"), "{{instance}}"),),
            unit="s",
            width=8,
            thresholds=(Threshold(limit("mail_waiting_seconds"), ORANGE, "OTPMailWaiting"),),
        ),
        replace(
            budget_burn(
                "Budget burn of mails over an hour",
                "mail_acceptance",
                "1h",
                RED,
                ("OTPMailBudgetBurnFast", "OTPMailBudgetBurnSlow"),
            ),
            width=8,
        ),
    ),
)

BEFORE_THE_QUEUE = Row(
    "What comes in",
    8,
    (
        TimeSeries(
            title="Codes issued",
            description="Per minute, by purpose and channel.",
            queries=(
                Query(
                    per_minute(total(rate("otp_send_total", PURPOSE), "purpose", "channel")),
                    "{{purpose}} by {{channel}}",
                ),
            ),
            unit="short",
        ),
        TimeSeries(
            title="Codes that could not be made",
            description="Within 10 minutes, by reason. Above the line OTPCodesNotIssued fires. `no_reference`: the wallet's "
            "answer does not have the field that the policy names. `outbox_full`: mails come in faster than the relay takes "
            "them.",
            queries=(Query(total(increase("otp_sidecar_decisions_total", "10m", NOT_MADE), "reason"), "{{reason}}"),),
            unit="short",
            stacked=True,
            thresholds=(Threshold(limit("codes_not_issued"), RED, "OTPCodesNotIssued"),),
        ),
    ),
)

DELIVERY = Dashboard("otp-sidecar-delivery", "delivery.json", (AT_A_GLANCE, THE_RELAY, THE_QUEUE, BEFORE_THE_QUEUE))
