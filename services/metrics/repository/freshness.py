"""How current the figures of one Träger are: what has been folded, and what had to be set aside."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.parts import parts_of
from shared.kernel.mitgliedskoerperschaften import Traeger

_AS_OF = text(
    "SELECT (SELECT max(recorded_until) FROM checkpoint WHERE part BETWEEN :first AND :last) AS recorded_until,"
    " (SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM parked WHERE resolved_at IS NULL) AS parked"
)


@dataclass(frozen=True, slots=True)
class AsOf:
    """The newest `time` of an event that has been folded (None before the first), and how many events are parked."""

    recorded_until: datetime | None
    parked: int


async def as_of(connection: AsyncConnection, traeger: Traeger) -> AsOf:
    """How current everything is that the transaction reads; it is bound to the Träger."""
    parts = parts_of(traeger)
    row = (await connection.execute(_AS_OF, {"first": parts[0], "last": parts[-1]})).one()
    return AsOf(row.recorded_until, int(row.parked))
