"""The table at the end of `teilhabe up`: our value, the published one, and why they are not equal."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import typer
from rich import box
from rich.padding import Padding
from rich.table import Table as RichTable

from deploy.local.client import LocalClient
from deploy.local.loading import Scenario
from deploy.local.report import results
from deploy.local.scenario.table import DIFFERS, EQUAL, NOT_REPRODUCIBLE, table_rows

_WORDS = {EQUAL: "equal", DIFFERS: "DIFFERS", NOT_REPRODUCIBLE: "not reproducible"}
_STYLES = {EQUAL: "green", DIFFERS: "bold red", NOT_REPRODUCIBLE: "yellow"}


@dataclass(frozen=True, slots=True)
class Table:
    """The rows; empty without a scenario."""

    rows: Sequence[Mapping[str, str | None]]

    @property
    def differs(self) -> int:
        """How many rows should be equal and are not."""
        return sum(row["verdict"] == DIFFERS for row in self.rows)


def read_table(client: LocalClient, scenario: Scenario) -> Table:
    """Ask the services for every row."""
    if scenario is Scenario.NONE:
        return Table(())
    return Table(table_rows(lambda path, params: client.get("metrics", path, **params)))


def print_json(table: Table, urls: Mapping[str, str]) -> None:
    """One JSON object on one flushed line of stdout."""
    typer.echo(json.dumps({"rows": list(table.rows), "urls": dict(urls)}, ensure_ascii=False))


def print_table(table: Table, urls: Mapping[str, str]) -> None:
    """The rows for people, and where the services are, on stdout."""
    console = results()
    if table.rows:
        notes = _notes(table)
        console.print(_drawn(table, notes))
        for reason, number in notes.items():
            console.print(Padding(f"({number}) {reason}", (0, 0, 0, 2)), markup=False)
        equal = sum(row["verdict"] == EQUAL for row in table.rows)
        console.print(f"\n{equal} of {len(table.rows)} figures equal the published ones, {table.differs} differ.")
    for service, url in urls.items():
        console.print(f"{service:8} {url}/docs", soft_wrap=True)


def _notes(table: Table) -> dict[str, int]:
    """Every reason once, numbered in the order of the rows."""
    reasons = dict.fromkeys(row["reason"] for row in table.rows if row["reason"])
    return {str(reason): number for number, reason in enumerate(reasons, 1)}


def _drawn(table: Table, notes: Mapping[str, int]) -> RichTable:
    drawn = RichTable(
        title="Key figures of the nTA evaluation, from the API", box=box.SIMPLE_HEAD, title_justify="left"
    )
    for name in ("figure", "group", "period"):
        drawn.add_column(name, overflow="fold")
    for name in ("our value", "published"):
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("equal, or why not", no_wrap=True)
    for row in table.rows:
        verdict = str(row["verdict"])
        words = _WORDS[verdict] + (f" ({notes[str(row['reason'])]})" if row["reason"] else "")
        told = (row["figure"], row["group"], row["period"], row["value"] or "–", row["published"])
        drawn.add_row(*(str(cell) for cell in told), f"[{_STYLES[verdict]}]{words}[/]")
    return drawn
