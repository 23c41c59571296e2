"""Wakes whoever waits for events: one connection per process listens to the stamper and looks every 250 ms."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.ports import PartHead
from shared.events.tables import CHANNEL
from shared.observability.logging import get_logger, place_of

_LOOK = "SELECT m.epoch, h.part, h.first, h.seq FROM feed_meta m CROSS JOIN feed_head h WHERE m.current"
_BACKSTOP_SECONDS = 0.25
_RECONNECT_SECONDS = 0.5


class HeadWatch:
    """Knows epoch and heads of the log of one database; a lost notification costs a quarter of a second, no more.

    Use it as `async with HeadWatch(engine) as watch`. While the database is away `live` is false and waiters
    simply reach their deadline.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._conninfo = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._moved: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connecting = True
        self._closing = False
        self.epoch = ""
        self.heads: dict[int, PartHead] = {}
        self.live = False
        self.waiting = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch(), name="head-watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None, "entered before"
        self._closing = True
        if not self._connecting:  # a connection given up in the middle would stay open at the server for a minute
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def at_head(self, epoch: str, part: int, seq: int) -> bool:
        """Whether nothing lies behind `seq`, as far as we have seen."""
        return self.live and epoch == self.epoch and part in self.heads and self.heads[part].head == seq

    async def wait_beyond(self, part: int, seq: int, seconds: float) -> bool:
        """Wait until the part has a number above `seq`; false when the time is over. Holds no connection."""
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                while part not in self.heads or self.heads[part].head <= seq:
                    await self._moved[part].wait()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True

    async def wait_for_change(self, known: Mapping[int, int], seconds: float) -> None:
        """Wait until one of these parts has a number above the known one, or the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not any(part in self.heads and self.heads[part].head > seq for part, seq in known.items()):
            changed = self._changed
            try:
                async with asyncio.timeout_at(deadline):
                    await changed.wait()
            except TimeoutError:
                return

    async def _watch(self) -> None:
        while not self._closing:
            try:
                async with await self._connect() as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    while not self._closing:
                        await self._look(connection)
                        async for _ in connection.notifies(timeout=_BACKSTOP_SECONDS, stop_after=1):
                            pass
            except (psycopg.Error, OSError) as error:
                self.live = False
                get_logger().warning("head-watch lost its connection", **place_of(error))
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _connect(self) -> psycopg.AsyncConnection:
        self._connecting = True
        try:
            return await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, connect_timeout=5, application_name="head-watch"
            )
        finally:
            self._connecting = False

    async def _look(self, connection: psycopg.AsyncConnection) -> None:
        rows = await (await connection.execute(_LOOK)).fetchall()
        changed = False
        for epoch, part, first, head in rows:
            before = self.heads.get(part)
            self.heads[part] = PartHead(part, first, head)
            if before is None or before.head != head or epoch != self.epoch:
                self._moved.pop(part, asyncio.Event()).set()
                changed = True
        if rows:
            self.epoch = rows[0][0]
        if changed:
            self._changed.set()
            self._changed = asyncio.Event()
        self.live = True
