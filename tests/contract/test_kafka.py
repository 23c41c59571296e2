"""Relay and consumer on a real broker that crashes, loses, refuses and holds what it should not (I4, I5)."""

import asyncio
import os
import signal
import sys

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.kafka import KafkaBroker
from shared.contracts.parts import part_of
from shared.events.epochs import forget, open_epoch
from shared.events.feed_client import FeedClient
from shared.events.feed_source import FeedSource
from shared.events.kafka import ensure_topic
from shared.events.relay import Relay
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.contract.kafka_tools import delete_topic, first_appearances, put, records, set_max_bytes
from tests.contract.test_sources import fill, log_of
from tests.contract.transports import KafkaTransport
from tests.integration.events.consuming import assert_exactly_once, counters, make_consumer, running, until_consumed
from tests.integration.events.support import (
    SERVICE,
    SOURCE,
    Tally,
    engine_for,
    make_command,
    rows,
    stamp_all,
    until,
    write,
)
from tests.support.databases import TestDatabase

pytestmark = pytest.mark.kafka

CASE = new_id()
PART = part_of(Traeger.LWL, CASE)


@pytest.fixture
async def kafka(kafka_broker: KafkaBroker, worker: AsyncEngine, topic: str) -> KafkaTransport:
    """A topic without a relay."""
    await ensure_topic(kafka_broker.bootstrap, topic)
    return KafkaTransport(worker, kafka_broker.bootstrap, topic)


async def assert_topic_is_the_log(kafka: KafkaTransport, worker: AsyncEngine) -> None:
    """I4 and I5: first appearances are the log, dense and byte for byte; the rest are duplicates."""
    found = await records(kafka.bootstrap, kafka.topic)
    assert {part: first_appearances(values) for part, values in found.items()} == await log_of(worker)


async def test_what_is_published_is_the_log(kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine) -> None:
    async with kafka.running():
        await fill(app, kafka)
        await fill(app, kafka)
    assert await records(kafka.bootstrap, kafka.topic) == await log_of(worker), "and nothing twice"


@pytest.mark.parametrize("point", ["sent", "acknowledged"])
async def test_a_relay_killed_with_a_batch_under_way_leaves_duplicates_at_worst(
    kafka: KafkaTransport, database: TestDatabase, app: AsyncEngine, worker: AsyncEngine, point: str
) -> None:
    for count in (1, 3):
        await write(app, *[make_command(new_id(), 1, 3) for _ in range(60)])
        await stamp_all(worker)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.contract.relay_process",
            database.worker_url, kafka.bootstrap, kafka.topic, point, str(count),
        )  # fmt: skip
        assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL, "the kill took effect"
    async with kafka.running():
        await fill(app, kafka, 10)
    await assert_topic_is_the_log(kafka, worker)


async def test_two_relays_at_once_publish_duplicates_at_worst(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine
) -> None:
    async with kafka.running(), kafka.running():
        for _ in range(5):
            await fill(app, kafka, 40)
    await assert_topic_is_the_log(kafka, worker)


