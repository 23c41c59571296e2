"""Simulated histories are legal by the rules of the recount, for both Träger, told at once or day by day."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from deploy.local.scenario.simulation import UNTIL, write_simulation
from tests.recount.book import Book
from tests.recount.fast import Counted, fact_told, provider_told
from tests.recount.model import Add, Amend, Change, Command, Registration

RECORDED_ON = date(2026, 1, 1)


@pytest.mark.parametrize("tenant", ["LVR", "LWL"])
def test_histories_are_legal_and_everything_happens(tmp_path: Path, tenant: str) -> None:
    path = tmp_path / "simulation"
    write_simulation(path, people=900, years=20, seed=5, tenant=tenant)
    with path.open(encoding="utf-8") as lines:
        counted = Counted(lines, tenant, RECORDED_ON)
    assert len(counted.people) == 900
    assert len(counted.movements) > 4_000
    assert max(movement.effective_on for movement in counted.movements) <= UNTIL
    kinds = Counter(movement.kind for movement in counted.movements)
    assert len(kinds) == 14
    assert min(kinds.values()) > 8


def test_dated_histories_are_legal_command_by_command(tmp_path: Path) -> None:
    path = tmp_path / "simulation"
    write_simulation(path, people=300, years=10, seed=5, tenant="LVR", dated=True)
    told = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    providers = {
        line["provider"]["external_ref"]: provider_told(line["provider"]) for line in told if "provider" in line
    }
    seen: Counter[str] = Counter()
    for line in told[len(providers) :]:
        book = Book(Registration(line["payer_mk"], line["residence_mk"], line["disability"], line["kombi"]))
        days = [command["recorded_on"] for command in line["commands"]]
        assert days == sorted(days)
        for command in line["commands"]:
            changes = tuple(_changes(command["changes"]))
            seen.update(type(change).__name__ for change in changes)
            book, _ = book.apply(Command(date.fromisoformat(command["recorded_on"]), changes), providers, "LVR")
    assert seen["Amend"] > 30


def _changes(told: Iterable[Mapping[str, Any]]) -> Iterable[Change]:
    for change in told:
        if "add" in change:
            body = dict(change["add"])
            yield Add(fact_told(body.pop("external_ref"), body))
        else:
            amend = change["amend"]
            yield Amend(amend["ref"], {"effective_on": date.fromisoformat(amend["effective_on"])})


def test_a_seed_and_a_traeger_decide_every_byte(tmp_path: Path) -> None:
    def written(seed: int, tenant: str) -> bytes:
        path = tmp_path / f"{seed}-{tenant}"
        write_simulation(path, people=50, years=3, seed=seed, tenant=tenant)
        return path.read_bytes()

    assert written(1, "LVR") == written(1, "LVR")
    assert len({written(1, "LVR"), written(2, "LVR"), written(1, "LWL")}) == 3
