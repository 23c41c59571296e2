"""Progress of a consumer: one row per source and part, moved by compare-and-set beside the effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.ports import Heads

_LOAD = text("SELECT part, epoch, seq, last_event_id FROM checkpoint WHERE source = :source ORDER BY part")
_BEGIN = text(
    "INSERT INTO checkpoint (source, part, epoch, seq, applied, ignored, parked, duplicates, gaps, updated_at)"
    " SELECT :source, part, :epoch, 0, 0, 0, 0, 0, 0, :now FROM unnest(CAST(:parts AS smallint[])) AS part"
    " ON CONFLICT (source, part) DO NOTHING"
)
_MOVE = text(
    "UPDATE checkpoint AS c SET seq = m.seq,"
    " last_event_id = CASE WHEN m.seq > m.expected THEN m.last_event_id ELSE c.last_event_id END,"
    " applied = c.applied + m.applied, ignored = c.ignored + m.ignored, parked = c.parked + m.parked,"
    " duplicates = c.duplicates + m.duplicates, gaps = c.gaps + m.gaps,"
    " recorded_until = greatest(c.recorded_until, m.recorded_until), updated_at = :now"
    " FROM unnest(CAST(:parts AS smallint[]), CAST(:expected AS bigint[]), CAST(:seqs AS bigint[]),"
    " CAST(:ids AS uuid[]), CAST(:applied AS bigint[]), CAST(:ignored AS bigint[]), CAST(:parked AS bigint[]),"
    " CAST(:duplicates AS bigint[]), CAST(:gaps AS bigint[]), CAST(:recorded AS timestamptz[]))"
    " AS m(part, expected, seq, last_event_id, applied, ignored, parked, duplicates, gaps, recorded_until)"
    " WHERE c.source = :source AND c.part = m.part AND c.epoch = :epoch AND c.seq = m.expected"
)


class CheckpointMovedError(Exception):
    """Somebody else moved the checkpoint since we read it: our batch has no effect, we read again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the checkpoint of a part stands."""

    part: int
    epoch: str
    seq: int
    last_event_id: UUID | None


@dataclass(frozen=True, slots=True)
class Move:
    """One step of the checkpoint of a part, from `expected` to `seq`, and what became of the events between."""

    part: int
    expected: int
    seq: int
    last_event_id: UUID | None = None
    applied: int = 0
    ignored: int = 0
    parked: int = 0
    duplicates: int = 0
    gaps: int = 0
    recorded_until: datetime | None = None


async def load(connection: AsyncConnection, source: str) -> Sequence[Place]:
    """The checkpoint of a source, by part; empty before the first start."""
    rows = (await connection.execute(_LOAD, {"source": source})).all()
    return [Place(row.part, row.epoch, row.seq, row.last_event_id) for row in rows]


async def begin(connection: AsyncConnection, source: str, heads: Heads, now: datetime) -> None:
    """Stand before the first event of every part of a log that was never read."""
    parts = [head.part for head in heads.parts]
    await connection.execute(_BEGIN, {"source": source, "epoch": heads.epoch, "parts": parts, "now": now})


async def move(connection: AsyncConnection, source: str, epoch: str, moves: Sequence[Move], now: datetime) -> None:
    """Move all parts or none. Raises `CheckpointMovedError`: the caller's transaction must not commit."""
    ordered = sorted(moves, key=lambda step: step.part)
    values: dict[str, Any] = {
        "source": source,
        "epoch": epoch,
        "now": now,
        "parts": [step.part for step in ordered],
        "expected": [step.expected for step in ordered],
        "seqs": [step.seq for step in ordered],
        "ids": [step.last_event_id for step in ordered],
        "applied": [step.applied for step in ordered],
        "ignored": [step.ignored for step in ordered],
        "parked": [step.parked for step in ordered],
        "duplicates": [step.duplicates for step in ordered],
        "gaps": [step.gaps for step in ordered],
        "recorded": [step.recorded_until for step in ordered],
    }
    result = await connection.execute(_MOVE, values)
    if result.rowcount != len(ordered):
        raise CheckpointMovedError(f"the checkpoint of {source} is not where it was")
