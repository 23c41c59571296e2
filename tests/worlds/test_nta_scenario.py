"""The sums of the nTA scenario, counted a second time by other rules than the product's."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from time import perf_counter

import pytest

from deploy.local.scenario.calendar import quarter_of
from deploy.local.scenario.nta import TRAEGER, write_nta
from deploy.local.scenario.table import GROUP_ID, comparison_group, table_lines, table_rows
from tests.recount.fast import Answers, Counted

LOADED_ON = date(2026, 1, 1)


@pytest.fixture(scope="module")
def nta_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nta") / "nta.ndjson"
    began = perf_counter()
    write_nta(path)
    assert perf_counter() - began < 15
    return path


@pytest.fixture(scope="module")
def counted(nta_file: Path) -> Counted:
    """Every history, judged by the rules of the recount: an illegal one raises."""
    with nta_file.open(encoding="utf-8") as lines:
        return Counted(lines, TRAEGER, LOADED_ON)


@pytest.fixture(scope="module")
def answers(counted: Counted) -> Answers:
    ids = {ref: ref for ref in counted.providers}
    return Answers(counted, GROUP_ID, comparison_group(ids)["members"])


def test_it_has_its_full_size(counted: Counted) -> None:
    assert 48_000 <= len(counted.people) <= 52_000
    assert 100_000 <= len(counted.movements) <= 150_000
    kinds = Counter(provider.kind for provider in counted.providers.values())
    assert kinds == {"WFBM": 59, "ANDERER_LEISTUNGSANBIETER": 5}
    assert len({provider.mk for provider in counted.providers.values()}) == 27


def test_every_reproducible_figure_is_the_published_one(answers: Answers) -> None:
    rows = table_rows(answers.ask)
    assert [row for row in rows if row["verdict"] == "DIFFERS"] == []
    assert Counter(row["verdict"] for row in rows) == {"EQUAL": 45, "NOT_REPRODUCIBLE": 11}


def test_both_date_bases_give_the_same_table(answers: Answers) -> None:
    decided = table_rows(lambda path, params: answers.ask(path, {**params, "date_basis": "DECIDED"}))
    assert decided == table_rows(answers.ask)


def test_a_fact_is_decided_in_the_quarter_it_becomes_effective(counted: Counted) -> None:
    decided = [movement for movement in counted.movements if movement.decided_on is not None]
    assert len(decided) > 1300
    for movement in decided:
        assert movement.decided_on is not None
        assert movement.decided_on <= movement.effective_on
        assert quarter_of(movement.decided_on) == quarter_of(movement.effective_on)


@pytest.mark.parametrize(
    ("kpi", "params", "modell", "base"),
    [
        ("anzahl_uebergang", {"period": "2022-Q1", "window": "QUARTER"}, 6, 17),
        ("bestand_ev_bbb", {"period": "2021-12"}, 543, 3460),
        ("bestand_arbeitsbereich", {"period": "2021-12"}, 6290, 31000),
        ("anzahl_zugang_ev_bbb", {"period": "2021", "window": "CUMULATIVE"}, 644, 3844),
        ("wechselquote_aap", {"period": "2020", "window": "YEAR"}, 17, 36),
    ],
)
def test_counts_behind_the_published_rates(
    answers: Answers, kpi: str, params: dict[str, str], modell: int, base: int
) -> None:
    grouped = {**params, "group_by": "COMPARISON_GROUP"}
    items = answers.ask(f"/v1/kpis/{kpi}/values", grouped)["items"]
    assert [item["numerator"] for item in items] == [modell, base]


def test_all_kinds_of_movements_are_in_it_and_nothing_happens_after_june_2022(counted: Counted) -> None:
    assert max(movement.effective_on for movement in counted.movements) == date(2022, 6, 30)
    kinds = Counter(movement.kind for movement in counted.movements)
    assert len(kinds) == 14
    assert min(kinds.values()) >= 1


def test_the_same_seed_gives_the_same_bytes_and_another_one_the_same_sums(
    nta_file: Path, tmp_path: Path, answers: Answers
) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    write_nta(again)
    assert again.read_bytes() == nta_file.read_bytes()
    write_nta(other, seed=7)
    assert other.read_bytes() != nta_file.read_bytes()
    with other.open(encoding="utf-8") as lines:
        counted = Counted(lines, TRAEGER, LOADED_ON)
    members = comparison_group({ref: ref for ref in counted.providers})["members"]
    rows = table_rows(Answers(counted, GROUP_ID, members).ask)
    assert not [row for row in rows if row["verdict"] == "DIFFERS"]


def test_providers_come_first_and_file_numbers_are_unique(nta_file: Path) -> None:
    with nta_file.open(encoding="utf-8") as lines:
        told = [json.loads(line) for line in lines]
    assert all("provider" in line for line in told[:64])
    refs = [line["external_ref"] for line in told[64:]]
    assert len(refs) == len(set(refs))


def test_rows_without_a_reason_can_be_reproduced_and_all_are_known_figures() -> None:
    lines = table_lines()
    labelled = {line.figure for line in lines if line.reason is not None}
    expected = {"UED-MODELL", "UED-MODELL-TEXT", "UED-BASIS", "UED-REL", "UEB-ZUG-MODELL", "UEB-ZUG-BASIS"}
    expected |= {"UEB-AAP-N-MODELL-2020", "UEB-AAP-N-WL-2020", "WQ-AAP-MODELL", "WQ-AAP-BASIS", "WQ-AAP-DIFF"}
    assert labelled == expected
