"""Records that are no events of the log are kept for inspection, each once with a count. They change nothing."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.assembly import Foreign

_NOTE = text(
    "INSERT INTO foreign_record (source, part, digest, reason, value, seen_at, times)"
    " VALUES (:source, :part, :digest, :reason, :value, :now, 1)"
    " ON CONFLICT (source, part, digest) DO UPDATE SET times = foreign_record.times + 1, seen_at = excluded.seen_at"
)


async def note(connection: AsyncConnection, source: str, records: Sequence[Foreign], now: datetime) -> None:
    """Keep what a transport delivered and nobody could use."""
    rows = [
        {
            "source": source,
            "part": record.part,
            "digest": hashlib.sha256(record.value).digest(),
            "reason": record.reason,
            "value": record.value,
            "now": now,
        }
        for record in records
    ]
    await connection.execute(_NOTE, rows)
