"""Each command has its effect exactly once, whatever the transport delivers."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.parts import part_of
from shared.contracts.position import Position
from shared.events.applier import BREAKER_PARKED
from shared.events.consumer import Consumer, State
from shared.events.feed_client import FeedClient
from shared.events.ports import Command, Delivery, InvalidCommandError, Outcome, UnsupportedVersionError
from shared.events.progress import NotYetFoldedError, UnknownEpochError, progress, wait_until_folded
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.consuming import (
    ScriptedSource,
    assert_exactly_once,
    counters,
    deliveries,
    make_consumer,
    running,
    until_consumed,
)
from tests.integration.events.server import Server, client_of, serving
from tests.integration.events.support import (
    SOURCE,
    UNUSED,
    Tally,
    engine_for,
    execute,
    make_command,
    rows,
    stamp_all,
    until,
    write,
)
from tests.support.databases import TestDatabase

CASE = new_id()
PART = part_of(Traeger.LWL, CASE)


@pytest.fixture
async def server(database: TestDatabase) -> AsyncIterator[Server]:
    """The feed of the producer."""
    async with serving(database) as running_server:
        yield running_server


@pytest.fixture
async def archive(server: Server) -> AsyncIterator[FeedClient]:
    """A client of the feed."""
    async with client_of(server) as client:
        yield client


async def produce(app: AsyncEngine, worker: AsyncEngine, cases: int = 20, versions: int = 3) -> None:
    """A log over both Träger, commands of one to four events."""
    chance = random.Random(4711)
    keys = [(chance.choice(list(Traeger)), new_id()) for _ in range(cases)]
    for version in range(1, versions + 1):
        await write(app, *[make_command(k, version, chance.randint(1, 4), traeger=t) for t, k in keys])
    await stamp_all(worker)


async def test_a_log_is_applied_and_the_next_events_too(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await produce(app, worker)
    async with running(make_consumer(worker, archive, Tally())):
        await until_consumed(worker)
        await write(app, make_command(CASE, 1, 2), make_command(CASE, 2, 1, kind=UNUSED))
        await stamp_all(worker)
        await until_consumed(worker)
    await assert_exactly_once(worker)
    counted = await counters(worker)
    assert (counted["ignored"], counted["duplicates"], counted["gaps"]) == (1, 0, 0)
    async with worker.connect() as connection:
        here = {item.part: item for item in await progress(connection)}
    assert here[PART].source == SOURCE
    assert here[PART].recorded_until is not None


async def test_a_restart_goes_on_at_the_checkpoint(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    for _ in range(3):
        await produce(app, worker)
        async with running(make_consumer(worker, archive, Tally())):
            await until_consumed(worker)
    await assert_exactly_once(worker)
    assert (await counters(worker))["duplicates"] == 0


async def test_everything_three_times_and_old_records_again_out_of_order(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await produce(app, worker)
    log = await deliveries(worker)
    tripled = [item for item in log for _ in range(3)]
    old = random.Random(1).sample(log, 50)
    source = ScriptedSource(tripled[:100], tripled[100:], old)
    async with running(make_consumer(worker, archive, Tally(), source)):
        await until(lambda: _drained(source))
        await until_consumed(worker)
    await assert_exactly_once(worker)
    counted = await counters(worker)
    assert (counted["duplicates"], counted["gaps"]) == (2 * len(log) + 50, 0)


@pytest.mark.parametrize("lost", [1, 3])
async def test_records_missing_in_the_transport_come_from_the_archive(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, lost: int
) -> None:
    await write(app, *[make_command(CASE, version, 2) for version in range(1, 6)])
    await stamp_all(worker)
    log = await deliveries(worker)
    source = ScriptedSource(log[:3] + log[3 + lost :])
    async with running(make_consumer(worker, archive, Tally(), source)):
        await until_consumed(worker)
    await assert_exactly_once(worker)
    counted = await counters(worker)
    assert (counted["gaps"], counted["duplicates"]) == (1, 0)


async def test_a_gap_waits_for_the_archive_and_is_never_skipped(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, server: Server
) -> None:
    await write(app, make_command(CASE, 1))
    await stamp_all(worker)
    async with running(make_consumer(worker, archive, Tally())):
        await until_consumed(worker)
    await write(app, *[make_command(CASE, version, 2) for version in range(2, 5)])
    await stamp_all(worker)
    await server.stop()
    log = await deliveries(worker)
    source = ScriptedSource(*[[log[0], *log[2:]] for _ in range(1000)])
    consumer = make_consumer(worker, archive, Tally(), source)
    async with running(consumer):
        await until(lambda: _is(consumer, State.WAITING))
        await asyncio.sleep(0.3)
        assert (await counters(worker))["seq"] == 1
        await server.start()
        await until_consumed(worker)
    await assert_exactly_once(worker)


async def test_the_lost_end_of_a_transport_is_noticed(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await produce(app, worker)
    log = await deliveries(worker)
    source = ScriptedSource([item for item in log if item.part != log[-1].part])
    async with running(make_consumer(worker, archive, Tally(), source)):
        await until_consumed(worker)
        await until(lambda: _reopened(source))
    await assert_exactly_once(worker)
    assert (await counters(worker))["gaps"] == 1


FOREIGN: dict[str, Callable[[bytes], bytes]] = {
    "no JSON": lambda value: b"\xff\x00 nonsense",
    "cut": lambda value: value[:-20],
    "empty": lambda value: b"",
    "null": lambda value: b"null",
    "large": lambda value: b"x" * 900_000,
    "no sequence": lambda value: value.replace(b'"sequence"', b'"consequence"'),
    "sequence without number": lambda value: value.replace(b'"sequence":"0', b'"sequence":"x'),
    "sequence zero": lambda value: value.replace(value[value.index(b'"sequence":"') :][12:32], b"0" * 20),
    "wrong part": lambda value: value.replace(b'"feedpart":', b'"feedpart":1'),
    "wrong source": lambda value: value.replace(b'"source":"/cases"', b'"source":"/other"'),
    "unknown tenant": lambda value: value.replace(b'"tenant":"LWL"', b'"tenant":"LWV"'),
    "not of this command": lambda value: value.replace(b'"index":2', b'"index":1'),
    "no place": lambda value: value.replace(b'"of":2', b'"of":"2"'),
}


@pytest.mark.parametrize("damage", list(FOREIGN))
async def test_a_damaged_record_is_kept_for_inspection_and_the_event_repaired(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, damage: str
) -> None:
    await write(app, *[make_command(CASE, version, 2) for version in range(1, 4)])
    await stamp_all(worker)
    log = await deliveries(worker)
    bad = Delivery(PART, FOREIGN[damage](log[3].value))
    assert bad.value != log[3].value
    source = ScriptedSource([*log[:3], bad, *log[4:]])
    async with running(make_consumer(worker, archive, Tally(), source)):
        await until_consumed(worker)
    await assert_exactly_once(worker)
    assert (await counters(worker))["gaps"] == 1
    assert await rows(worker, "SELECT source, part, value, times FROM foreign_record") == [
        (SOURCE, PART, bad.value, 1)
    ]


async def test_another_event_under_a_number_taken_is_seen(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await write(app, make_command(CASE, 1))
    await stamp_all(worker)
    (record,) = await deliveries(worker)
    at = record.value.index(b'"id":"') + 6
    forged = Delivery(PART, record.value[:at] + str(new_id()).encode() + record.value[at + 36 :])
    source = ScriptedSource([record], [forged])
    async with running(make_consumer(worker, archive, Tally(), source)):
        await until(lambda: _foreign(worker, "another event under a number taken"))
    await assert_exactly_once(worker)


async def test_a_number_that_the_log_does_not_reach_is_foreign(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await write(app, *[make_command(CASE, version) for version in range(1, 4)])
    await stamp_all(worker)
    log = await deliveries(worker)
    ahead = Delivery(PART, log[2].value.replace(b"0000000003", b"0000000900"))
    source = ScriptedSource([log[0], ahead, *log[1:]])
    async with running(make_consumer(worker, archive, Tally(), source)):
        await until(lambda: _foreign(worker, "numbered ahead of the log"))
        await until_consumed(worker)
    await assert_exactly_once(worker)


async def test_only_whole_commands_have_an_effect_and_what_hangs_over_is_not_kept(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await write(app, make_command(CASE, 1, 2), make_command(CASE, 2, 5))
    await stamp_all(worker)
    log = await deliveries(worker)
    source = ScriptedSource(log[:4])
    async with running(make_consumer(worker, archive, Tally(), source, heads_seconds=60)):
        await until(lambda: _drained(source))
        await until(lambda: _counted(worker, "seq", 2))
    await assert_exactly_once(worker)
    again = ScriptedSource(log[4:5], log[2:4], log[4:6], log[6:])
    async with running(make_consumer(worker, archive, Tally(), again)):
        await until_consumed(worker)
    assert again.opened[0][1][PART] == 2, "it begins behind the last whole command"
    await assert_exactly_once(worker)


async def test_a_command_that_the_log_itself_holds_only_in_part_is_parked(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    whole, torn, last = (make_command(new_id(), 1, 3), make_command(CASE, 1, 3), make_command(CASE, 2, 1))
    await write(app, whole, torn, last)
    await execute(
        worker,
        "INSERT INTO outbox_in (tenant, part, key, key_version, recorded_at, event_ids, types, bodies)"
        " SELECT tenant, part, key, 9, recorded_at, event_ids[1:2], types[1:2], bodies[1:2] FROM outbox_in"
        " WHERE key = :key AND key_version = 1",
        key=CASE,
    )
    await execute(worker, "DELETE FROM outbox_in WHERE key = :key AND key_version = 1", key=CASE)
    await write(app, make_command(CASE, 3, 2))
    await stamp_all(worker)
    async with running(make_consumer(worker, archive, Tally())):
        await until_consumed(worker)
    await assert_exactly_once(worker)
    assert (await counters(worker))["parked"] == 2
    reasons = await rows(worker, "SELECT reason, cardinality(envelopes) FROM parked")
    assert reasons == [("the log holds only a part of this command", 2)]


async def test_an_envelope_that_nobody_can_read_is_parked_and_blocks_nobody(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await write(app, make_command(CASE, 1))
    await execute(
        worker,
        "INSERT INTO outbox_in (tenant, part, key, key_version, recorded_at, event_ids, types, bodies)"
        " SELECT tenant, part, key, 2, recorded_at, ARRAY[gen_random_uuid()], types, ARRAY[:body]"
        " FROM outbox_in",
        body='{"nothing":true}',
    )
    await write(app, make_command(CASE, 3))
    await stamp_all(worker)
    async with running(make_consumer(worker, archive, Tally())):
        await until_consumed(worker)
    counted = await counters(worker)
    assert (counted["applied"], counted["parked"]) == (2, 1)
    assert await rows(worker, "SELECT tenant, first_seq FROM parked") == [("LWL", 2)]


async def test_two_consumers_at_once_count_once(app: AsyncEngine, worker: AsyncEngine, archive: FeedClient) -> None:
    await produce(app, worker, cases=60, versions=4)
    async with running(*[make_consumer(worker, archive, Tally(), batch=50) for _ in range(3)]):
        await until_consumed(worker)
        await produce(app, worker, cases=60, versions=2)
        await until_consumed(worker)
    await assert_exactly_once(worker)


async def test_a_zombie_finds_its_checkpoint_moved_and_has_no_effect(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    """It has applied its batch and sleeps before the commit, while another one overtakes it."""
    await produce(app, worker)
    asleep, wake, slow = asyncio.Event(), asyncio.Event(), Tally()

    async def sleep(_connection: AsyncConnection, _commands: Sequence[Command]) -> None:
        asleep.set()
        await wake.wait()

    slow.after = sleep
    zombie = make_consumer(worker, archive, slow, ScriptedSource(await deliveries(worker)))
    async with running(zombie):
        await asyncio.wait_for(asleep.wait(), 10)
        async with running(make_consumer(worker, archive, Tally())):
            await until_consumed(worker)
        wake.set()
        await produce(app, worker)
        await until_consumed(worker)
    await assert_exactly_once(worker)


async def test_another_epoch_halts(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, database: TestDatabase
) -> None:
    await produce(app, worker)
    async with running(make_consumer(worker, archive, Tally())):
        await until_consumed(worker)
    async with engine_for(database.owner_url) as engine:
        await execute(engine, "UPDATE feed_meta SET current = false")
        await execute(engine, "INSERT INTO feed_meta VALUES ('cases-second', now(), 'restored', true)")
    before = await counters(worker)
    for source in (None, ScriptedSource()):
        consumer = make_consumer(worker, archive, Tally(), source)
        async with running(consumer):
            await until(lambda c=consumer: _is(c, State.HALTED))  # type: ignore[misc]
            assert consumer.reason is not None
            assert "epoch" in consumer.reason
    assert await counters(worker) == before


async def test_a_stray_record_of_another_epoch_does_not_halt(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    """What is left of an earlier epoch in a topic, or forged: the producer itself says which epoch holds."""
    await produce(app, worker)
    log = await deliveries(worker)
    stray = [Delivery(item.part, item.value.replace(b'"feedepoch":"cases-', b'"feedepoch":"older-')) for item in log]
    source = ScriptedSource([*stray, *log])
    async with running(make_consumer(worker, archive, Tally(), source)):
        await until_consumed(worker)
    await assert_exactly_once(worker)
    assert await rows(worker, "SELECT reason FROM foreign_record") == [("of another epoch",)]


async def test_a_log_put_back_to_an_earlier_state_halts(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await write(app, *[make_command(CASE, version) for version in range(1, 4)])
    await stamp_all(worker)
    consumer = make_consumer(worker, archive, Tally(), ScriptedSource(await deliveries(worker)))
    async with running(consumer):
        await until_consumed(worker)
        await execute(worker, "UPDATE feed_head SET seq = 1 WHERE part = :part", part=PART)
        await until(lambda: _is(consumer, State.HALTED))
    await execute(worker, "UPDATE feed_head SET seq = 3 WHERE part = :part", part=PART)
    await assert_exactly_once(worker)


async def test_a_version_the_handler_does_not_know_halts_and_moves_nothing(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    class Old(Tally):
        async def apply(self, connection: AsyncConnection, commands: Sequence[Command]) -> Outcome:
            raise UnsupportedVersionError("counted.v2")

    await produce(app, worker)
    consumer = make_consumer(worker, archive, Old())
    async with running(consumer):
        await until(lambda: _is(consumer, State.HALTED))
        assert "counted.v2" in str(consumer.reason)
    assert (await counters(worker))["seq"] == 0


async def test_a_handler_that_loses_events_halts(app: AsyncEngine, worker: AsyncEngine, archive: FeedClient) -> None:
    class Careless(Tally):
        async def apply(self, connection: AsyncConnection, commands: Sequence[Command]) -> Outcome:
            outcome = await super().apply(connection, commands)
            return Outcome(outcome.applied - 1, 0)

    await produce(app, worker)
    consumer = make_consumer(worker, archive, Careless())
    async with running(consumer):
        await until(lambda: _is(consumer, State.HALTED))
    assert await rows(worker, "SELECT count(*) FROM effect") == [(0,)]


async def test_too_many_failing_commands_halt(app: AsyncEngine, worker: AsyncEngine, archive: FeedClient) -> None:
    class Broken(Tally):
        async def apply(self, connection: AsyncConnection, commands: Sequence[Command]) -> Outcome:
            if len(commands) == 1 and commands[0][0].id.int % 3 == 0:
                raise InvalidCommandError("every third")
            if any(command[0].id.int % 3 == 0 for command in commands):
                raise InvalidCommandError("one of them")
            return await super().apply(connection, commands)

    await produce(app, worker, cases=100)
    consumer = make_consumer(worker, archive, Broken())
    async with running(consumer):
        await until(lambda: _is(consumer, State.HALTED))
    await assert_exactly_once(worker)
    assert await rows(worker, "SELECT count(*) FROM parked") == [(BREAKER_PARKED,)]


async def test_the_first_start_waits_for_the_producer(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, server: Server
) -> None:
    await produce(app, worker)
    await server.stop()
    consumer = make_consumer(worker, archive, Tally())
    async with running(consumer):
        await until(lambda: _is(consumer, State.WAITING))
        await server.start()
        await until_consumed(worker)
        await until(lambda: _is(consumer, State.RUNNING))
    await assert_exactly_once(worker)


async def test_a_producer_that_comes_and_goes(
    app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, server: Server
) -> None:
    async with running(make_consumer(worker, archive, Tally())):
        for _ in range(3):
            await produce(app, worker)
            await server.stop()
            await server.start()
            await until_consumed(worker)
    await assert_exactly_once(worker)


async def test_reads_can_wait_for_a_position(app: AsyncEngine, worker: AsyncEngine, archive: FeedClient) -> None:
    async with running(make_consumer(worker, archive, Tally())):
        await until_consumed(worker)
        epoch = (await archive.heads()).epoch
        position = Position(epoch, PART, 2)
        with pytest.raises(NotYetFoldedError):
            await wait_until_folded(app, position, seconds=0.1)
        waiting = asyncio.create_task(wait_until_folded(app, position))
        await write(app, make_command(CASE, 1, 2))
        await stamp_all(worker)
        await waiting
        with pytest.raises(UnknownEpochError):
            await wait_until_folded(app, Position("cases-other", PART, 2))
    assert await rows(worker, "SELECT count(*) FROM effect") == [(2,)]


async def _drained(source: ScriptedSource) -> bool:
    return not source.batches


async def _reopened(source: ScriptedSource) -> bool:
    return len(source.opened) > 1


async def _is(consumer: Consumer, state: State) -> bool:
    return consumer.state is state


async def _foreign(engine: AsyncEngine, reason: str) -> bool:
    return await rows(engine, "SELECT reason FROM foreign_record") == [(reason,)]


async def _counted(engine: AsyncEngine, counter: str, value: int) -> bool:
    return (await counters(engine))[counter] == value
