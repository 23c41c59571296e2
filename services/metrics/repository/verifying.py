"""The cube against the movements it was made of."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.repository.cube import CUBE_KEY, cube_rows

_COMPACTED = """(
    SELECT moved.* FROM cube_mark mark
    JOIN movement moved ON moved.source = mark.source AND moved.part = mark.part AND moved.seq <= mark.seq)"""
_COMPARE = text(f"""
    SELECT {CUBE_KEY}, sum(in_cube_net)::bigint AS in_cube_net, sum(net)::bigint AS net,
        sum(in_cube_moment)::bigint AS in_cube_moment, sum(moment)::bigint AS moment, count(*) OVER () AS differences
    FROM (
        SELECT {CUBE_KEY}, 0 AS in_cube_net, net, 0 AS in_cube_moment, moment
        FROM ({cube_rows(_COMPACTED)}) AS counted
        UNION ALL
        SELECT {CUBE_KEY}, net, 0, moment, 0 FROM cube
    ) AS both_sides
    GROUP BY {CUBE_KEY}
    HAVING sum(in_cube_net) <> sum(net) OR sum(in_cube_moment) <> sum(moment)
    ORDER BY {CUBE_KEY}
    LIMIT :limit
""")  # noqa: S608 - codes of our own, no input
_EXTENT = text("""
    SELECT (SELECT count(*) FROM movement) AS movements, (SELECT count(*) FROM cube) AS rows
""")


@dataclass(frozen=True, slots=True)
class Difference:
    """A row of the cube that is not what the movements up to the marks add up to (see `tables.cube` for its key)."""

    traeger: int
    measure: int
    attribution: int
    level: int
    month: int
    recorded_month: int
    key: int
    disability: int
    basis: int
    cohort_month: int
    in_cube_net: int
    net: int
    in_cube_moment: int
    moment: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much was compared, how many rows differ, and the first of them."""

    movements: int
    rows: int
    differences: int
    examples: tuple[Difference, ...]


async def compare(connection: AsyncConnection, *, examples: int) -> Comparison:
    """Count all compacted movements again and hold every row of the cube against it."""
    found = (await connection.execute(_COMPARE, {"limit": examples})).all()
    extent = (await connection.execute(_EXTENT)).one()
    total = found[0].differences if found else 0
    return Comparison(extent.movements, extent.rows, total, tuple(Difference(*row[:-1]) for row in found))
