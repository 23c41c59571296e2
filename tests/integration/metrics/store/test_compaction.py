"""Compaction beside everything else: races, crashes, commands that arrive late."""

import asyncio
import sys
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.consumers import MovementHandler
from services.metrics.domain.measures import KINDS, Moves
from services.metrics.domain.sums import Aggregate, Span, SumRequest, Term
from services.metrics.repository.cube import CUBE_KEY, CUBE_ORDER
from services.metrics.service.compaction import STARTS_AT, compact
from services.metrics.service.verification import verify
from services.metrics.worker import compact_until
from shared.contracts.envelope import Envelope
from shared.events.checkpoint import CheckpointMovedError
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.metrics.store.checks import answer, right
from tests.integration.metrics.store.histories import World
from tests.integration.metrics.store.loading import Log, commands, load
from tests.support.databases import TestDatabase

FIRST, LAST = date(2019, 1, 1), date(2022, 6, 30)


async def tail(engine: AsyncEngine) -> int:
    """How many movements lie behind the marks."""
    sql = "SELECT count(*) FROM movement m JOIN cube_mark k USING (source, part) WHERE m.seq > k.seq"
    async with engine.connect() as connection:
        return int((await connection.execute(text(sql))).scalar_one())


async def put_checkpoints(engine: AsyncEngine, heads: Iterable[tuple[tuple[str, int], int]]) -> None:
    """Checkpoints as the consumer leaves them."""
    sql = text(
        "INSERT INTO checkpoint (source, part, epoch, seq, applied, ignored, parked, duplicates, gaps, updated_at)"
        " VALUES (:source, :part, 'e1', :seq, :seq, 0, 0, 0, 0, :now)"
        " ON CONFLICT (source, part) DO UPDATE SET seq = excluded.seq, applied = excluded.applied"
    )
    now = datetime(2030, 1, 1, tzinfo=UTC)
    async with engine.begin() as connection:
        for (source, part), seq in heads:
            await connection.execute(sql, {"source": source, "part": part, "seq": seq, "now": now})


async def test_nothing_happens_below_ten_thousand_movements(worker: AsyncEngine) -> None:
    world = World(1, FIRST, LAST)
    await load(worker, Log(world), world.cases(20))
    waiting = await tail(worker)
    assert waiting < STARTS_AT
    assert await compact(worker) == 0
    assert await tail(worker) == waiting
    assert await compact(worker, starts_at=waiting) == waiting
    assert await tail(worker) == 0


async def test_the_loop_takes_what_is_left_over_after_a_while_and_ends_when_told(worker: AsyncEngine) -> None:
    world = World(8, FIRST, LAST)
    await load(worker, Log(world), world.cases(20))
    stop = asyncio.Event()
    loop = asyncio.create_task(compact_until(worker, stop, poll_seconds=0.01, rest_seconds=0.2))
    deadline = time.monotonic() + 30
    while await tail(worker):
        assert time.monotonic() < deadline, "the rest is taken"
    stop.set()
    await asyncio.wait_for(loop, 10)
    assert (await verify(worker)).differences == 0


async def test_compactors_race_with_the_projector_and_with_readers(worker: AsyncEngine, app: AsyncEngine) -> None:
    world = World(2, FIRST, LAST)
    recorded = list(world.cases(250))
    log, loaded, begun, done = Log(world), asyncio.Event(), 0, 0
    batches = [recorded[start : start + 100] for start in range(0, len(recorded), 100)]
    totals = [0]
    for batch in batches:
        totals.append(totals[-1] + sum(entry.movement.sign for entry in batch if entry.tenant is Traeger.LWL))
    everything = SumRequest(
        Traeger.LWL, [Term(Moves(frozenset(KINDS)), Aggregate.FLOW)], [Span(date(1990, 1, 1), date(2040, 12, 31))]
    )
    seen, added = set(), []

    async def project() -> None:
        nonlocal begun, done
        for batch in batches:
            begun += 1
            await load(worker, log, batch)
            done += 1
        loaded.set()

    async def compactor(stretch: int) -> None:
        while not loaded.is_set():
            added.append(await compact(worker, starts_at=1, stretch=stretch))

    async def reader() -> None:
        while not loaded.is_set():
            least = done
            total = (await answer(app, everything)).get((0, 0, "TOTAL"), 0)
            assert total in totals[least : begun + 1], "a read sees whole batches, each movement once"
            seen.add(total)

    await asyncio.gather(project(), compactor(7), compactor(11), compactor(50), reader())
    assert len(seen) > 5, "reads saw the store grow"
    assert sum(map(bool, added)) > 5, "the compactors had something to do while movements arrived"
    assert (await verify(worker)).differences == 0
    await right(app, world, recorded)
    while await compact(worker, starts_at=1):
        pass
    assert await tail(worker) == 0
    assert (await verify(worker)).differences == 0
    await right(app, world, recorded)


