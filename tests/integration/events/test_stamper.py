"""The log is dense, complete and in order, whatever writers and stampers do at the same time (I1-I3)."""

import asyncio
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import groupby
from uuid import UUID

import msgspec
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.envelope import decode_envelope
from shared.contracts.parts import part_of
from shared.db.engine import tenant_transaction
from shared.events.outbox import MAX_EVENT_BYTES, EventTooLargeError, append
from shared.events.stamper import Stamper
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.support import (
    NOON,
    Logged,
    execute,
    make_command,
    read_log,
    rows,
    stamp_all,
    until,
    write,
)
from tests.support.databases import TestDatabase


@asynccontextmanager
async def stamping(engine: AsyncEngine, count: int = 1) -> AsyncIterator[None]:
    """Stampers at work."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(Stamper(engine).run(stop)) for _ in range(count)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


@contextmanager
def stamper_process(url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A stamper as a process of its own; it is dead afterwards."""
    command = [sys.executable, "-m", "tests.integration.events.stamper_process", url, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def assert_dense_and_ordered(log: Sequence[Logged]) -> None:
    """I1 and I3: per part 1..n; commands whole and side by side; versions of a key ascend."""
    for part, group in groupby(log, key=lambda row: row.part):
        own = list(group)
        assert [row.seq for row in own] == list(range(1, len(own) + 1)), f"part {part} has a hole"
        for (_key, _version), command in groupby(own, key=lambda row: (row.key, row.key_version)):
            events = list(command)
            assert [row.index for row in events] == list(range(1, len(events) + 1))
    places: defaultdict[UUID, list[tuple[int, int]]] = defaultdict(list)
    for row in log:
        places[row.key].append((row.key_version, row.index))
    inversions = [key for key, seen in places.items() if seen != sorted(seen)]
    assert inversions == []
    commands = Counter((row.key, row.key_version) for row in log)
    of = {(row.key, row.key_version): msgspec.json.decode(row.envelope)["data"]["of"] for row in log}
    assert commands == of, "a command is in the log only in part"


async def test_envelopes_carry_their_place_in_front_of_the_bytes_of_the_writer(
    app: AsyncEngine, worker: AsyncEngine
) -> None:
    command = make_command(new_id(), 1, 3)
    await write(app, command)
    ((bodies,),) = await rows(worker, "SELECT bodies FROM outbox_in")
    assert await stamp_all(worker) == 3
    part = part_of(Traeger.LWL, command.key)
    ((epoch,),) = await rows(worker, "SELECT epoch FROM feed_meta WHERE current")
    assert isinstance(bodies, list)
    for row, body, event in zip(await read_log(worker), bodies, command.events, strict=True):
        head = f'{{"feedepoch":"{epoch}","feedpart":{part},"sequence":"{row.seq:020}",'
        assert row.envelope == head + body[1:]
        assert (row.part, row.event_id, row.key) == (part, event.id, command.key)
        envelope = decode_envelope(row.envelope)
        assert (envelope.seq, envelope.feedpart, envelope.feedepoch) == (row.seq, part, epoch)
        assert envelope.data == event.data
    assert await rows(worker, "SELECT count(*) FROM outbox_in") == [(0,)]
    assert await rows(worker, "SELECT DISTINCT time FROM event_log") == [(NOON,)]


async def test_identities_are_drawn_one_by_one(worker: AsyncEngine) -> None:
    """Larger caches would let a later command of a case have the smaller id."""
    found = await rows(
        worker,
        "SELECT seqcache FROM pg_sequence"
        " WHERE seqrelid = CAST(pg_get_serial_sequence('outbox_in', 'id') AS regclass)",
    )
    assert found == [(1,)]


async def test_a_round_takes_whole_commands_from_the_lowest_id(app: AsyncEngine, worker: AsyncEngine) -> None:
    await write(app, *[make_command(new_id(), 1, 150) for _ in range(4)])
    stamper = Stamper(worker)
    async with worker.connect() as connection:
        assert await stamper.stamp(connection) == 300, (
            "200 events end inside the second command, which is taken whole"
        )
        assert await rows(worker, "SELECT min(id) FROM outbox_in") == [(3,)]
        assert await stamper.stamp(connection) == 300
    assert_dense_and_ordered(await read_log(worker))


async def test_one_command_larger_than_a_round_is_taken(app: AsyncEngine, worker: AsyncEngine) -> None:
    await write(app, make_command(new_id(), 1, 800))
    async with worker.connect() as connection:
        assert await Stamper(worker).stamp(connection) == 800
    assert_dense_and_ordered(await read_log(worker))


async def test_an_event_that_fits_no_transport_is_refused(app: AsyncEngine) -> None:
    with pytest.raises(EventTooLargeError):
        await write(app, make_command(new_id(), 1, padding=MAX_EVENT_BYTES))
    await write(app, make_command(new_id(), 1, padding=MAX_EVENT_BYTES - 1000))


async def test_a_late_commit_delays_only_itself(app: AsyncEngine, worker: AsyncEngine) -> None:
    late, other = make_command(new_id(), 1), make_command(new_id(), 1)
    async with stamping(worker):
        async with tenant_transaction(app, Traeger.LWL, "test") as connection:
            await append(connection, late)
            await write(app, other)
            await until(lambda: _logged(worker, 1))
            assert [row.key for row in await read_log(worker)] == [other.key]
        await until(lambda: _logged(worker, 2))
    assert_dense_and_ordered(await read_log(worker))


async def test_what_is_rolled_back_never_gets_a_number(app: AsyncEngine, worker: AsyncEngine) -> None:
    kept = make_command(new_id(), 1)
    async with tenant_transaction(app, Traeger.LWL, "test") as connection:
        await append(connection, make_command(new_id(), 1, 5))
        await connection.rollback()
    await write(app, kept)
    assert await stamp_all(worker) == 1
    assert [(row.key, row.seq) for row in await read_log(worker)] == [(kept.key, 1)]


async def test_a_transaction_in_another_database_holds_nothing_back(
    app: AsyncEngine, worker: AsyncEngine, database: TestDatabase
) -> None:
    elsewhere = database.superuser_conninfo.replace(f"dbname={database.name}", "dbname=postgres")
    async with await psycopg.AsyncConnection.connect(elsewhere) as connection:
        await connection.execute("CREATE TEMPORARY TABLE open_write (n int)")
        await write(app, make_command(new_id(), 1))
        assert await stamp_all(worker) == 1
        await connection.rollback()


async def test_the_second_stamper_waits_for_its_turn(app: AsyncEngine, worker: AsyncEngine) -> None:
    await write(app, make_command(new_id(), 1, 2))
    async with worker.connect() as first, worker.connect() as second:
        transaction = await first.begin()
        await first.execute(text("SELECT seq FROM feed_head ORDER BY part FOR UPDATE"))
        waiting = asyncio.create_task(Stamper(worker).stamp(second))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        await transaction.rollback()
        assert await waiting == 2


async def test_a_mistake_ends_in_an_abort_and_not_in_a_second_number(app: AsyncEngine, worker: AsyncEngine) -> None:
    command = make_command(new_id(), 1)
    await write(app, command)
    await stamp_all(worker)
    await write(app, command)
    with pytest.raises(SQLAlchemyError, match="uq_event_log_event_id"):
        await stamp_all(worker)
    assert len(await read_log(worker)) == 1


async def test_stampers_killed_again_and_again_leave_a_dense_log(
    app: AsyncEngine, worker: AsyncEngine, database: TestDatabase
) -> None:
    written = 0
    for kill in range(4):
        with stamper_process(database.worker_url) as process:
            before = len(await read_log(worker))
            for _ in range(10):
                await write(app, *[make_command(new_id(), 1, 3) for _ in range(20)])
                written += 60
            await until(lambda least=before + 60: _at_least(worker, least))  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL, f"kill {kill} took effect"
    await stamp_all(worker)
    log = await read_log(worker)
    assert len(log) == written
    assert_dense_and_ordered(log)


async def test_a_stamper_stopped_inside_a_round_is_overtaken_and_does_no_harm_when_it_wakes(
    app: AsyncEngine, worker: AsyncEngine, database: TestDatabase
) -> None:
    await write(app, make_command(new_id(), 1, 3))
    with stamper_process(database.worker_url, "stop") as frozen:
        assert frozen.stdout is not None
        assert await asyncio.to_thread(frozen.stdout.readline) == "locked\n"
        async with stamping(worker):
            await until(lambda: _logged(worker, 3), seconds=15)
            frozen.send_signal(signal.SIGCONT)
            await write(app, make_command(new_id(), 1, 2))
            await until(lambda: _logged(worker, 5))
    assert_dense_and_ordered(await read_log(worker))


async def test_stress(app: AsyncEngine, worker: AsyncEngine, database: TestDatabase) -> None:
    """Twelve writers on 200 hot cases, two stampers whose connections are cut, a reader that follows the numbers."""
    seconds, cases = 10, [(random.Random(n).choice(list(Traeger)), new_id()) for n in range(200)]
    for traeger, case in cases:
        async with tenant_transaction(app, traeger, "test") as connection:
            await connection.execute(text("INSERT INTO subject VALUES (:id, 0)"), {"id": case})
    committed: list[UUID] = []
    rolled_back: list[UUID] = []
    stop = asyncio.Event()
    writers = [
        asyncio.create_task(_write_until(stop, app, random.Random(seed), cases, committed, rolled_back))
        for seed in range(12)
    ]
    reader = asyncio.create_task(_follow(stop, worker))
    saw = asyncio.create_task(_cut_stampers(stop, database))
    async with stamping(worker, 2):
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.gather(*writers)
        cuts = await saw
        await until(lambda: _logged(worker, len(committed)))
    prefix = await reader
    log = await read_log(worker)
    assert {row.event_id for row in log} == set(committed), "I2: exactly what was committed"
    assert len(log) == len(committed)
    assert rolled_back
    assert committed
    assert cuts, "the cuts took effect"
    assert_dense_and_ordered(log)
    final = {(row.part, row.seq): row.event_id for row in log}
    assert prefix
    assert all(final[place] == event for place, event in prefix.items()), "I1: what was read never changes"


async def _write_until(
    stop: asyncio.Event,
    app: AsyncEngine,
    chance: random.Random,
    cases: Sequence[tuple[Traeger, UUID]],
    committed: list[UUID],
    rolled_back: list[UUID],
) -> None:
    while not stop.is_set():
        traeger, case = chance.choice(cases)
        roll_back, late = chance.random() < 0.1, chance.random() < 0.05
        connection = await app.connect()
        transaction = await connection.begin()
        await connection.execute(text("SELECT set_config('app.tenant_id', :tenant, true)"), {"tenant": traeger.value})
        statement = text("UPDATE subject SET version = version + 1 WHERE id = :id RETURNING version")
        version = (await connection.execute(statement, {"id": case})).scalar_one()
        command = make_command(case, version, chance.randint(1, 3), traeger=traeger)
        await append(connection, command)
        await asyncio.sleep(chance.random() * (1.5 if late else 0.02))
        ids = [event.id for event in command.events]
        if roll_back:
            await transaction.rollback()
            rolled_back += ids
        else:
            await transaction.commit()
            committed += ids
        await connection.close()


async def _follow(stop: asyncio.Event, worker: AsyncEngine) -> dict[tuple[int, int], UUID]:
    """Read behind the last number per part, again and again; a hole is never seen."""
    seen: dict[tuple[int, int], UUID] = {}
    ends: Counter[int] = Counter()
    while not stop.is_set():
        for part in range(12):
            found = await rows(
                worker,
                "SELECT seq, event_id FROM event_log WHERE part = :part AND seq > :after ORDER BY seq",
                part=part,
                after=ends[part],
            )
            for seq, event_id in found:
                assert seq == ends[part] + 1, f"hole in part {part} before {seq}"
                assert isinstance(event_id, UUID)
                ends[part] += 1
                seen[part, ends[part]] = event_id
        await asyncio.sleep(0.01)
    return seen


async def _cut_stampers(stop: asyncio.Event, database: TestDatabase) -> int:
    """Terminate whoever stamps at the moment, about five times a second; the number of cuts."""
    cuts, chance = 0, random.Random(4711)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND query LIKE '%%feed_head%%'"
    async with await psycopg.AsyncConnection.connect(database.superuser_conninfo, autocommit=True) as connection:
        while not stop.is_set():
            cursor = await connection.execute(
                cut + " AND usename = 'cases_worker' AND state <> 'idle'", [database.name]
            )
            cuts += len(await cursor.fetchall())
            await asyncio.sleep(0.05 + chance.random() * 0.1)
    return cuts


async def _logged(engine: AsyncEngine, count: int) -> bool:
    return await rows(engine, "SELECT count(*) FROM event_log") == [(count,)]


async def _at_least(engine: AsyncEngine, count: int) -> bool:
    ((found,),) = await rows(engine, "SELECT count(*) FROM event_log")
    assert isinstance(found, int)
    return found >= count


async def test_it_notifies_after_every_round(app: AsyncEngine, worker: AsyncEngine, database: TestDatabase) -> None:
    async with await psycopg.AsyncConnection.connect(database.superuser_conninfo, autocommit=True) as connection:
        await connection.execute("LISTEN event_log")
        await write(app, make_command(new_id(), 1))
        await stamp_all(worker)
        heard = [notice.channel async for notice in connection.notifies(timeout=5, stop_after=1)]
    assert heard == ["event_log"]


async def test_a_parted_database_is_waited_out(app: AsyncEngine, worker: AsyncEngine, database: TestDatabase) -> None:
    async with stamping(worker):
        async with await psycopg.AsyncConnection.connect(database.superuser_conninfo, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid()",
                [database.name],
            )
        await app.dispose()
        await execute(app, "SELECT 1")
        await write(app, make_command(new_id(), 1))
        await until(lambda: _logged(worker, 1))
