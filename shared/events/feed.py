"""Reading the log: heads, and batches of the stored bytes. Numbers are dense, so a full batch never changes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.parts import PARTS, parts_of, traeger_of
from shared.contracts.position import FeedCursor
from shared.db.engine import bind_tenant, tenant_transaction
from shared.events.head_watch import HeadWatch
from shared.events.ports import Heads, PartHead
from shared.events.refusals import AheadOfHeadError, FeedBusyError, ForeignEpochError, PrunedError
from shared.kernel.mitgliedskoerperschaften import Traeger

MAX_LIMIT = 10_000
MAX_WAIT_SECONDS = 25
MAX_WAITING = 1_000

_SUBJECT = "feed"
_SLICE_SECONDS = 1.0  # how long a reader that went away is kept in mind
_HEADS = text(
    "SELECT m.epoch, h.part, h.first, h.seq FROM feed_meta m CROSS JOIN feed_head h"
    " WHERE m.current AND h.part = ANY(:parts) ORDER BY h.part"
)
_PENDING = text("SELECT coalesce(sum(cardinality(event_ids)), 0) FROM outbox_in")
_BATCH = text(
    "SELECT m.epoch, h.first, h.seq AS head, b.records, b.body FROM feed_meta m CROSS JOIN feed_head h"
    " CROSS JOIN LATERAL (SELECT count(*) AS records, string_agg(envelope, ',' ORDER BY seq) AS body FROM ("
    "SELECT seq, envelope FROM event_log WHERE part = :part AND seq > :after ORDER BY seq LIMIT :limit) AS page) AS b"
    " WHERE m.current AND h.part = :part"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some events of one part as a JSON array of their stored bytes, and where the reader stands after them."""

    body: bytes
    count: int
    next: FeedCursor
    head: FeedCursor


class Feed:
    """The log of one service as others may read it, over the `app` role: each read is bound to the part's tenant."""

    def __init__(self, engine: AsyncEngine, watch: HeadWatch) -> None:
        self._engine = engine
        self._watch = watch

    async def heads(self, traeger: Traeger | None) -> Heads:
        """Epoch, heads and the count of committed, unnumbered events of one Träger; of all for `None`."""
        parts = list(range(PARTS) if traeger is None else parts_of(traeger))
        pending_of: dict[Traeger, int] = {}
        async with self._engine.begin() as connection:
            for tenant in Traeger if traeger is None else (traeger,):
                await bind_tenant(connection, tenant, _SUBJECT)
                pending_of[tenant] = int((await connection.execute(_PENDING)).scalar_one())
            rows = (await connection.execute(_HEADS, {"parts": parts})).all()
        heads = tuple(PartHead(row.part, row.first, row.seq) for row in rows)
        return Heads(rows[0].epoch, heads, sum(pending_of.values()), pending_of)

    async def read(
        self,
        part: int,
        after: FeedCursor | None,
        *,
        limit: int,
        wait_seconds: float = 0,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> Batch:
        """The events behind `after` (default: from the beginning), at most `limit`.

        Where there are none yet it waits, without a connection, until there are, the time is over or `gone()` says
        that nobody wants the answer. Raises `ForeignEpochError`, `PrunedError`, `AheadOfHeadError`, `FeedBusyError`.
        """
        if wait_seconds <= 0:
            return await self._batch(part, after, limit)
        if after is None or not self._watch.at_head(after.epoch, part, after.seq):
            batch = await self._batch(part, after, limit)
            if batch.count:
                return batch
            after = batch.next
        await self._wait(part, after.seq, wait_seconds, gone)
        return await self._batch(part, after, limit)

    async def _wait(self, part: int, seq: int, seconds: float, gone: Callable[[], Awaitable[bool]] | None) -> None:
        if self._watch.waiting >= MAX_WAITING:
            raise FeedBusyError
        while seconds > 0:
            if await self._watch.wait_beyond(part, seq, min(seconds, _SLICE_SECONDS)):
                return
            if gone is not None and await gone():
                return
            seconds -= _SLICE_SECONDS

    async def _batch(self, part: int, after: FeedCursor | None, limit: int) -> Batch:
        seq = 0 if after is None else after.seq
        async with tenant_transaction(self._engine, traeger_of(part), _SUBJECT) as connection:
            row = (await connection.execute(_BATCH, {"part": part, "after": seq, "limit": limit})).one()
        if after is not None and after.epoch != row.epoch:
            raise ForeignEpochError(row.epoch)
        if seq < row.first - 1:
            raise PrunedError(row.first)
        if seq > row.head:
            raise AheadOfHeadError(row.head)
        body = f"[{row.body or ''}]".encode()
        return Batch(body, row.records, FeedCursor(row.epoch, seq + row.records), FeedCursor(row.epoch, row.head))


async def current_epoch(connection: AsyncConnection) -> str:
    """The epoch of the log in this database."""
    return str((await connection.execute(text("SELECT epoch FROM feed_meta WHERE current"))).scalar_one())
