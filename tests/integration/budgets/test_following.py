"""Commands of cases get their effect in the database: once, whole, in any order, for both Träger."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.budgets.consumers import KIND_BY_TYPE, GrantHandler
from services.budgets.domain.proposals import EMPTY, CaseFile, follow
from shared.contracts import cases_v1
from shared.events.ports import InvalidCommandError, Outcome, UnsupportedVersionError
from shared.kernel.clock import FixedClock
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.budgets.conftest import Rows
from tests.integration.budgets.events import Delivered, delivered, envelope, payload, registered
from tests.support.databases import TestDatabase
from tests.support.tokens import NOW
from tests.unit.budgets.histories import Case
from tests.unit.budgets.stories import MARCH, A, command, rueckkehr, uebergang

SPANS = (
    "SELECT tenant, opened_by_fact, instrument, state, start_on, end_on FROM grants"
    " ORDER BY tenant, opened_by_fact, instrument"
)


async def apply(worker: AsyncEngine, commands: Sequence[Delivered]) -> Outcome:
    handler = GrantHandler(clock=FixedClock(NOW), new_id=new_id)
    async with worker.begin() as connection:
        return await handler.apply(connection, commands)


def spans(cases: Sequence[Case]) -> list[tuple[str, UUID, str, str, date, date | None]]:
    found = []
    for case in cases:
        file: CaseFile = EMPTY
        for each in case.commands:
            file, _ = follow(file, each, new_id=new_id)
        found += [
            (g.traeger.value, g.opened_by_fact, g.instrument.value, g.state.value, g.start, g.end)
            for g in file.grants.values()
        ]
    return sorted(found, key=lambda row: (row[0], str(row[1]), row[2]))


def stored(rows: Rows) -> list[tuple[object, ...]]:
    return sorted(
        (tuple(row.values()) for row in rows(SPANS)), key=lambda row: (str(row[0]), str(row[1]), str(row[2]))
    )


def written(seed: int) -> Case:
    case = Case(seed, Traeger.LVR if seed % 2 else Traeger.LWL)
    for _ in range(10):
        case.change()
    return case


@pytest.mark.parametrize("batch", [1, 7, 1000])
async def test_batches_of_any_size_leave_what_the_rules_say(worker: AsyncEngine, rows: Rows, batch: int) -> None:
    cases = [written(seed) for seed in range(40)]
    commands = [each for turn in range(12) for case in cases for each in case.commands[turn : turn + 1]]
    messages = [delivered(each) for each in commands]
    for at in range(0, len(messages), batch):
        outcome = await apply(worker, messages[at : at + batch])
        assert outcome.applied + outcome.ignored == sum(len(each) for each in messages[at : at + batch])
    assert stored(rows) == spans(cases)
    assert rows("SELECT count(*) FROM grants WHERE tenant = 'LVR'") != [{"count": 0}]
    lost = rows(
        "SELECT g.id FROM grants g JOIN grant_history h ON h.grant_id = g.id"
        " GROUP BY g.id, g.version HAVING count(*) <> g.version OR max(h.version) <> g.version"
    )
    assert lost == []


async def test_resent_and_late_commands_change_nothing_that_stands(worker: AsyncEngine, rows: Rows) -> None:
    cases = [written(seed) for seed in range(100, 130)]
    for case in cases:
        messages = [delivered(each) for each in case.commands]
        case.random.shuffle(messages)
        for message in messages:
            await apply(worker, [message])
    standing = [row for row in spans(cases) if row[3] == "VORSCHLAG"]
    assert [row for row in stored(rows) if row[3] == "VORSCHLAG"] == standing
    before = rows("SELECT * FROM grants ORDER BY id")
    for case in cases:
        await apply(worker, [delivered(each) for each in case.commands])
    assert rows("SELECT * FROM grants ORDER BY id") == before


async def test_the_history_tells_when_by_whom_and_why(worker: AsyncEngine, rows: Rows) -> None:
    commands = [
        command(2, (1, uebergang(MARCH))),
        command(3, (1, rueckkehr(MARCH + timedelta(days=30)))),
        command(4, (-1, rueckkehr(MARCH + timedelta(days=30)))),
        command(5, (-1, uebergang(MARCH))),
    ]
    await apply(worker, [delivered(each) for each in commands])
    history = rows("SELECT version, at, by, act, comment, case_version FROM grant_history ORDER BY version")
    assert [tuple(row.values()) for row in history] == [
        (1, NOW, "cases", "OPENED", None, 2),
        (2, NOW, "cases", "BOUNDED", None, 3),
        (3, NOW, "cases", "UNBOUNDED", None, 4),
        (4, NOW, "cases", "WITHDRAWN", None, 5),
    ]


async def test_cells_of_the_opening_are_kept(worker: AsyncEngine, rows: Rows) -> None:
    await apply(worker, [delivered(command(2, (1, uebergang(MARCH))))])
    (row,) = rows("SELECT cell_before, cell_after FROM grants")
    assert row["cell_before"]["phase"] == "ARBEITSBEREICH"
    assert row["cell_after"] == {
        "phase": "BUDGET_FUER_ARBEIT",
        "provider_id": None,
        "provider_mk": None,
        "payer_mk": "05515",
        "residence_mk": "05515",
        "disability": "GEISTIG",
        "kombi": False,
    }


async def test_what_is_of_no_interest_leaves_no_trace(worker: AsyncEngine, rows: Rows) -> None:
    movement = uebergang(MARCH, instrument="OHNE_BUDGET")
    outcome = await apply(worker, [registered(Traeger.LWL, UUID(int=1)), delivered(command(2, (1, movement)))])
    assert outcome == Outcome(applied=0, ignored=2)
    assert rows("SELECT * FROM case_file") == rows("SELECT * FROM told_fact") == []


async def test_two_consumers_of_one_case_wait_for_each_other(worker: AsyncEngine, rows: Rows) -> None:
    """What a zombie and its successor do: the second sees what the first has done, and finds nothing to do."""
    case = written(4)
    messages = [delivered(each) for each in case.commands]
    await apply(worker, messages[:3])
    assert rows("SELECT count(*) FROM case_file") == [{"count": 1}]
    await asyncio.gather(*(apply(worker, messages) for _ in range(4)))
    assert stored(rows) == spans([case])
    assert rows("SELECT DISTINCT grant_id, version FROM grant_history GROUP BY 1, 2 HAVING count(*) > 1") == []


CASE_ID = UUID(int=1)
GOOD = payload(uebergang(MARCH), case_id=CASE_ID, case_version=2)
TYPE = cases_v1.movement_type("UEBERGANG")
BAD: dict[str, Delivered] = {
    "kind against type": [envelope(cases_v1.movement_type("RUECKKEHR"), Traeger.LWL, CASE_ID, GOOD)],
    "subject": [envelope(TYPE, Traeger.LWL, CASE_ID, GOOD, subject=str(A))],
    "sign": [envelope(TYPE, Traeger.LWL, CASE_ID, msgspec.structs.replace(GOOD, sign=2))],
    "part": [envelope(TYPE, Traeger.LWL, CASE_ID, GOOD, feedpart=1)],
    "missing members": [envelope(TYPE, Traeger.LWL, CASE_ID, {"case_id": str(CASE_ID), "kind": "UEBERGANG"})],
    "no payload": [envelope(TYPE, Traeger.LWL, CASE_ID, 7)],
    "since without a cell": [envelope(TYPE, Traeger.LWL, CASE_ID, msgspec.structs.replace(GOOD, from_since=None))],
    "leads nowhere": [envelope(TYPE, Traeger.LWL, CASE_ID, msgspec.structs.replace(GOOD, to=None))],
    "unknown phase": [
        envelope(
            TYPE,
            Traeger.LWL,
            CASE_ID,
            msgspec.structs.replace(GOOD, to=msgspec.structs.replace(GOOD.to, phase="MARS") if GOOD.to else None),
        )
    ],
}


@pytest.mark.parametrize("name", BAD)
async def test_an_event_that_contradicts_its_contract_is_for_parking(
    worker: AsyncEngine, rows: Rows, name: str
) -> None:
    good = delivered(command(2, (1, uebergang(MARCH))))
    with pytest.raises(InvalidCommandError):
        await apply(worker, [good, BAD[name]])
    assert rows("SELECT * FROM grants") == [], "a batch has its effect whole or not at all"


async def test_a_newer_version_of_a_type_that_is_read_halts_the_consumer(worker: AsyncEngine) -> None:
    with pytest.raises(UnsupportedVersionError):
        await apply(worker, [[envelope(TYPE.replace(".v1", ".v2"), Traeger.LWL, CASE_ID, GOOD)]])
    for passing in ("de.nrw.teilhabe.cases.something-new.v1", "de.nrw.teilhabe.cases.platzwechsel.v2"):
        outcome = await apply(worker, [[envelope(passing, Traeger.LWL, CASE_ID, GOOD)]])
        assert outcome == Outcome(applied=0, ignored=1)
    assert TYPE in KIND_BY_TYPE


async def test_the_worker_cannot_rewrite_the_past(budgets_database: TestDatabase, rows: Rows) -> None:
    found = rows(
        "SELECT grantee, table_name, string_agg(privilege_type, ',' ORDER BY privilege_type) AS may"
        " FROM information_schema.role_table_grants WHERE grantee IN ('budgets_app', 'budgets_worker')"
        " AND table_name IN ('case_file', 'told_fact', 'grants', 'grant_history') GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert [tuple(row.values()) for row in found] == [
        ("budgets_app", "grant_history", "SELECT"),
        ("budgets_app", "grants", "SELECT"),
        ("budgets_worker", "case_file", "INSERT,SELECT,UPDATE"),
        ("budgets_worker", "grant_history", "INSERT,SELECT"),
        ("budgets_worker", "grants", "INSERT,SELECT,UPDATE"),
        ("budgets_worker", "told_fact", "INSERT,SELECT,UPDATE"),
    ]
