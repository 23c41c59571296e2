"""Fills a new data directory with a scenario, through the public API like any client.

How far it got is kept in the directory: after an interruption the same file is sent under the same key, so the import
that is already under way is found again and nothing is taken twice.
"""

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any

from deploy.local.client import LocalClient
from deploy.local.data_directory import DataDirectory
from deploy.local.errors import CommandFailedError
from deploy.local.private_files import read_json, write_private_json
from deploy.local.report import Report
from deploy.local.scenario.nta import TRAEGER, write_nta
from deploy.local.scenario.table import GROUP_ID, comparison_group, provider_ids
from shared.observability.identifiers import new_id

SCENARIO_TENANT = TRAEGER
_LOADING, _DONE = "LOADING", "DONE"


class Scenario(StrEnum):
    """What a new data directory is filled with."""

    NTA = "nta"
    NONE = "none"


def fill(data: DataDirectory, client: LocalClient, asked: Scenario, report: Report) -> Scenario:
    """Load the scenario into a new directory, or finish loading it; return the one the directory holds."""
    kept: dict[str, Any] | None = read_json(data.scenario_file)
    if kept is None:
        kept = {"scenario": asked, "state": _DONE if asked is Scenario.NONE else _LOADING, "key": str(new_id())}
        write_private_json(data.scenario_file, kept)
    scenario = Scenario(kept["scenario"])
    if scenario is not asked:
        report.step(f"the data directory is not new: it holds the scenario {scenario.value}")
    if kept["state"] == _LOADING:
        _load_nta(data, client, kept["key"], report)
        write_private_json(data.scenario_file, kept | {"state": _DONE})
    with report.bar("taking in events") as bar:
        client.wait_for_figures(bar)
    return scenario


def _load_nta(data: DataDirectory, client: LocalClient, key: str, report: Report) -> None:
    with tempfile.TemporaryDirectory(dir=data.path) as folder:
        file = Path(folder) / "nta.ndjson"
        report.step("writing the histories of the nTA scenario")
        write_nta(file)
        report.step("sending them to the import")
        import_id = client.import_file(file, key=key)
    with report.bar("importing lines") as bar:
        status = client.wait_for_import(import_id, bar)
    if status["lines_refused"]:
        first = status["problems"][0]
        raise CommandFailedError(
            f"{status['lines_refused']} lines of the scenario were refused, the first: line {first['line']},"
            f" {first['title']}: {first['detail']}"
        )
    ids = provider_ids(lambda path, params: client.get("cases", path, **params))
    client.put_comparison_group(GROUP_ID, comparison_group(ids))
