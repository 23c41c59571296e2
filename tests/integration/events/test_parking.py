"""A command that cannot be applied is parked whole, blocks nobody, and is resolved exactly once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.parts import part_of
from shared.db.engine import tenant_transaction
from shared.events.applier import ATTEMPTS
from shared.events.feed_client import FeedClient
from shared.events.outbox import OutboxCommand
from shared.events.parking import NotParkedError, discard, list_parked, parked_events, resolve
from shared.events.ports import Command, Outcome
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.consuming import assert_exactly_once, counters, make_consumer, running, until_consumed
from tests.integration.events.server import client_of, serving
from tests.integration.events.support import SOURCE, Tally, make_command, rows, stamp_all, write
from tests.support.databases import TestDatabase

NOW = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture
async def archive(database: TestDatabase) -> AsyncIterator[FeedClient]:
    """A client of the feed of the producer."""
    async with serving(database) as server, client_of(server) as client:
        yield client


async def written(app: AsyncEngine, worker: AsyncEngine) -> list[OutboxCommand]:
    """Sixty stamped commands of three events each, of both Träger."""
    commands = [make_command(new_id(), 1, 3, traeger=traeger) for _ in range(30) for traeger in Traeger]
    await write(app, *commands)
    await stamp_all(worker)
    return commands


@pytest.mark.parametrize("kind", ["invalid", "faulty"])
async def test_only_the_command_that_fails_is_parked_and_all_of_it(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, kind: str
) -> None:
    commands, handler = await written(app, worker), Tally()
    bad = [commands[7], commands[20]]
    getattr(handler, kind).update(command.events[1].id for command in bad)
    async with running(make_consumer(worker, archive, handler)):
        await until_consumed(worker)
        await write(app, make_command(bad[0].key, 2, traeger=bad[0].traeger))
        await stamp_all(worker)
        await until_consumed(worker)
    await assert_exactly_once(worker)
    counted = await counters(worker)
    assert (counted["applied"], counted["parked"]) == (58 * 3 + 1, 6)
    async with worker.connect() as connection:
        parked = {item.subject: item for item in await list_parked(connection)}
        assert await parked_events(connection) == 6
    assert parked.keys() == {str(command.key) for command in bad}
    for command in bad:
        item = parked[str(command.key)]
        assert (item.source, item.tenant, item.last_seq - item.first_seq) == (SOURCE, command.traeger.value, 2)
        assert item.part == part_of(command.traeger, command.key)
        assert item.reason == ("refused by the test" if kind == "invalid" else "KeyError: 'a bug in the handler'")


async def test_what_fails_is_tried_three_times_alone(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    handler, key, batches = Tally(), new_id(), []
    commands = [make_command(key, version, 2) for version in range(1, 17)]
    await write(app, *commands)
    await stamp_all(worker)
    handler.faulty.add(commands[3].events[0].id)

    async def remember(_connection: AsyncConnection, batch: Sequence[Command]) -> None:
        batches.append([command[0].seq // 2 for command in batch])

    handler.before = remember
    async with running(make_consumer(worker, archive, handler)):
        await until_consumed(worker)
    assert batches.count([3]) == ATTEMPTS
    assert len(batches) == 11, "halved until it stood alone: 16, 8, 4, 2+2, 1+1 and what was left over"


async def test_what_passes_by_itself_is_waited_out_and_neither_halved_nor_parked(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    key = new_id()
    await write(app, *[make_command(key, version, 2) for version in range(1, 17)])
    await stamp_all(worker)
    handler, failures, batches = Tally(), 4, []

    async def fail(connection: AsyncConnection, commands: Sequence[Command]) -> None:
        nonlocal failures
        batches.append(len(commands))
        if failures:
            failures -= 1
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    handler.after = fail
    async with running(make_consumer(worker, archive, handler)):
        await until_consumed(worker)
    await assert_exactly_once(worker)
    assert (batches, (await counters(worker))["parked"]) == ([16] * 5, 0)


async def park_one(app: AsyncEngine, worker: AsyncEngine, archive: FeedClient) -> tuple[int, int]:
    """Park one command of three events; where it is."""
    commands, handler = await written(app, worker), Tally()
    handler.faulty.add(commands[5].events[2].id)
    async with running(make_consumer(worker, archive, handler)):
        await until_consumed(worker)
    async with worker.connect() as connection:
        (item,) = await list_parked(connection)
    return item.part, item.first_seq


async def test_it_is_resolved_once_even_by_ten_at_the_same_time(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    part, first = await park_one(app, worker, archive)
    fixed, before = Tally(), (await counters(worker))["seq"]
    attempts = [resolve(worker, fixed, source=SOURCE, part=part, first_seq=first, now=NOW) for _ in range(10)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert [result for result in results if not isinstance(result, NotParkedError)] == [Outcome(3, 0)]
    await assert_exactly_once(worker)
    assert await rows(worker, "SELECT count(*) FROM effect") == [(180,)]
    counted = await counters(worker)
    assert (counted["seq"], counted["applied"], counted["parked"]) == (before, 180, 0)
    assert await rows(worker, "SELECT resolved_at, resolution FROM parked") == [(NOW, "APPLIED")]


async def test_a_resolution_that_fails_leaves_it_parked(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    part, first = await park_one(app, worker, archive)
    cut = Tally()

    async def lose_the_connection(connection: AsyncConnection, _commands: Sequence[Command]) -> None:
        await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    cut.after = lose_the_connection
    with pytest.raises(OperationalError):
        await resolve(worker, cut, source=SOURCE, part=part, first_seq=first, now=NOW)
    await assert_exactly_once(worker)
    assert (await counters(worker))["parked"] == 3
    assert await resolve(worker, Tally(), source=SOURCE, part=part, first_seq=first, now=NOW) == Outcome(3, 0)
    await assert_exactly_once(worker)


async def test_it_can_be_discarded_and_then_no_more_be_resolved(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    part, first = await park_one(app, worker, archive)
    assert await discard(worker, source=SOURCE, part=part, first_seq=first, now=NOW) == Outcome(0, 3)
    with pytest.raises(NotParkedError):
        await resolve(worker, Tally(), source=SOURCE, part=part, first_seq=first, now=NOW)
    await assert_exactly_once(worker)
    counted = await counters(worker)
    assert (counted["applied"], counted["ignored"], counted["parked"]) == (177, 3, 0)


async def test_a_traeger_sees_only_what_is_parked_of_its_own(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    commands, handler = await written(app, worker), Tally()
    handler.invalid.add(commands[0].events[0].id)
    async with running(make_consumer(worker, archive, handler)):
        await until_consumed(worker)
    for traeger in Traeger:
        async with tenant_transaction(app, traeger, "test") as connection:
            expected = 3 if traeger is commands[0].traeger else 0
            assert await parked_events(connection) == expected
            assert len(await list_parked(connection)) == expected // 3
