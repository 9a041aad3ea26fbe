"""The table of provoked faults, gathered from the tests that carry the marker ``fault``.

pytest -m fault --fault-table                          prints it
pytest -m fault --fault-table=docs/reliability.md      writes it into that page, too
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from rich import box
from rich.console import Console
from rich.table import Table

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
COLUMNS = ("Fault", "What happens", "Provoked", "Survived", "Lost at most", "By")
AREAS = (
    *("Killed", "Two runs", "Stale results", "Training", "MLflow", "Disk"),
    *("Kaggle", "Upload", "Secrets", "Archives", "Tables", "Models"),
)

FAULTS: pytest.StashKey[dict[tuple[str, str, str], list[dict[str, Any]]]] = pytest.StashKey()
KNOWN: pytest.StashKey[set[tuple[str, str, str]]] = pytest.StashKey()
FILES: pytest.StashKey[set[Path]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", nargs="?", const="", help="print, or write, the faults")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FAULTS] = defaultdict(list)
    config.stash[KNOWN] = set()
    config.stash[FILES] = set()
    config.pluginmanager.register(_Reports(config), "fault-reports")


@pytest.hookimpl(tryfirst=True)  # before -m takes some away
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for marker in item.iter_markers("fault"):
            if marker.args[0] not in AREAS or len(marker.args) != 3:
                raise pytest.UsageError(f"{item.nodeid}: no fault: {marker.args}")
            config.stash[KNOWN].add(marker.args)
            config.stash[FILES].add(Path(item.path))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Add the faults to the report, which pytest-xdist sends to the process with the table."""
    report = yield
    report.provoked = [marker.args for marker in item.iter_markers("fault")]
    return report


class _Reports:
    """Gathers the reports of this process and of pytest-xdist's."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and (report.when != "setup" or report.passed):
            return
        properties = dict(report.user_properties)
        for fault in report.provoked:
            self.config.stash[FAULTS][tuple(fault)].append(
                {
                    "outcome": report.outcome,
                    "faults": int(properties.get("faults", 1)),
                    "lost": properties.get("epochs_lost"),
                    "file": Path(report.location[0]).name,
                }
            )

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node) -> None:
        known = getattr(node, "workeroutput", {}).get("known_faults", [])
        self.config.stash[KNOWN].update(map(tuple, known))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        known = [list(fault) for fault in session.config.stash[KNOWN]]
        session.config.workeroutput["known_faults"] = known


def rows(config: pytest.Config) -> list[tuple[str, ...]]:
    """Area and the columns of every fault; those that this run left out say so."""
    found = []
    for (area, what, outcome), cases in config.stash[FAULTS].items():
        provoked = sum(case["faults"] for case in cases if case["outcome"] != "skipped")
        survived = sum(case["faults"] for case in cases if case["outcome"] == "passed")
        lost = [case["lost"] for case in cases if case["lost"] is not None]
        files = sorted({case["file"] for case in cases})
        found.append(
            (
                *(area, what, outcome),
                *(f"{provoked:,}", f"{survived:,}"),
                ("1 epoch" if max(lost) else "nothing") if lost else "",
                ", ".join(files),
            )
        )
    left_out = sorted(config.stash[KNOWN] - set(config.stash[FAULTS]))
    found += [(*fault, "0", "0", "not run", "") for fault in left_out]
    return sorted(found, key=lambda row: AREAS.index(row[0]))


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    target = config.getoption("--fault-table")
    if target is None:
        return
    table = Table(box=box.SIMPLE_HEAD, title="Faults provoked", title_justify="left")
    for column in ("", *COLUMNS[:-1]):
        table.add_column(column, justify="right" if column in COLUMNS[2:4] else "left")
    area = ""
    for row in rows(config):
        table.add_row(row[0] if row[0] != area else "", *row[1:-1])
        area = row[0]
    Console(width=150).print(table)
    total = [sum(int(row[i].replace(",", "")) for row in rows(config)) for i in (3, 4)]
    terminalreporter.write_line(f"{total[0]:,} faults provoked, {total[1]:,} survived")
    if target:
        write(Path(target), rows(config), total)


def write(page: Path, found: list[tuple[str, ...]], total: list[int]) -> None:
    """Put the table between the marks of the page."""
    lines = [f"{total[0]:,} faults provoked, {total[1]:,} survived.", ""]
    for area in AREAS:
        of_area = [row[1:] for row in found if row[0] == area]
        if of_area:
            lines += [
                f"### {area}",
                "",
                "| " + " | ".join(COLUMNS) + " |",
                "|---|---|--:|--:|---|---|",
            ]
            lines += [
                "| " + " | ".join((*row[:-1], f"`{row[-1]}`" if row[-1] else "")) + " |"
                for row in of_area
            ]
            lines += [""]
    text = page.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    page.write_text(f"{before}\n\n" + "\n".join(lines) + after, encoding="utf-8")
