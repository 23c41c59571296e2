"""Statements of the compactor: how long the tail is, taking over the marks, adding movements to the cube."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.repository.codes import SOURCE
from services.metrics.repository.cube import CUBE_KEY, CUBE_ORDER, TENANT, cube_rows


def _add_to_cube(source: str) -> TextClause:
    # In the order of the key, so that two writers wait for each other and never both.
    return text(f"""
        INSERT INTO cube AS present (tenant, {CUBE_KEY}, net, moment)
        SELECT {TENANT}, {CUBE_KEY}, net, moment FROM ({cube_rows(source)}) AS added
        ORDER BY {CUBE_ORDER}
        ON CONFLICT ({CUBE_KEY}) DO UPDATE
            SET net = present.net + excluded.net, moment = present.moment + excluded.moment
    """)  # noqa: S608 - codes of our own, no input


_TAIL = text("""
    SELECT count(*) FROM cube_mark mark
    CROSS JOIN LATERAL (
        SELECT FROM movement moved
        WHERE moved.source = mark.source AND moved.part = mark.part AND moved.seq > mark.seq OFFSET 0
    ) AS tail
""")
_FREE_MARKS = text("SELECT source, part FROM cube_mark ORDER BY source, part FOR UPDATE SKIP LOCKED")
_STRETCHES = text("""
    SELECT mark.source, mark.part, mark.seq AS after, tail.upto, tail.movements FROM cube_mark mark
    CROSS JOIN LATERAL (
        SELECT max(seq) AS upto, count(*) AS movements FROM (
            SELECT moved.seq FROM movement moved
            WHERE moved.source = mark.source AND moved.part = mark.part AND moved.seq > mark.seq
            ORDER BY moved.seq LIMIT :limit) AS next
    ) AS tail
    WHERE tail.upto IS NOT NULL AND (mark.source, mark.part) IN
        (SELECT * FROM unnest(CAST(:sources AS smallint[]), CAST(:parts AS smallint[])))
""")
_ADD = _add_to_cube("""(
    SELECT moved.* FROM unnest(CAST(:sources AS smallint[]), CAST(:parts AS smallint[]), CAST(:afters AS bigint[]),
        CAST(:uptos AS bigint[])) AS stretch (source, part, after, upto)
    JOIN movement moved ON moved.source = stretch.source AND moved.part = stretch.part
        AND moved.seq > stretch.after AND moved.seq <= stretch.upto)""")
_MOVE_MARKS = text("""
    UPDATE cube_mark mark SET seq = stretch.upto
    FROM unnest(CAST(:sources AS smallint[]), CAST(:parts AS smallint[]), CAST(:uptos AS bigint[]))
        AS stretch (source, part, upto)
    WHERE mark.source = stretch.source AND mark.part = stretch.part
""")
_LOCK_CHECKPOINT = text("SELECT seq FROM checkpoint WHERE source = :source AND part = :part FOR UPDATE")
_LOCK_MARK = text("SELECT seq FROM cube_mark WHERE source = :source AND part = :part FOR UPDATE")
_ADD_LATE = _add_to_cube("""(
    SELECT * FROM movement
    WHERE source = :source AND part = :part AND seq <= :mark AND seq = ANY(CAST(:seqs AS bigint[])))""")
_PATIENCE = text("SELECT set_config('statement_timeout', :milliseconds, true), set_config('work_mem', :memory, true)")
_MEMORY = "64MB"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The movements of a part with numbers `after < seq <= upto`, and how many they are; `source` by its number."""

    source: int
    part: int
    after: int
    upto: int
    movements: int


async def tail_length(connection: AsyncConnection) -> int:
    """How many movements are not in the cube yet."""
    return int((await connection.execute(_TAIL)).scalar_one())


async def be_patient(connection: AsyncConnection, seconds: int) -> None:
    """Allow the statements of this transaction more time and memory than a request may take."""
    await connection.execute(_PATIENCE, {"milliseconds": str(seconds * 1000), "memory": _MEMORY})


async def lock_stretches(connection: AsyncConnection, *, limit_per_part: int) -> list[Stretch]:
    """What to add next, of the parts that nobody else works on; their marks stay locked to the end."""
    free = (await connection.execute(_FREE_MARKS)).all()
    values = {"sources": [row.source for row in free], "parts": [row.part for row in free], "limit": limit_per_part}
    # A statement of its own: its snapshot must be younger than the locks.
    return [Stretch(*row) for row in (await connection.execute(_STRETCHES, values)).all()]


async def add_stretches(connection: AsyncConnection, stretches: Sequence[Stretch]) -> None:
    """Add movements to the cube and move their marks past them."""
    values = {
        "sources": [stretch.source for stretch in stretches],
        "parts": [stretch.part for stretch in stretches],
        "afters": [stretch.after for stretch in stretches],
        "uptos": [stretch.upto for stretch in stretches],
    }
    await connection.execute(_ADD, values)
    del values["afters"]
    await connection.execute(_MOVE_MARKS, values)


async def lock_checkpoint(connection: AsyncConnection, source: str, part: int) -> int:
    """Where the checkpoint of a part stands (0: nowhere yet); nobody else moves it until the transaction ends."""
    place = {"source": source, "part": part}
    return (await connection.execute(_LOCK_CHECKPOINT, place)).scalar_one_or_none() or 0


async def add_late(connection: AsyncConnection, source: str, part: int, seqs: Sequence[int]) -> None:
    """Add movements that were just appended to the cube, as far as the mark has passed them already."""
    place = {"source": SOURCE[source], "part": part}
    mark = (await connection.execute(_LOCK_MARK, place)).scalar_one()
    await connection.execute(_ADD_LATE, {**place, "mark": mark, "seqs": list(seqs)})