_VICTIM = """
import asyncio, sys
from services.metrics.repository import compacting
from shared.db.engine import create_engine

async def main():
    engine = create_engine(sys.argv[1], application_name="victim")
    async with engine.begin() as connection:
        stretches = await compacting.lock_stretches(connection, limit_per_part=1000)
        await compacting.add_stretches(connection, stretches)
        print("added", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_compactor_killed_before_its_commit_has_done_nothing(
    worker: AsyncEngine, app: AsyncEngine, metrics_database: TestDatabase
) -> None:
    world = World(3, FIRST, LAST)
    recorded = list(world.cases(80))
    await load(worker, Log(world), recorded)
    waiting = await tail(worker)
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _VICTIM, metrics_database.worker_url, stdout=asyncio.subprocess.PIPE
    )
    assert victim.stdout is not None
    assert await victim.stdout.readline() == b"added\n"
    assert await compact(worker, starts_at=1) == 0, "the parts belong to the other one"
    await right(app, world, recorded, 5)
    victim.kill()
    await victim.wait()
    deadline = time.monotonic() + 30
    while not (added := await compact(worker, starts_at=1, stretch=1000)):
        assert time.monotonic() < deadline, "the server notices that the other one is gone"
    assert added == waiting
    assert await tail(worker) == 0
    assert (await verify(worker)).differences == 0
    await right(app, world, recorded)


@pytest.mark.parametrize("compacted", [False, True])
async def test_a_parked_command_that_is_resolved_late_counts_like_every_other(
    worker: AsyncEngine, app: AsyncEngine, compacted: bool
) -> None:
    world = World(4, FIRST, LAST)
    recorded = list(world.cases(60))
    log = Log(world)
    events = [[log.envelope(entry) for entry in command] for command in commands(recorded)]
    parked, others = events[::7], [command for number, command in enumerate(events) if number % 7]
    handler = MovementHandler()
    async with worker.begin() as connection:
        await handler.apply(connection, others)
    await put_checkpoints(worker, log.heads.items())
    if compacted:
        await compact(worker, starts_at=1)
    for command in parked:
        async with worker.begin() as connection:
            await handler.apply(connection, [command])
    late = sum(map(len, parked))
    assert (await tail(worker) < late / 2) is compacted, "most of them lie before the marks, if there are marks"
    assert (await verify(worker)).differences == 0
    await right(app, world, recorded)


async def test_a_late_command_and_the_compactor_do_not_pass_each_other_by(
    worker: AsyncEngine, app: AsyncEngine
) -> None:
    world = World(5, FIRST, LAST)
    recorded = list(world.cases(60))
    log = Log(world)
    events = [[log.envelope(entry) for entry in command] for command in commands(recorded)]
    late, others = events[0], events[1:]
    handler = MovementHandler()
    async with worker.begin() as connection:
        await handler.apply(connection, others)
    await put_checkpoints(worker, log.heads.items())
    async with worker.begin() as connection:
        await handler.apply(connection, [late])
        # Not committed yet: the compactor must leave this part alone; it would move the mark past what it cannot see.
        await compact(worker, starts_at=1)
    assert await tail(worker) > 0
    await compact(worker, starts_at=1)
    assert await tail(worker) == 0
    assert (await verify(worker)).differences == 0
    await right(app, world, recorded, 10)


async def test_a_batch_that_was_applied_already_is_refused(worker: AsyncEngine) -> None:
    world = World(6, FIRST, LAST)
    log = Log(world)
    events: list[list[Envelope]] = [
        [log.envelope(entry) for entry in command] for command in commands(world.cases(5))
    ]
    handler = MovementHandler()
    async with worker.begin() as connection:
        await handler.apply(connection, events)
    await put_checkpoints(worker, log.heads.items())
    with pytest.raises(CheckpointMovedError):
        async with worker.begin() as connection:
            await handler.apply(connection, events[-1:])


async def test_the_app_role_cannot_touch_what_it_reads(app: AsyncEngine, metrics_database: TestDatabase) -> None:
    with psycopg.connect(metrics_database.app_url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in (
            "UPDATE movement SET sign = 1",
            "DELETE FROM movement",
            "UPDATE cube SET net = 0",
            "UPDATE cube_mark SET seq = 0",
            "UPDATE provider SET name = 'x'",
            "UPDATE comparison_group SET title = 'x'",
            "DELETE FROM comparison_group",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


async def test_rows_are_added_in_the_order_of_their_key(worker: AsyncEngine) -> None:
    """Two writers that meet in the same rows wait for each other once, never in a circle."""
    await load(worker, Log(World(7, FIRST, LAST)), World(7, FIRST, LAST).cases(60))
    await compact(worker, starts_at=1)
    async with worker.connect() as connection:
        by_key = (await connection.execute(text(f"SELECT {CUBE_KEY} FROM cube ORDER BY {CUBE_KEY}"))).all()
        packed = (await connection.execute(text(f"SELECT {CUBE_KEY} FROM cube ORDER BY {CUBE_ORDER}"))).all()
    assert len(by_key) > 1000
    assert packed == by_key
