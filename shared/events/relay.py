"""Relay: publish the log to Kafka, per part in order, at least once, never past a failure.

Numbers first appear in a partition ascending by one, for any number of relays: all read the same immutable log, and
each publishes a part without a hole from a number that was acknowledged. The only way to break this is to go on after
a failed batch, so a part has one batch under way, and a failure ends the producer with everything in it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.envelope import EVENT_MEDIA_TYPE
from shared.events.failures import is_transient
from shared.events.head_watch import HeadWatch
from shared.events.kafka import CALL_SECONDS, abandon, asking_the_broker, ensure_topic
from shared.events.relay_alignment import RelayRefusedError, align
from shared.observability.logging import get_logger, place_of

BATCH_BYTES = 256 * 1024
PAGE = 2_000
SINK = "kafka"
_ACK_SECONDS = 10.0
_REFUSED_SECONDS = 10.0
_MAX_PAUSE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.1
_HEADERS = [("content-type", EVENT_MEDIA_TYPE.encode())]

_PAGE = text(
    "SELECT seq, key, stamped_at, envelope FROM event_log WHERE part = :part AND seq > :after AND seq <= :head"
    " ORDER BY seq LIMIT :limit"
)
_PUBLISHED = text(
    "INSERT INTO relay_cursor (sink, part, epoch, published_seq, updated_at)"
    " VALUES (:sink, :part, :epoch, :seq, clock_timestamp()) ON CONFLICT (sink, part) DO UPDATE"
    " SET epoch = excluded.epoch, published_seq = excluded.published_seq, updated_at = excluded.updated_at"
)


class Relay:
    """Publishes one log to one topic. `engine` is of the worker role, `source` the `source` of the events."""

    def __init__(self, engine: AsyncEngine, *, bootstrap: str, topic: str, source: str) -> None:
        self._engine = engine
        self._bootstrap = bootstrap
        self._topic = topic
        self._source = source
        self._published: dict[int, int] = {}
        self._pause = _FIRST_PAUSE_SECONDS
        self._not_before: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self.refused: str | None = None
        """Why it refuses to publish; a person has to open a new epoch or to clean the topic."""

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set. Failures that pass are waited out; a log that Kafka contradicts is refused."""
        async with HeadWatch(self._engine) as watch:
            while not stop.is_set():
                try:
                    await self._session(stop, watch)
                except RelayRefusedError as error:
                    self.refused = str(error)
                    get_logger().critical("relay refuses to publish", topic=self._topic, reason=self.refused)
                    await _pause(stop, _REFUSED_SECONDS)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    get_logger().warning("relay waits", topic=self._topic, seconds=self._pause, **place_of(error))
                    await _pause(stop, self._pause)
                    self._pause = min(self._pause * 2, _MAX_PAUSE_SECONDS)

    async def _session(self, stop: asyncio.Event, watch: HeadWatch) -> None:
        """One producer, from its start until anything at all goes wrong."""
        await ensure_topic(self._bootstrap, self._topic)
        epoch, self._published = await align(
            self._engine, bootstrap=self._bootstrap, topic=self._topic, source=self._source, sink=SINK
        )
        self.refused = None
        await self._remember(epoch, self._published)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=4 * 1024 * 1024,
            request_timeout_ms=int(_ACK_SECONDS * 1000),
            retry_backoff_ms=50,
        )
        try:
            with asking_the_broker():
                async with asyncio.timeout(CALL_SECONDS):
                    await producer.start()
            self._pause = _FIRST_PAUSE_SECONDS  # a part that fails has its own pause and holds no other one up
            while not stop.is_set():
                await watch.wait_for_change(self._waits_for(), 1.0)
                if watch.epoch != epoch:
                    return
                await self._round(producer, epoch, {part: head.head for part, head in watch.heads.items()})
        finally:
            await abandon(producer)

    def _waits_for(self) -> Mapping[int, int]:
        """Where each part stands, without those that failed and have to wait."""
        now = asyncio.get_running_loop().time()
        return {part: seq for part, seq in self._published.items() if self._not_before.get(part, 0) <= now}

    async def _round(self, producer: AIOKafkaProducer, epoch: str, heads: Mapping[int, int]) -> None:
        behind = [part for part, seq in self._waits_for().items() if heads.get(part, 0) > seq]
        jobs = [self._publish(producer, epoch, part, heads[part]) for part in behind]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        for part, result in zip(behind, results, strict=True):
            if isinstance(result, BaseException):
                self._pauses[part] = min(self._pauses.get(part, 0.05) * 2, _MAX_PAUSE_SECONDS)
                self._not_before[part] = asyncio.get_running_loop().time() + self._pauses[part]
            else:
                self._pauses.pop(part, None)
        if failures:
            raise failures[0]

    async def _publish(self, producer: AIOKafkaProducer, epoch: str, part: int, head: int) -> None:
        """One page of one part, batch by batch; each is acknowledged before the next one leaves."""
        async with self._engine.connect() as connection:
            values = {"part": part, "after": self._published[part], "head": head, "limit": PAGE}
            page = (await connection.execute(_PAGE, values)).all()
        try:
            while page:
                page = await self._send(producer, part, page)
        finally:
            await self._remember(epoch, {part: self._published[part]})

    async def _remember(self, epoch: str, published: Mapping[int, int]) -> None:
        """Store cursors, for those who look at the lag; `align` believes the topic first."""
        cursors = [{"sink": SINK, "part": part, "epoch": epoch, "seq": seq} for part, seq in published.items()]
        async with self._engine.begin() as connection:
            await connection.execute(_PUBLISHED, cursors)

    async def _send(self, producer: AIOKafkaProducer, part: int, page: Sequence[Any]) -> Sequence[Any]:
        """Send what fits one batch; returns the rest."""
        batch, count = producer.create_batch(), 0
        for row in page:
            added = batch.append(
                timestamp=int(row.stamped_at.timestamp() * 1000),
                key=str(row.key).encode(),
                value=row.envelope.encode(),
                headers=_HEADERS,
            )
            if added is None:
                break
            count += 1
        batch.close()
        with asking_the_broker():
            async with asyncio.timeout(_ACK_SECONDS):
                await (await producer.send_batch(batch, self._topic, partition=part))
        self._published[part] = page[count - 1].seq
        return page[count:]


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
