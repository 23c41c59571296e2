"""What arrives: appended as it is, refused whole where it contradicts itself, each Träger to itself."""

from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.consumers import MovementHandler
from services.metrics.domain.sums import Aggregate, Filters, GroupBy, Span, SumRequest, Term
from services.metrics.repository.movements import copy_movements
from services.metrics.repository.reading import sums
from shared.contracts.cases_v1 import CASE_REGISTERED, Cell, Movement, ProviderChanged
from shared.contracts.envelope import Envelope
from shared.db.engine import tenant_transaction
from shared.events.failures import is_transient
from shared.events.ports import InvalidCommandError, Outcome
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.metrics.store.checks import answer
from tests.integration.metrics.store.histories import Recorded, World
from tests.integration.metrics.store.loading import Log, commands, load
from tests.support.databases import TestDatabase

FIRST, LAST = date(2019, 1, 1), date(2022, 6, 30)
EVER = Span(date(1990, 1, 1), date(2040, 12, 31))


@pytest.fixture
def world() -> World:
    """A world of its own for every test."""
    return World(11, FIRST, LAST)


async def apply(engine: AsyncEngine, *events: list[Envelope]) -> Outcome:
    """Apply commands in one transaction."""
    async with engine.begin() as connection:
        return await MovementHandler().apply(connection, list(events))


def of_kind(world: World, kind: str) -> Recorded:
    """Any first movement of a kind."""
    return next(
        entry
        for entry in world.cases(400)
        if entry.movement.kind == kind and entry.movement.sign == 1 and entry.movement.of == 1
    )


def changed(entry: Recorded, **changes: Any) -> Recorded:
    """The same with another movement in it."""
    moved = msgspec.structs.replace(entry.movement, **changes)
    return Recorded(entry.tenant, entry.part, entry.time, moved)


def cell(moved: Movement, side: str, **changes: Any) -> Cell:
    """One cell of a movement, changed."""
    where: Cell = getattr(moved, side)
    return msgspec.structs.replace(where, **changes)


async def test_every_column_comes_back_as_it_was_sent(
    worker: AsyncEngine, world: World, metrics_database: TestDatabase
) -> None:
    recorded = list(world.cases(30))
    await load(worker, Log(world), recorded)
    with psycopg.connect(metrics_database.superuser_conninfo) as connection:
        rows = connection.execute(
            "SELECT m.*, f.provider_id AS f, t.provider_id AS t, u.provider_id AS u FROM movement m"
            " LEFT JOIN provider f ON f.no = from_provider LEFT JOIN provider t ON t.no = to_provider"
            " LEFT JOIN provider u ON u.no = uebergang_provider"
        )
        assert rows.description is not None
        names = [column.name for column in rows.description]
        found = {
            (row["case_id"], row["case_version"], row["index"]): row
            for row in (dict(zip(names, values, strict=True)) for values in rows)
        }
    assert len(found) == len(recorded)
    for entry in recorded:
        moved = entry.movement
        row = found[moved.case_id, moved.case_version, moved.index]
        for name in ("sign", "fact_id", "of", "effective_on", "decided_on", "from_since", "alternative_on"):
            assert row[name] == getattr(moved, name), name
        assert (row["tenant"], row["part"], row["recorded_at"]) == (entry.tenant.value, entry.part, entry.time)
        assert row["basis_on"] == (moved.decided_on or moved.effective_on)
        assert row["uebergang_on"] == moved.uebergang_on
        for side, where in (("from", moved.from_), ("to", moved.to), ("uebergang", moved.uebergang_from)):
            assert (row[f"{side}_phase"] is None) is (where is None)
            if where is not None:
                assert row[side[0]] == where.provider_id
                assert row[f"{side}_payer"] == int(where.payer_mk)
                assert row[f"{side}_residence"] == int(where.residence_mk)
                assert row[f"{side}_kombi"] is where.kombi


async def test_the_day_of_recording_is_the_one_in_berlin(worker: AsyncEngine, world: World) -> None:
    recorded = list(world.cases(150))
    late = [entry for entry in recorded if entry.time.hour >= 22]
    assert late, "some commands are recorded when Berlin has the next day already"
    await load(worker, Log(world), recorded)
    async with worker.connect() as connection:
        sql = "SELECT count(*) FROM movement WHERE recorded_on = (recorded_at AT TIME ZONE 'Europe/Berlin')::date"
        assert (await connection.execute(text(sql))).scalar_one() == len(recorded)
        sql = "SELECT count(*) FROM movement WHERE recorded_on > (recorded_at AT TIME ZONE 'UTC')::date"
        assert (await connection.execute(text(sql))).scalar_one() >= len(late) / 2


async def test_what_is_not_counted_is_ignored_and_accounted_for(worker: AsyncEngine, world: World) -> None:
    log = Log(world)
    [first, second, *_] = [[log.envelope(entry) for entry in command] for command in commands(world.cases(3))]
    other = msgspec.structs.replace(first[0], type=CASE_REGISTERED, data=msgspec.Raw(b"{}"))
    unknown = msgspec.structs.replace(
        first[0], type="de.nrw.teilhabe.cases.something-new.v1", data=msgspec.Raw(b"[]")
    )
    assert await apply(worker, [other], first, [unknown], second) == Outcome(len(first) + len(second), 2)


