"""Compaction: what the movements at the front of each part add is summed up in the cube, and their mark moves on.

A read is the cube plus the movements behind the marks, so it is right before, during and after; compaction only keeps
it fast. It begins when 10,000 movements wait.
"""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.repository import compacting

STARTS_AT = 10_000
"""So many movements may stay behind the marks; a read adds them up in a few milliseconds."""

STRETCH = 4_000
"""At most so many movements of a part in one transaction (about 50,000 of all parts)."""

_SECONDS = 120


async def compact(engine: AsyncEngine, *, starts_at: int = STARTS_AT, stretch: int = STRETCH) -> int:
    """Add one stretch of every part to the cube if at least `starts_at` movements wait; how many were added.

    `engine` is of the worker role. Any number may run at once: each takes the parts nobody else holds.
    """
    async with engine.begin() as connection:
        if await compacting.tail_length(connection) < max(starts_at, 1):
            return 0
        await compacting.be_patient(connection, _SECONDS)
        stretches = await compacting.lock_stretches(connection, limit_per_part=stretch)
        if stretches:
            await compacting.add_stretches(connection, stretches)
    return sum(stretch.movements for stretch in stretches)
