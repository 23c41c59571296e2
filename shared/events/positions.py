"""Where a command went in the log: for writers that tell their caller the position of what was just written."""

import asyncio
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.parts import part_of
from shared.contracts.position import Position
from shared.db.engine import tenant_transaction
from shared.events.head_watch import HeadWatch
from shared.kernel.mitgliedskoerperschaften import Traeger

_SUBJECT = "event-position"
_FIND = text(
    "SELECT m.epoch, l.part, l.seq FROM feed_meta m CROSS JOIN event_log l"
    " WHERE m.current AND l.key = :key AND l.key_version = :key_version ORDER BY l.index DESC LIMIT 1"
)


async def position_of(connection: AsyncConnection, key: UUID, key_version: int) -> Position | None:
    """The last event of a command; `None` while it is not stamped (or if it wrote none)."""
    row = (await connection.execute(_FIND, {"key": key, "key_version": key_version})).one_or_none()
    return None if row is None else Position(row.epoch, row.part, row.seq)


async def wait_until_stamped(
    engine: AsyncEngine, watch: HeadWatch, *, traeger: Traeger, key: UUID, key_version: int, seconds: float
) -> Position | None:
    """The position of a committed command, waiting for the stamper at most `seconds` (0: only look)."""
    part = part_of(traeger, key)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        seen = watch.heads[part].head if part in watch.heads else 0
        async with tenant_transaction(engine, traeger, _SUBJECT) as connection:
            position = await position_of(connection, key, key_version)
        remaining = deadline - loop.time()
        if position is not None or remaining <= 0:
            return position
        await watch.wait_beyond(part, seen, remaining)
