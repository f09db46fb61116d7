"""What the replicas run, and what that costs them: the last rows of *sidecar and state*."""

from dashboard import Row
from panels import GREEN, ORANGE, RED, Query, Table, Threshold, TimeSeries
from promql import highest, increase, rate, select, total

POLICY = "otp_sidecar_policy_info"

POLICIES = Row(
    "Policies",
    7,
    (
        Table(
            title="Who runs what",
            description="The version and the hash of the policy of each replica. Different hashes for longer than a roll-out "
            "takes: replicas see different files.",
            queries=(
                Query(
                    highest(select(POLICY), "namespace", "instance", "hash")
                    + " * on (namespace, instance) group_left (version, commit) "
                    + highest(select("otp_sidecar_build_info"), "namespace", "instance", "version", "commit")
                ),
            ),
            unit="short",
            columns={"instance": "Replica", "version": "Version", "commit": "Commit", "hash": "Policy"},
            width=8,
        ),
        TimeSeries(
            title="Policies in force",
            description="How many replicas run which policy. Two lines side by side are a roll-out, or replicas that see "
            "different files.",
            queries=(Query(f"count by (hash) ({select(POLICY)})", "{{hash}}"),),
            unit="short",
            decimals=0,
            width=8,
            stacked=True,
        ),
        TimeSeries(
            title="Reloads",
            description="When policies were loaded or rejected. A rejected one changes nothing; the log says what is wrong, and "
            "where.",
            queries=(
                Query(total(increase("otp_sidecar_policy_reloads_total", "$__rate_interval"), "result"), "{{result}}"),
            ),
            unit="short",
            decimals=0,
            width=8,
            bars=True,
            colours={"ok": GREEN, "rejected": RED},
        ),
    ),
)

AUDIT = Row(
    "The audit log",
    7,
    (
        TimeSeries(
            title="Audit lines",
            description="Lines of the audit log that were written, and those that were lost because the disk was full or slow or "
            "nobody read them. Any that are lost fire OTPAuditLinesLost. Nothing is there without `--audit`.",
            queries=(
                Query(
                    f"{total(rate('otp_sidecar_audit_lines_total'), 'result')} > 0",
                    "{{result}}",
                    quiet="the replicas of the test write no audit log",
                ),
            ),
            unit="short",
            width=24,
            stacked=True,
            bars=True,
            colours={"written": GREEN, "dropped": RED},
            alerts=("OTPAuditLinesLost",),
        ),
    ),
)

PROCESS = Row(
    "The process",
    7,
    (
        TimeSeries(
            title="Processor",
            description="Cores used by each replica. Traffic is one thread: near 1 it is at its end, and more replicas help.",
            queries=(
                Query(
                    total(rate("process_cpu_seconds_total"), "instance"),
                    "{{instance}}",
                    quiet="it counts whole seconds, and a replica of the test does not need one",
                ),
            ),
            unit="short",
            width=8,
        ),
        TimeSeries(
            title="Memory",
            description="Resident memory of each replica.",
            queries=(Query(highest(select("process_resident_memory_bytes"), "instance"), "{{instance}}"),),
            unit="bytes",
            width=8,
        ),
        TimeSeries(
            title="File descriptors in use",
            description="The share of what the system allows. Each connection is one, on both sides.",
            queries=(
                Query(
                    highest(select("process_open_fds"), "instance")
                    + " / "
                    + highest(select("process_max_fds"), "instance"),
                    "{{instance}}",
                ),
            ),
            unit="percentunit",
            width=8,
            thresholds=(Threshold(0.8, ORANGE),),
        ),
    ),
)
