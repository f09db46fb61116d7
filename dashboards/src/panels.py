"""Panels as values, and the JSON that Grafana reads for each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}

GREEN, ORANGE, RED, BLUE, PLAIN = "green", "orange", "red", "blue", "text"


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    expr: str
    legend: str = "__auto"
    # Why a healthy installation has no data here, or only zeros. The test of the queries wants data without it.
    quiet: str = ""


@dataclass(frozen=True)
class Threshold:
    """From this value on, this colour. With an alert, it is a line that this alert fires at."""

    value: float
    colour: str
    alert: str = ""


@dataclass(frozen=True)
class Link:
    """Where a click leads. Links within Grafana keep the time range and the variables."""

    title: str
    url: str
    tip: str = ""

    def to_json(self, keeps: bool = False) -> Json:
        """The link; `keeps` asks Grafana itself to keep range and variables, which only links of dashboards can."""
        outside = self.url.startswith("http")
        return {
            "type": "link",
            "icon": "external link" if outside else "dashboard",
            "title": self.title,
            "tooltip": self.tip,
            "url": self.url,
            "tags": [],
            "asDropdown": False,
            "includeVars": keeps and not outside,
            "keepTime": keeps and not outside,
            "targetBlank": outside,
        }


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What all panels have in common."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str
    width: int
    thresholds: tuple[Threshold, ...] = ()
    base: str = GREEN
    decimals: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    links: tuple[Link, ...] = ()
    # Alerts that this explains, beside those of its thresholds: their runbooks are linked.
    alerts: tuple[str, ...] = ()
    # Colours of series, by legend.
    colours: dict[str, str] = field(default_factory=dict)

    def kind(self) -> str:
        raise NotImplementedError

    def is_instant(self) -> bool:
        """Whether only the value at the end of the range counts."""
        return False

    def custom(self) -> Json:
        """Settings of this kind of panel for each field."""
        return {}

    def options(self) -> Json:
        raise NotImplementedError

    def colour(self) -> Json:
        return {"mode": "thresholds"}

    def mappings(self) -> list[Json]:
        return []

    def overrides(self) -> list[Json]:
        return [
            {
                "matcher": {"id": "byName", "options": name},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
            }
            for name, colour in self.colours.items()
        ]

    def transformations(self) -> list[Json]:
        return []

    def to_json(self, number: int, place: Json, links: tuple[Link, ...]) -> Json:
        """The panel at its place; `links` are those that its alerts bring."""
        return {
            "id": number,
            "type": self.kind(),
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": place,
            "links": [link.to_json() for link in (*self.links, *links)],
            "targets": [self._target(index, query) for index, query in enumerate(self.queries)],
            "transformations": self.transformations(),
            "fieldConfig": {"defaults": self._defaults(), "overrides": self.overrides()},
            "options": self.options(),
        }

    def _target(self, index: int, query: Query) -> Json:
        return {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend,
            "instant": self.is_instant(),
            "range": not self.is_instant(),
            "format": "table" if self.kind() == "table" else "time_series",
        }

    def _defaults(self) -> Json:
        steps: list[Json] = [{"value": None, "color": self.base}]
        steps += [{"value": step.value, "color": step.colour} for step in self.thresholds]
        defaults: Json = {
            "unit": self.unit,
            "color": self.colour(),
            "thresholds": {"mode": "absolute", "steps": steps},
            "mappings": self.mappings(),
            "custom": self.custom(),
        }
        for name, value in (("decimals", self.decimals), ("min", self.minimum), ("max", self.maximum)):
            if value is not None:
                defaults[name] = value
        return defaults


@dataclass(frozen=True, kw_only=True)
class Stat(Panel):
    """One number with the colour of its meaning: what is the case now."""

    # What to say when there is no number.
    empty: str = "no data"
    width: int = 3

    def kind(self) -> str:
        return "stat"

    def is_instant(self) -> bool:
        return True

    def mappings(self) -> list[Json]:
        nothing = {"match": "null+nan", "result": {"text": self.empty, "color": PLAIN, "index": 0}}
        return [{"type": "special", "options": nothing}]

    def options(self) -> Json:
        return {
            "colorMode": "background" if self.thresholds else "value",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "auto",
            "textMode": "value",
            "wideLayout": False,
            "showPercentChange": False,
            "percentChangeColorMode": "standard",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }


@dataclass(frozen=True, kw_only=True)
class TimeSeries(Panel):
    """How something went."""

    stacked: bool = False
    bars: bool = False
    width: int = 12

    def kind(self) -> str:
        return "timeseries"

    def colour(self) -> Json:
        return {"mode": "palette-classic"}

    def custom(self) -> Json:
        return {
            "drawStyle": "bars" if self.bars else "line",
            # A line on top of a stack would colour what is 0.
            "lineWidth": 0 if self.bars or self.stacked else 2,
            "fillOpacity": 70 if self.bars or self.stacked else 8,
            "gradientMode": "none",
            "showPoints": "auto",
            "pointSize": 4,
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if self.thresholds else "off"},
            "axisPlacement": "auto",
            "axisSoftMin": 0,
        }

    def options(self) -> Json:
        return {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True, kw_only=True)
class Table(Panel):
    """Labels as columns, one line for each series."""

    # The labels to show, in this order, with their headings.
    columns: dict[str, str]
    # Where a click on a column leads, by label.
    column_links: dict[str, Link] = field(default_factory=dict)
    width: int = 12

    def kind(self) -> str:
        return "table"

    def is_instant(self) -> bool:
        return True

    def custom(self) -> Json:
        return {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}

    def options(self) -> Json:
        return {"showHeader": True, "cellHeight": "sm"}

    def overrides(self) -> list[Json]:
        return [
            {
                "matcher": {"id": "byName", "options": self.columns[label]},
                "properties": [{"id": "links", "value": [{"title": link.title, "url": link.url}]}],
            }
            for label, link in self.column_links.items()
        ]

    def transformations(self) -> list[Json]:
        shown = list(self.columns)
        order = {name: index for index, name in enumerate(shown)}
        return [
            {"id": "filterFieldsByName", "options": {"include": {"names": shown}}},
            {
                "id": "organize",
                "options": {"excludeByName": {}, "indexByName": order, "renameByName": self.columns},
            },
        ]
