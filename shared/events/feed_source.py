"""Events over the HTTP feed: one long poll per part, each a page ahead of the consumer and no more."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from shared.events.feed_client import FeedClient
from shared.events.ports import Delivery

PAGE = 2_000
WAIT_SECONDS = 25
PACE_SECONDS = 0.05
"""Least time between two polls of a part read to its end: a trickle becomes small batches, not a request each."""


class FeedSource:
    """An `EventSource` over the feed of one producer. While the consumer works, the next pages arrive."""

    def __init__(self, client: FeedClient, *, page: int = PAGE, pace_seconds: float = PACE_SECONDS) -> None:
        self._client = client
        self._page = page
        self._pace_seconds = pace_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._pages: dict[int, deque[Delivery]] = {}
        self._wanted: dict[int, asyncio.Event] = {}
        self._arrived = asyncio.Event()
        self._failure: BaseException | None = None

    async def open(self, epoch: str, positions: Mapping[int, int]) -> None:
        """Begin behind the given numbers."""
        await self.close()
        self._failure = None
        self._pages = {part: deque() for part in positions}
        self._wanted = {part: asyncio.Event() for part in positions}
        self._tasks = [
            asyncio.create_task(self._poll(epoch, part, after), name=f"feed-{part}")
            for part, after in positions.items()
        ]

    async def fetch(self, *, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        """What has arrived, of all parts in turn. Raises what a poll met: see `FeedClient.read`."""
        try:
            async with asyncio.timeout(wait_seconds):
                while self._failure is None and not any(self._pages.values()):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return []
        if self._failure is not None:
            raise self._failure
        return self._take(limit)

    async def close(self) -> None:
        """End all polls."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._pages = {}

    def _take(self, limit: int) -> list[Delivery]:
        taken: list[Delivery] = []
        share = max(limit // max(sum(map(bool, self._pages.values())), 1), 1)
        for part, page in self._pages.items():
            count = min(share, len(page))
            taken.extend(page.popleft() for _ in range(count))
            if not page:
                self._wanted[part].set()
        return taken

    async def _poll(self, epoch: str, part: int, after: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                begun = loop.time()
                records = await self._client.read(epoch, part, after, self._page, WAIT_SECONDS)
                after += len(records)
                if records:
                    self._pages[part].extend(records)
                    self._wanted[part].clear()
                    self._arrived.set()
                    await self._wanted[part].wait()
                if len(records) < self._page:
                    await asyncio.sleep(max(begun + self._pace_seconds - loop.time(), 0))
        except Exception as error:
            self._failure = error
            self._arrived.set()
