"""The two ways of an event to a consumer, as the conformance suite sees them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.feed_client import FeedClient
from shared.events.feed_source import FeedSource
from shared.events.kafka_source import KafkaSource
from shared.events.ports import EventSource
from shared.events.relay import Relay
from tests.integration.events.support import SOURCE, rows, stamp_all, until


class Transport(Protocol):
    """How a test gets sources, and what is committed to their other end."""

    def source(self) -> EventSource:
        """A new source at the same log."""
        ...

    async def publish(self) -> None:
        """Stamp what is committed; returns when every source can see it."""
        ...


class FeedTransport:
    """Over HTTP."""

    def __init__(self, worker: AsyncEngine, client: FeedClient) -> None:
        self._worker = worker
        self._client = client

    def source(self) -> EventSource:
        """A new source at the same log."""
        return FeedSource(self._client, page=50)

    async def publish(self) -> None:
        """Stamp."""
        await stamp_all(self._worker)


class KafkaTransport:
    """Over a relay and a real broker."""

    def __init__(self, worker: AsyncEngine, bootstrap: str, topic: str) -> None:
        self._worker = worker
        self.bootstrap = bootstrap
        self.topic = topic

    def source(self) -> EventSource:
        """A new source at the same log."""
        return KafkaSource(self.bootstrap, self.topic)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        """A relay at work."""
        stop, relay = asyncio.Event(), self.relay()
        task = asyncio.create_task(relay.run(stop))
        try:
            yield relay
        finally:
            stop.set()
            await task

    def relay(self) -> Relay:
        """A relay that does not work yet."""
        return Relay(self._worker, bootstrap=self.bootstrap, topic=self.topic, source=SOURCE)

    async def publish(self) -> None:
        """Stamp, and wait for the relay."""
        await stamp_all(self._worker)
        await until(self._relayed, seconds=60)

    async def _relayed(self) -> bool:
        behind = await rows(
            self._worker,
            "SELECT 1 FROM feed_head h LEFT JOIN relay_cursor c ON c.part = h.part"
            " WHERE h.seq > coalesce(c.published_seq, 0)",
        )
        return behind == []
