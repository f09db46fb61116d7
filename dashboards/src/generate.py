#!/usr/bin/env python3
"""Writes the dashboards beside this folder: `make dashboards`. Standard library only.

With `--check` it writes nothing and says which file differs from what it would write. With `--quiet-queries` it prints
why which query may be without data, for the test that runs them all.
"""

import json
import sys
from pathlib import Path

from dashboard import Dashboard, quiet_annotations
from delivery import DELIVERY
from overview import OVERVIEW
from state import STATE
from verification import VERIFICATION

FOLDER = Path(__file__).resolve().parent.parent
ALL = (OVERVIEW, VERIFICATION, DELIVERY, STATE)


def text(dashboard: Dashboard) -> str:
    """The file of a dashboard."""
    return json.dumps(dashboard.to_json(), indent=2, ensure_ascii=False) + "\n"


def differing() -> list[Path]:
    """The files that are not as they would be written."""
    files = {FOLDER / dashboard.file: text(dashboard) for dashboard in ALL}
    return [path for path, wanted in files.items() if not path.exists() or path.read_text("utf-8") != wanted]


def quiet_queries() -> dict[str, str]:
    """Why a query has no data while all is well, by dashboard, panel and query."""
    marks = {
        f"{dashboard.uid}/annotation/{name}": reason
        for dashboard in ALL
        for name, reason in quiet_annotations().items()
    }
    return marks | {
        f"{dashboard.uid}/{panel.title}/{chr(ord('A') + index)}": query.quiet
        for dashboard in ALL
        for panel in dashboard.panels()
        for index, query in enumerate(panel.queries)
        if query.quiet
    }


def main(arguments: list[str]) -> int:
    """The exit code: 1 when a checked file differs."""
    match arguments:
        case ["--check"]:
            for path in (wrong := differing()):
                print(f"{path.name} differs from dashboards/src: run `make dashboards`", file=sys.stderr)
            return 1 if wrong else 0
        case ["--quiet-queries"]:
            print(json.dumps(quiet_queries(), indent=2, ensure_ascii=False))
        case []:
            for dashboard in ALL:
                (FOLDER / dashboard.file).write_text(text(dashboard), "utf-8")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