CONTRADICTIONS: dict[str, Callable[[Recorded], Recorded]] = {
    "sign": lambda e: changed(e, sign=2),
    "nowhere": lambda e: changed(e, from_=None, to=None, from_since=None),
    "from without since": lambda e: changed(e, from_since=None),
    "provider missing": lambda e: changed(e, from_=cell(e.movement, "from_", provider_id=None, provider_mk=None)),
    "provider without AGS": lambda e: changed(e, from_=cell(e.movement, "from_", provider_mk=None)),
    "provider where none is": lambda e: changed(
        e, to=cell(e.movement, "to", provider_id=e.movement.fact_id, provider_mk="05515")
    ),
    "place missing": lambda e: changed(e, from_=cell(e.movement, "from_", place=None)),
    "place where none is": lambda e: changed(e, to=cell(e.movement, "to", place="INTERN")),
    "no instrument": lambda e: changed(e, instrument=None),
    "leaves no provider": lambda e: changed(e, from_=e.movement.to),
    "Übergang of an Übergang": lambda e: changed(e, uebergang_on=e.movement.effective_on),
    "phase": lambda e: changed(e, to=cell(e.movement, "to", phase="SOMEWHERE")),
    "instrument": lambda e: changed(e, instrument="SOMETHING"),
    "disability": lambda e: changed(e, to=cell(e.movement, "to", disability="NONE")),
    "AGS": lambda e: changed(e, to=cell(e.movement, "to", payer_mk="5515")),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
async def test_what_no_measure_has_a_place_for_is_refused_whole(worker: AsyncEngine, world: World, name: str) -> None:
    log = Log(world)
    entry = next(
        e
        for e in world.cases(400)
        if e.movement.kind == "UEBERGANG" and e.movement.from_ and e.movement.from_.phase == "ARBEITSBEREICH"
    )
    good = log.envelope(entry)
    bad = log.envelope(CONTRADICTIONS[name](entry))
    with pytest.raises(InvalidCommandError):
        await apply(worker, [good], [bad])
    async with worker.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM movement"))).scalar_one() == 0
    assert (await apply(worker, [good])).applied == 1


async def test_events_that_break_their_contract_are_refused(worker: AsyncEngine, world: World) -> None:
    log = Log(world)
    good = log.envelope(of_kind(world, "ABGANG"))
    other_tenant = Traeger.LVR if good.tenant is Traeger.LWL else Traeger.LWL
    for changes in (
        {"type": "de.nrw.teilhabe.cases.uebergang.v1"},
        {"data": msgspec.Raw(b'{"sign": 1}')},
        {"data": msgspec.Raw(bytes(good.data).replace(b'"effective_on":"20', b'"effective_on":"2x'))},
        {"tenant": other_tenant},
    ):
        with pytest.raises(InvalidCommandError):
            await apply(worker, [msgspec.structs.replace(good, **changes)])


async def test_of_a_provider_the_newest_version_wins_in_any_order(
    worker: AsyncEngine, app: AsyncEngine, world: World
) -> None:
    log = Log(world)
    recorded = [entry for entry in world.cases(100) if entry.tenant is Traeger.LWL]
    house = world.houses[Traeger.LWL][0]
    request = SumRequest(
        Traeger.LWL,
        [Term("F:ZUGANG_EV_BBB", Aggregate.FLOW)],
        [EVER],
        group_by=GroupBy.PROVIDER,
        filters=Filters(provider_kind="WFBM"),
    )

    def told(version: int, kind: str) -> list[Envelope]:
        changes = ProviderChanged(house.id, version, f"Haus {version}", kind, house.mk, FIRST, None)
        return [log.provider(Traeger.LWL, changes)]

    await load(worker, log, recorded)
    assert await answer(app, request) == {}, "a movement names the provider, but nobody has told of its kind"
    await apply(worker, told(2, "WFBM"))
    counted = await answer(app, request)
    assert set(counted) == {(0, 0, str(house.id))}
    await apply(worker, told(1, "ANDERER_LEISTUNGSANBIETER"))
    assert await answer(app, request) == counted
    await apply(worker, told(3, "ANDERER_LEISTUNGSANBIETER"))
    assert await answer(app, request) == {}
    for bad in (
        told(4, "SOMETHING"),
        [log.provider(Traeger.LWL, ProviderChanged(house.id, 5, "x", "WFBM", "0", FIRST, None))],
    ):
        with pytest.raises(InvalidCommandError):
            await apply(worker, bad)


async def test_a_transaction_reads_its_own_traeger_and_nothing_else(
    worker: AsyncEngine, app: AsyncEngine, world: World
) -> None:
    await load(worker, Log(world), world.cases(40))
    request = SumRequest(Traeger.LWL, [Term("F:ZUGANG_EV_BBB", Aggregate.FLOW)], [EVER])
    assert await answer(app, request)
    async with tenant_transaction(app, Traeger.LVR, "test") as connection:
        assert await sums(connection, request) == []
        for table in ("movement", "provider"):
            sql = f"SELECT count(*) FROM {table} WHERE tenant <> 'LVR'"
            assert (await connection.execute(text(sql))).scalar_one() == 0
    async with app.begin() as connection:
        assert await sums(connection, request) == [], "bound to nobody it sees nothing"


async def copy_on_a_lost_connection(engine: AsyncEngine) -> None:
    """The server ends our session before the movements are copied."""
    async with engine.begin() as connection:
        own = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        async with engine.connect() as other:
            await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own})
        await copy_movements(connection, [], {})


async def test_a_connection_lost_while_copying_is_a_failure_that_passes(worker: AsyncEngine, world: World) -> None:
    with pytest.raises(DBAPIError) as caught:
        await copy_on_a_lost_connection(worker)
    assert caught.value.statement is not None
    assert caught.value.statement.startswith("COPY"), "it was the copying that met the failure"
    assert is_transient(caught.value)
    command = [Log(world).envelope(of_kind(world, "ABGANG"))]
    assert (await apply(worker, command)).applied == 1, "the pool gives another connection"
