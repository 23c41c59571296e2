"""Stamp: give committed commands dense numbers per part and move them into the immutable log.

Why nothing is lost or out of order: rounds take turns at the locked heads, each takes its snapshot after the lock,
so readers see a dense prefix. Event n+1 of a case is written after event n committed and has a larger id, and no
snapshot holds n+1 without n; therefore every round begins at the lowest id, never behind a remembered one. What was
rolled back never gets a number, and a transaction open for hours delays its own events only.
"""

import asyncio
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.events.failures import is_transient
from shared.events.tables import CHANNEL
from shared.observability.logging import get_logger, place_of

POLL_SECONDS = 0.02
MIN_BATCH = 200
MAX_BATCH = 20_000
ROUND_SECONDS = 0.25
_PAUSE_SECONDS = 0.5

_ANYTHING = text("SELECT EXISTS (SELECT FROM outbox_in)")
_BEGIN = text(  # numbers become public with the commit; a stamper that was stopped in a round must give up the lock
    "SELECT set_config('synchronous_commit', 'on', true),"
    " set_config('idle_in_transaction_session_timeout', '5s', true)"
)
_LOCK = text("SELECT seq FROM feed_head ORDER BY part FOR UPDATE")
_STAMP = text(
    """
    WITH taken AS (
        DELETE FROM outbox_in WHERE id IN (
            SELECT id FROM (
                SELECT id, cardinality(event_ids) AS events, sum(cardinality(event_ids)) OVER (ORDER BY id) AS total
                FROM (SELECT id, event_ids FROM outbox_in ORDER BY id LIMIT :events) AS lowest
            ) AS counted WHERE total - events < :events
        ) RETURNING *
    ), numbered AS (
        SELECT t.part, t.tenant, t.key, t.key_version, t.recorded_at, e.*,
            h.seq + row_number() OVER (PARTITION BY t.part ORDER BY t.id, e.index) AS seq
        FROM taken AS t
        JOIN feed_head AS h ON h.part = t.part
        CROSS JOIN LATERAL unnest(t.event_ids, t.types, t.bodies) WITH ORDINALITY AS e(event_id, type, body, index)
    ), logged AS (
        INSERT INTO event_log
            (part, seq, tenant, event_id, key, key_version, index, type, time, stamped_at, envelope)
        SELECT part, seq, tenant, event_id, key, key_version, index, type, recorded_at, clock_timestamp(),
            '{"feedepoch":"' || (SELECT epoch FROM feed_meta WHERE current)
            || '","feedpart":' || part
            || ',"sequence":"' || lpad(seq::text, 20, '0')
            || '",' || substr(body, 2)
        FROM numbered ORDER BY part, seq
        RETURNING part, seq
    ), moved AS (
        UPDATE feed_head AS h SET seq = l.seq
        FROM (SELECT part, max(seq) AS seq FROM logged GROUP BY part) AS l WHERE h.part = l.part
    )
    SELECT count(*) FROM logged
    """
)
_NOTIFY = text(f"NOTIFY {CHANNEL}")


class Stamper:
    """The loop that stamps, with two connections of `engine` (worker role). A second stamper waits for its turn."""

    def __init__(self, engine: AsyncEngine, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._engine = engine
        self._poll_seconds = poll_seconds
        self._batch = MIN_BATCH

    async def run(self, stop: asyncio.Event) -> None:
        """Stamp until `stop` is set. While the database is away it waits."""
        while not stop.is_set():
            try:
                async with self._engine.connect() as connection, self._engine.connect() as second:
                    looking = await second.execution_options(
                        isolation_level="AUTOCOMMIT"
                    )  # one message per look, not three
                    while not stop.is_set():
                        waits = (await looking.execute(_ANYTHING)).scalar_one()
                        if not waits or not await self.stamp(connection):
                            await _pause(stop, self._poll_seconds)
            except Exception as error:
                if not is_transient(error):
                    raise
                get_logger().warning("stamper waits", **place_of(error))
                await _pause(stop, _PAUSE_SECONDS)

    async def stamp(self, connection: AsyncConnection) -> int:
        """One round in one transaction; the number of events that are in the log now."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with connection.begin():
            await connection.execute(_BEGIN)
            await connection.execute(_LOCK)
            stamped = int((await connection.execute(_STAMP, {"events": self._batch})).scalar_one())
            if stamped:
                await connection.execute(_NOTIFY)
        self._adapt(stamped, loop.time() - begun)
        return stamped

    def _adapt(self, stamped: int, seconds: float) -> None:
        """Larger rounds while there is a backlog, smaller ones as soon as a round takes long."""
        if seconds > ROUND_SECONDS:
            self._batch = max(self._batch // 2, MIN_BATCH)
        elif stamped >= self._batch:
            self._batch = min(self._batch * 2, MAX_BATCH)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
