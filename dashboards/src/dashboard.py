"""A dashboard as rows of panels: its place on the grid, its variables, annotations and links."""

from __future__ import annotations

from dataclasses import dataclass

from alerts import FIRING, runbook
from panels import DATASOURCE, Json, Link, Panel
from promql import increase, select

# The schema of Grafana 13. Older releases from 10 on read it too.
SCHEMA_VERSION = 42
GRID = 24
TAG = "otp-sidecar"

# What each dashboard answers, in the order of the links between them.
DASHBOARDS = {
    "otp-sidecar-overview": ("OTP: overview", "Can people fund their wallets?"),
    "otp-sidecar-verification": ("OTP: verification and abuse", "Do the right people get through, and only they?"),
    "otp-sidecar-delivery": ("OTP: delivery", "Do codes reach people, and in time?"),
    "otp-sidecar-state": ("OTP: sidecar and state", "Are the sidecar and what it depends on well?"),
}


@dataclass(frozen=True)
class Row:
    """Panels side by side under a heading; they wrap at the end of the grid."""

    title: str
    height: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """One dashboard."""

    uid: str
    file: str
    rows: tuple[Row, ...]

    def panels(self) -> list[Panel]:
        """All panels in their order."""
        return [panel for row in self.rows for panel in row.panels]

    def to_json(self) -> Json:
        """What Grafana imports."""
        title, question = DASHBOARDS[self.uid]
        return {
            "uid": self.uid,
            "title": title,
            "description": question,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "browser",
            "time": {"from": "now-1h", "to": "now"},
            "timepicker": {},
            "refresh": "30s",
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "weekStart": "",
            "links": self._links(),
            "templating": {"list": _variables()},
            "annotations": {"list": _annotations()},
            "panels": self._placed(),
        }

    def _links(self) -> list[Json]:
        others = [Link(title, f"/d/{uid}", tip) for uid, (title, tip) in DASHBOARDS.items() if uid != self.uid]
        links = [*others, Link("Runbooks", runbook(), "What to do about each alert")]
        return [link.to_json(keeps=True) for link in links]

    def _placed(self) -> list[Json]:
        placed: list[Json] = []
        top = 0
        for row in self.rows:
            placed.append(_heading(len(placed) + 1, row.title, top))
            top += 1
            left = 0
            for panel in row.panels:
                if left + panel.width > GRID:
                    left, top = 0, top + row.height
                place = {"x": left, "y": top, "w": panel.width, "h": row.height}
                placed.append(panel.to_json(len(placed) + 1, place, _runbooks_of(panel)))
                left += panel.width
            top += row.height
        return placed


def _runbooks_of(panel: Panel) -> tuple[Link, ...]:
    """The runbooks of the alerts that a panel explains, each once."""
    alerts = dict.fromkeys((*(step.alert for step in panel.thresholds if step.alert), *panel.alerts))
    return tuple(Link(f"Runbook of {alert}", runbook(alert)) for alert in alerts)


def _heading(number: int, title: str, top: int) -> Json:
    place = {"x": 0, "y": top, "w": GRID, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def quiet_annotations() -> dict[str, str]:
    """Why an annotation has nothing to mark, by its name."""
    return {"Alert": "nothing fires"}


def _variables() -> list[Json]:
    datasource: Json = {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "regex": "",
        "hide": 0,
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "skipUrlSync": False,
        "options": [],
    }
    scoped = {
        # A Prometheus outside of Kubernetes has no such label: `.*` matches its absence too.
        "namespace": ("otp_sidecar_build_info", ".*"),
        "job": ('otp_sidecar_build_info{namespace=~"$namespace"}', ".+"),
        "instance": ('otp_sidecar_build_info{namespace=~"$namespace", job=~"$job"}', ".+"),
        "purpose": (select("otp_verify_failures_total"), ".+"),
    }
    return [datasource, *(_variable(name, series, every) for name, (series, every) in scoped.items())]


def _variable(name: str, series: str, every: str) -> Json:
    query = f"label_values({series}, {name})"
    return {
        "type": "query",
        "name": name,
        "label": name.title(),
        "datasource": DATASOURCE,
        "query": query,
        "regex": "",
        "hide": 0,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": every,
        "skipUrlSync": False,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
    }


def _annotations() -> list[Json]:
    loaded = f"1000 * {select('otp_sidecar_policy_last_success_timestamp_seconds')}"
    rejected = increase("otp_sidecar_policy_reloads_total", "2m", 'result="rejected"') + " > 0"
    started = f"1000 * {select('process_start_time_seconds')}"
    return [
        {
            "builtIn": 1,
            "type": "dashboard",
            "name": "Annotations & Alerts",
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
            "enable": True,
            "hide": True,
            "iconColor": "rgba(0, 211, 255, 1)",
        },
        _annotation("Policy loaded", "blue", loaded, "{{instance}} loaded a policy", at_value=True),
        _annotation("Policy rejected", "red", rejected, "{{instance}} kept its policy: the new one is wrong"),
        _annotation("Start", "purple", started, "{{instance}} started", at_value=True),
        _annotation("Alert", "orange", FIRING, "{{alertname}}"),
    ]


def _annotation(name: str, colour: str, expr: str, text: str, at_value: bool = False) -> Json:
    """Marks of a query, at the time of each point or at the time that its value tells in milliseconds."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        # Grafana before 12 reads the query here, later releases in the target.
        "expr": expr,
        "step": "30s",
        "target": {"refId": "Anno", "expr": expr, "interval": "30s"},
        "titleFormat": name,
        "textFormat": text,
        "tagKeys": "",
        "useValueForTime": at_value,
    }
