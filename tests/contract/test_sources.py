"""What every `EventSource` must do: one suite for the feed and for a real Kafka."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.envelope import decode_envelope
from shared.contracts.parts import PARTS, part_of
from shared.events.feed_client import FeedClient
from shared.events.ports import Delivery, EventSource
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.contract.transports import Transport
from tests.integration.events.consuming import assert_exactly_once, counters, make_consumer, running, until_consumed
from tests.integration.events.support import Tally, make_command, read_log, rows, write

CASE = new_id()
PART = part_of(Traeger.LWL, CASE)


async def fill(app: AsyncEngine, transport: Transport, commands: int = 150) -> None:
    """A log over all parts."""
    chance = random.Random(4711)
    await write(
        app,
        *[
            make_command(new_id(), 1, chance.randint(1, 4), traeger=chance.choice(list(Traeger)), padding=200)
            for _ in range(commands)
        ],
    )
    await transport.publish()


async def collect(
    source: EventSource, positions: Mapping[int, int], heads: Mapping[int, int]
) -> dict[int, list[bytes]]:
    """Read from the positions to the heads; per part what lies between, each number once, in order of arrival."""
    taken: defaultdict[int, list[bytes]] = defaultdict(list)
    reached = dict(positions)
    async with asyncio.timeout(60):
        while any(reached[part] < heads[part] for part in positions):
            for delivery in await source.fetch(limit=100, wait_seconds=1):
                seq = decode_envelope(delivery.value).seq
                if seq > reached[delivery.part]:
                    assert seq == reached[delivery.part] + 1, "first appearances ascend by one"
                    reached[delivery.part] = seq
                    taken[delivery.part].append(delivery.value)
    return dict(taken)


async def log_of(worker: AsyncEngine) -> dict[int, list[bytes]]:
    """The log, per part."""
    log: defaultdict[int, list[bytes]] = defaultdict(list)
    for row in await read_log(worker):
        log[row.part].append(row.envelope.encode())
    return dict(log)


async def epoch_of(worker: AsyncEngine) -> str:
    """The epoch of the log."""
    ((epoch,),) = await rows(worker, "SELECT epoch FROM feed_meta WHERE current")
    return str(epoch)


async def heads_of(worker: AsyncEngine) -> dict[int, int]:
    """Where the parts end."""
    return {int(str(p)): int(str(s)) for p, s in await rows(worker, "SELECT part, seq FROM feed_head")}


async def test_it_delivers_the_stored_bytes_in_order(
    transport: Transport, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await fill(app, transport)
    source = transport.source()
    await source.open(await epoch_of(worker), dict.fromkeys(range(PARTS), 0))
    assert await collect(source, dict.fromkeys(range(PARTS), 0), await heads_of(worker)) == await log_of(worker)
    await source.close()


async def test_it_begins_behind_the_positions_and_can_be_opened_again(
    transport: Transport, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await fill(app, transport)
    epoch, heads, log = await epoch_of(worker), await heads_of(worker), await log_of(worker)
    source = transport.source()
    chance = random.Random(1)
    for _ in range(4):
        positions = {part: chance.randint(0, head) for part, head in heads.items()}
        await source.open(epoch, positions)
        expected = {part: values[positions[part] :] for part, values in log.items() if positions[part] < heads[part]}
        assert await collect(source, positions, heads) == expected
    await source.close()
    await source.open(epoch, {PART: 0})
    assert (await collect(source, {PART: 0}, heads)).keys() == {PART}, "only the parts that were asked for"
    await source.close()


async def test_it_waits_and_then_says_that_there_is_nothing(
    transport: Transport, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await transport.publish()
    if hasattr(transport, "topic"):
        await fill(app, transport, 1)  # the topic exists from the first event on
    heads, loop = await heads_of(worker), asyncio.get_running_loop()
    source = transport.source()
    await source.open(await epoch_of(worker), heads)
    begun = loop.time()
    assert list(await source.fetch(limit=100, wait_seconds=0.4)) == []
    assert 0.35 < loop.time() - begun < 2
    await source.close()


async def test_it_wakes_for_a_new_event(transport: Transport, app: AsyncEngine, worker: AsyncEngine) -> None:
    await fill(app, transport, 1)
    source = transport.source()
    heads = await heads_of(worker)
    await source.open(await epoch_of(worker), heads)
    await source.fetch(limit=100, wait_seconds=0.3)
    for version in range(1, 4):
        waiting = asyncio.create_task(_first(source))
        await asyncio.sleep(0.1)
        await write(app, make_command(CASE, version))
        await transport.publish()
        begun = asyncio.get_running_loop().time()
        (delivery,) = await waiting
        assert asyncio.get_running_loop().time() - begun < 0.3
        assert delivery.part == PART
    await source.close()


async def _first(source: EventSource) -> list[Delivery]:
    async with asyncio.timeout(20):
        while not (found := await source.fetch(limit=100, wait_seconds=1)):
            pass
    return list(found)


async def test_a_batch_stays_about_within_its_limit(
    transport: Transport, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await fill(app, transport)
    source = transport.source()
    await source.open(await epoch_of(worker), dict.fromkeys(range(PARTS), 0))
    for _ in range(5):
        assert 0 < len(await source.fetch(limit=20, wait_seconds=5)) <= 20 + PARTS
    await source.close()


async def test_closing_twice_and_while_fetching_is_no_error(
    transport: Transport, app: AsyncEngine, worker: AsyncEngine
) -> None:
    await fill(app, transport, 3)
    source = transport.source()
    await source.close()
    await source.open(await epoch_of(worker), dict.fromkeys(range(PARTS), 0))
    fetching = asyncio.create_task(source.fetch(limit=10, wait_seconds=20))
    await asyncio.sleep(0.01)
    fetching.cancel()
    await asyncio.gather(fetching, return_exceptions=True)
    await source.close()
    await source.close()


async def test_large_events_arrive(transport: Transport, app: AsyncEngine, worker: AsyncEngine) -> None:
    await write(app, make_command(CASE, 1, 2, padding=880_000), make_command(CASE, 2, 800, padding=300))
    await transport.publish()
    source = transport.source()
    await source.open(await epoch_of(worker), {PART: 0})
    assert await collect(source, {PART: 0}, await heads_of(worker)) == await log_of(worker)
    await source.close()


@pytest.mark.parametrize("consumers", [1, 2])
async def test_a_consumer_on_it_counts_once_through_restarts(
    transport: Transport, app: AsyncEngine, worker: AsyncEngine, archive: FeedClient, consumers: int
) -> None:
    for _ in range(3):
        await fill(app, transport, 60)
        started = [
            make_consumer(worker, archive, Tally(), transport.source(), batch=64, heads_seconds=60)
            for _ in range(consumers)
        ]
        async with running(*started):
            await until_consumed(worker)
            await fill(app, transport, 60)
            await until_consumed(worker)
    await assert_exactly_once(worker)
    counted = await counters(worker)
    assert counted["gaps"] == 0, "everything came over the transport itself"
