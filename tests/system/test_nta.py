"""What a stranger sees: the nTA scenario goes in through the import and comes out as the published figures."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.scenario.table import table_lines
from tests.support.processes import processes_naming
from tests.support.product import running_product, teilhabe
from tests.support.walk import Clerk

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nta") / "data"


@pytest.fixture(scope="module")
def first(folder: Path) -> dict[str, Any]:
    """What the first `teilhabe up --once --json` on an empty folder prints."""
    done = teilhabe("up", "--data-dir", folder, "--once", "--json", timeout=600)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_every_reproducible_figure_equals_the_published_one(first: dict[str, Any]) -> None:
    verdicts = [row["verdict"] for row in first["rows"]]
    assert len(verdicts) == len(table_lines())
    assert verdicts.count("DIFFERS") == 0
    assert verdicts.count("EQUAL") >= 30
    for row in first["rows"]:
        assert set(row) == {"figure", "group", "period", "value", "published", "verdict", "reason"}
        assert (row["verdict"] == "NOT_REPRODUCIBLE") == bool(row["reason"])


def test_it_left_nothing_running(first: dict[str, Any], folder: Path) -> None:
    assert first["rows"]
    assert processes_naming(str(folder)) == []


def test_the_table_is_for_people_too_and_the_second_start_loads_nothing(first: dict[str, Any], folder: Path) -> None:
    done = teilhabe("up", "--data-dir", folder, "--once")
    assert done.returncode == 0, done.stderr
    assert "importing" not in done.stderr
    equal = sum(row["verdict"] == "EQUAL" for row in first["rows"])
    assert f"{equal} of {len(first['rows'])} figures equal the published ones, 0 differ." in done.stdout
    assert "not reproducible" in done.stdout


def test_cancelling_one_uebergang_moves_the_row_by_one(first: dict[str, Any], folder: Path) -> None:
    with running_product(folder) as product, product.client("cases") as client:
        clerk = Clerk(client)
        case, fact, etag = _an_uebergang_of_2021(client)
        clerk.etags[case] = etag
        clerk.cancel(case, fact, "Nie geschehen")
        product.wait_until_caught_up()
    done = teilhabe("up", "--data-dir", folder, "--once", "--json")
    assert done.returncode == 1
    assert done.stderr.endswith("figures differ from the published ones\n")
    before = _row(first, "UEB-N-WL-2021")
    after = _row(json.loads(done.stdout), "UEB-N-WL-2021")
    assert (int(after["value"]), after["verdict"]) == (int(before["value"]) - 1, "DIFFERS")


def _row(told: dict[str, Any], figure: str) -> dict[str, Any]:
    (row,) = [row for row in told["rows"] if row["figure"] == figure]
    found: dict[str, Any] = row
    return found


def _an_uebergang_of_2021(cases: httpx.Client) -> tuple[str, str, str]:
    """A case whose last fact is an UEBERGANG with a budget in 2021: its id, the fact, the ETag."""
    cursor: str | None = ""
    while cursor is not None:
        params = {"phase": "BUDGET_FUER_ARBEIT", "limit": "200"} | ({"cursor": cursor} if cursor else {})
        page = cases.get("/v1/cases", params=params).json()
        for item in page["items"]:
            answer = cases.get(f"/v1/cases/{item['id']}")
            last = cases.get(f"/v1/cases/{item['id']}/timeline").json()["movements"][-1]
            if (
                last["kind"] == "UEBERGANG"
                and last["effective_on"].startswith("2021")
                and last["from"]["phase"] == "ARBEITSBEREICH"
            ):
                return item["id"], last["fact_id"], answer.headers["ETag"]
        cursor = page["next_cursor"]
    raise AssertionError("the scenario holds an UEBERGANG of 2021")
