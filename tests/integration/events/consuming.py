"""Consumers for tests: transports that misbehave as told, and what must be true of a checkpoint afterwards."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.consumer import Consumer
from shared.events.feed_client import FeedClient
from shared.events.feed_source import FeedSource
from shared.events.ports import Delivery, EventArchive, EventSource, Handler
from shared.observability.clock import SystemClock
from tests.integration.events.support import SOURCE, USED, read_log, rows, until


class ScriptedSource:
    """A transport that delivers the given batches, one per fetch, and then nothing."""

    def __init__(self, *batches: Sequence[Delivery]) -> None:
        self.batches = list(batches)
        self.opened: list[tuple[str, dict[int, int]]] = []

    async def open(self, epoch: str, positions: Mapping[int, int]) -> None:
        """Remembers where it was asked to begin."""
        self.opened.append((epoch, dict(positions)))

    async def fetch(self, *, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        """The next batch."""
        if self.batches:
            return self.batches.pop(0)
        await asyncio.sleep(0.01)
        return []

    async def close(self) -> None:
        """Nothing to give back."""


def make_consumer(
    engine: AsyncEngine,
    archive: EventArchive,
    handler: Handler,
    source: EventSource | None = None,
    *,
    batch: int = 10_000,
    heads_seconds: float = 0.2,
) -> Consumer:
    """A consumer of `/cases`; without a source it reads the feed."""
    if source is None:
        assert isinstance(archive, FeedClient)
        source = FeedSource(archive)
    return Consumer(
        engine=engine,
        name=SOURCE,
        source=source,
        archive=archive,
        handler=handler,
        clock=SystemClock(),
        batch=batch,
        heads_seconds=heads_seconds,
    )


@asynccontextmanager
async def running(*consumers: Consumer) -> AsyncIterator[None]:
    """Consumers at work; stopped and drained at the end."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(consumer.run(stop)) for consumer in consumers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def deliveries(engine: AsyncEngine) -> list[Delivery]:
    """The whole log as a transport would deliver it."""
    return [Delivery(row.part, row.envelope.encode()) for row in await read_log(engine)]


async def consumed(engine: AsyncEngine) -> bool:
    """Whether the checkpoint has reached the heads."""
    behind = await rows(
        engine,
        "SELECT h.part FROM feed_head h LEFT JOIN checkpoint c ON c.part = h.part AND c.source = :source"
        " WHERE h.seq > coalesce(c.seq, -1)",
        source=SOURCE,
    )
    return behind == []


async def counters(engine: AsyncEngine) -> dict[str, int]:
    """The sums of the checkpoint over all parts."""
    names = ("seq", "applied", "ignored", "parked", "duplicates", "gaps")
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in names)
    ((*values,),) = await rows(engine, f"SELECT {sums} FROM checkpoint")
    return {name: int(str(value)) for name, value in zip(names, values, strict=True)}


async def assert_exactly_once(engine: AsyncEngine) -> None:
    """I6 and I8: the effect is the log up to the checkpoint, less what is parked or not used, each event once."""
    expected = await rows(
        engine,
        "SELECT l.part, l.seq, l.event_id FROM event_log l JOIN checkpoint c ON c.part = l.part AND l.seq <= c.seq"
        " WHERE l.type = :used AND NOT EXISTS (SELECT FROM parked p WHERE p.part = l.part"
        " AND l.seq BETWEEN p.first_seq AND p.last_seq AND p.resolution IS DISTINCT FROM 'APPLIED') ORDER BY 1, 2",
        used=USED,
    )
    assert await rows(engine, "SELECT part, seq, event_id FROM effect ORDER BY 1, 2") == expected
    parts = await rows(engine, "SELECT seq, applied, ignored, parked FROM checkpoint")
    assert all(seq == applied + ignored + parked for seq, applied, ignored, parked in parts)  # type: ignore[operator]
    torn = await rows(engine, "SELECT part, subject FROM effect GROUP BY part, subject, of HAVING count(*) % of <> 0")
    assert torn == [], "a command had its effect only in part"


async def until_consumed(engine: AsyncEngine, *, seconds: float = 30) -> None:
    """Wait for the checkpoint to reach the heads."""
    await until(lambda: consumed(engine), seconds=seconds)