async def test_a_part_whose_batch_is_refused_stops_and_the_others_go_on(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    """After the refusal smaller batches would pass; a relay that goes on with them leaves a hole."""
    await set_max_bytes(kafka.bootstrap, kafka.topic, 20_000)
    large, other = make_command(CASE, 2, padding=50_000), new_id()
    while part_of(Traeger.LWL, other) == PART:
        other = new_id()
    await write(app, make_command(CASE, 1))
    async with kafka.running() as relay:
        await kafka.publish()
        await write(app, large, *[make_command(CASE, version) for version in range(3, 9)])
        await stamp_all(worker)
        for version in range(1, 6):
            await write(app, make_command(other, version))
            await stamp_all(worker)
            await until(lambda n=version: _published(worker, part_of(Traeger.LWL, other), n), seconds=30)  # type: ignore[misc]
        assert await _published(worker, PART, 1), "nothing behind the refused batch"
        assert relay.refused is None
        assert len((await records(kafka.bootstrap, kafka.topic))[PART]) == 1
        await set_max_bytes(kafka.bootstrap, kafka.topic, 1_048_576)
        await kafka.publish()
    await assert_topic_is_the_log(kafka, worker)


async def test_a_broker_killed_under_load(
    kafka: KafkaTransport, kafka_broker: KafkaBroker, app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    consumer = make_consumer(worker, archive, Tally(), kafka.source(), heads_seconds=1)
    stop = asyncio.Event()

    async def produce() -> None:
        while not stop.is_set():
            await write(app, *[make_command(new_id(), 1, 2) for _ in range(5)])
            await stamp_all(worker)
            await asyncio.sleep(0.05)

    async with kafka.running(), running(consumer):
        producing = asyncio.create_task(produce())
        await until(lambda: _applied(worker, 50))
        os.kill(kafka_broker.broker_pid() or 0, signal.SIGKILL)
        before = (await counters(worker))["seq"]
        await until(lambda: _applied(worker, before + 20), seconds=60)
        await asyncio.to_thread(kafka_broker.start)
        await asyncio.sleep(2)
        stop.set()
        await producing
        await until_consumed(worker, seconds=60)
        await kafka.publish()
    await assert_exactly_once(worker)
    await assert_topic_is_the_log(kafka, worker)


async def test_a_record_missing_in_kafka_only(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await write(app, *[make_command(CASE, version, 2) for version in range(1, 6)])
    await stamp_all(worker)
    log = (await log_of(worker))[PART]
    await put(kafka.bootstrap, kafka.topic, PART, [*log[:4], *log[5:]])
    async with running(make_consumer(worker, archive, Tally(), kafka.source(), heads_seconds=60)):
        await until_consumed(worker)
    await assert_exactly_once(worker)
    assert (await counters(worker))["gaps"] == 1


async def test_records_that_do_not_belong_there(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    await write(app, *[make_command(CASE, version, 2) for version in range(1, 6)])
    await stamp_all(worker)
    log = (await log_of(worker))[PART]
    nonsense = [None, b"", b"\xff", b"[]", b"x" * 900_000, log[0].replace(b'"feedpart":', b'"feedpart":1')]
    await put(kafka.bootstrap, kafka.topic, PART, [*nonsense, *log[:5], *nonsense, *log[2:7], *log[7:], *nonsense])
    async with running(make_consumer(worker, archive, Tally(), kafka.source(), heads_seconds=60)):
        await until_consumed(worker)
        await until(lambda: _foreign(worker, 18))
    await assert_exactly_once(worker)
    counted = await counters(worker)
    assert (counted["gaps"], counted["duplicates"]) == (0, 3)


async def test_offsets_are_hints_only(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    """Everything published three times, then a topic made anew: no number stands where its offset suggests."""
    await write(app, *[make_command(CASE, version, 2) for version in range(1, 1501)])
    await stamp_all(worker)
    log = (await log_of(worker))[PART]
    async with kafka.running():
        await kafka.publish()
    await put(kafka.bootstrap, kafka.topic, PART, [*log, *log])
    async with running(make_consumer(worker, archive, Tally(), kafka.source(), heads_seconds=60)):
        await until_consumed(worker)
        await write(app, make_command(CASE, 1501, 2))
        async with kafka.running():
            await kafka.publish()
        await until_consumed(worker)
    async with running(make_consumer(worker, archive, Tally(), kafka.source(), heads_seconds=60)):
        await write(app, make_command(CASE, 1502, 2))
        async with kafka.running():
            await kafka.publish()
        await until_consumed(worker)
    await delete_topic(kafka.bootstrap, kafka.topic)
    await asyncio.sleep(1)
    await ensure_topic(kafka.bootstrap, kafka.topic)
    log = (await log_of(worker))[PART]
    await put(kafka.bootstrap, kafka.topic, PART, log[-3:])
    await write(app, make_command(CASE, 1503, 2))
    async with kafka.running():
        await kafka.publish()
    async with running(make_consumer(worker, archive, Tally(), kafka.source(), heads_seconds=60)):
        await until_consumed(worker)
    await assert_exactly_once(worker)
    assert (await counters(worker))["gaps"] == 0


async def test_a_topic_that_lost_its_end_gets_it_again(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await write(app, *[make_command(CASE, version, 2) for version in range(1, 6)])
    async with kafka.running():
        await kafka.publish()
    await delete_topic(kafka.bootstrap, kafka.topic)
    await asyncio.sleep(1)
    await ensure_topic(kafka.bootstrap, kafka.topic)
    log = (await log_of(worker))[PART]
    await put(kafka.bootstrap, kafka.topic, PART, log[:4])
    await write(app, make_command(CASE, 6, 2))
    async with kafka.running():
        await kafka.publish()
    assert await records(kafka.bootstrap, kafka.topic) == await log_of(worker)


async def test_a_log_that_was_put_back_is_not_published(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, database: TestDatabase
) -> None:
    """Kafka is ahead of the database, as after a restore; only a new epoch ends the refusal."""
    await write(app, *[make_command(CASE, version, 2) for version in range(1, 4)])
    await stamp_all(worker)
    log = (await log_of(worker))[PART]
    lost = log[-1].replace(b"00000006", b"00000007").replace(b'"id":"0', b'"id":"1')
    await put(kafka.bootstrap, kafka.topic, PART, [*log, lost])
    async with kafka.running() as relay:
        await until(lambda: _refused(relay))
        assert "does not have" in str(relay.refused)
        await write(app, make_command(CASE, 4, 2))
        await stamp_all(worker)
    assert len((await records(kafka.bootstrap, kafka.topic))[PART]) == 7, "nothing was added"
    async with engine_for(database.owner_url) as engine, engine.begin() as connection:
        epoch = await open_epoch(connection, service=SERVICE, reason="restored from a backup")
        await forget(connection, SOURCE)
    assert (await archive.heads()).epoch == epoch
    async with kafka.running() as relay:
        await kafka.publish()
        assert relay.refused is None
    after = (await records(kafka.bootstrap, kafka.topic))[PART]
    assert first_appearances(after[7:]) == (await log_of(worker))[PART]
    async with running(make_consumer(worker, archive, Tally(), kafka.source(), heads_seconds=60)):
        await until_consumed(worker)
    await assert_exactly_once(worker)


async def test_a_topic_of_somebody_else_is_refused(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await write(app, make_command(CASE, 1))
    await stamp_all(worker)
    log = (await log_of(worker))[PART]
    for record in (log[0].replace(b'"feedepoch":"cases-', b'"feedepoch":"alien-'), b"garbage"):
        await put(kafka.bootstrap, kafka.topic, PART, [record] * 20)
        async with kafka.running() as relay:
            await until(lambda r=relay: _refused(r))  # type: ignore[misc]


async def test_the_transport_can_be_changed_at_any_time(
    kafka: KafkaTransport, app: AsyncEngine, worker: AsyncEngine, archive: FeedClient
) -> None:
    async with kafka.running():
        for use_kafka in (False, True, False, True):
            source = kafka.source() if use_kafka else FeedSource(archive)
            async with running(make_consumer(worker, archive, Tally(), source, heads_seconds=60)):
                for _ in range(3):
                    await fill(app, kafka, 30)
                await until(lambda: _applied(worker, 1))
        async with running(make_consumer(worker, archive, Tally(), kafka.source(), heads_seconds=60)):
            await until_consumed(worker)
    await assert_exactly_once(worker)
    assert (await counters(worker))["gaps"] == 0


async def _published(engine: AsyncEngine, part: int, seq: int) -> bool:
    found = await rows(engine, "SELECT published_seq FROM relay_cursor WHERE part = :part", part=part)
    return found == [(seq,)]


async def _applied(engine: AsyncEngine, least: int) -> bool:
    return (await counters(engine))["seq"] >= least


async def _foreign(engine: AsyncEngine, times: int) -> bool:
    return await rows(engine, "SELECT sum(times) FROM foreign_record") == [(times,)]


async def _refused(relay: Relay) -> bool:
    return relay.refused is not None
