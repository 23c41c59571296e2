"""How far a consumer is, for those who read what it keeps: freshness, and reads that wait for their own write."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.position import Position
from shared.kernel.errors import ConflictError, UnavailableError

_ALL = text("SELECT source, part, epoch, seq, recorded_until FROM checkpoint ORDER BY source, part")
_FOLDED = text(
    "SELECT max(seq) FILTER (WHERE part = :part) AS seq, count(*) AS parts FROM checkpoint WHERE epoch = :epoch"
)
_LOOK_SECONDS = 0.02


class UnknownEpochError(ConflictError):
    """The position is of no log that is read here, or of an earlier epoch of it."""

    code = "foreign-epoch"
    title = "The position is of another epoch"


class NotYetFoldedError(UnavailableError):
    """The event at the position has not arrived yet; the same request may succeed in a moment."""

    code = "position-not-reached"
    title = "The event has not arrived yet"


@dataclass(frozen=True, slots=True)
class PartProgress:
    """Everything up to `seq` of a part has had its effect; `recorded_until` is the newest `time` among it."""

    source: str
    part: int
    epoch: str
    seq: int
    recorded_until: datetime | None


async def progress(connection: AsyncConnection) -> Sequence[PartProgress]:
    """Where the checkpoints stand, by source and part; consistent with what else the transaction reads."""
    return [PartProgress(*row) for row in (await connection.execute(_ALL)).all()]


async def folded(connection: AsyncConnection, position: Position) -> bool:
    """Whether the event at the position has had its effect. Raises `UnknownEpochError`."""
    row = (await connection.execute(_FOLDED, {"epoch": position.epoch, "part": position.part})).one()
    if row.parts == 0:
        raise UnknownEpochError("no log with this epoch is read here")
    return row.seq is not None and bool(row.seq >= position.seq)


async def wait_until_folded(engine: AsyncEngine, position: Position, *, seconds: float = 5.0) -> None:
    """Wait for the event at the position, without holding a connection. Whose part it is the caller has checked.

    Raises `UnknownEpochError`, and `NotYetFoldedError` when the time is over.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        async with engine.connect() as connection:
            if await folded(connection, position):
                return
        if loop.time() >= deadline:
            raise NotYetFoldedError("the event at min_position is not in yet")
        await asyncio.sleep(_LOOK_SECONDS)
