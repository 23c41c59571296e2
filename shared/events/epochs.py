"""What an operator does when numbers that were public no longer hold, say after a restore from an older backup.

The owner role runs this while the loops stand still. A new epoch voids every position: consumers halt until they are
rebuilt, a relay publishes from the beginning, and nobody mixes up numbers of two different pasts.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.engine import bind_tenant
from shared.kernel.mitgliedskoerperschaften import Traeger

_SUBJECT = "operator"
_LOCK = text("SELECT seq FROM feed_head ORDER BY part FOR UPDATE")  # the stamper waits
_RETIRE = text("UPDATE feed_meta SET current = false WHERE current RETURNING epoch")
_OPEN = text(
    "INSERT INTO feed_meta (epoch, created_at, reason, current) VALUES"
    " (:service || '-' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12), now(), :reason, true)"
    " RETURNING epoch"
)
_REWRITE = text("UPDATE event_log SET envelope = :after || substr(envelope, :length + 1) WHERE tenant = :tenant")
_FORGET = (
    text("DELETE FROM checkpoint WHERE source = :source"),
    text("DELETE FROM foreign_record WHERE source = :source"),
)
_FORGET_PARKED = text("DELETE FROM parked WHERE source = :source")


async def open_epoch(connection: AsyncConnection, *, service: str, reason: str) -> str:
    """Open a new epoch over the log as it stands: the same events under the same numbers. Returns its name."""
    await connection.execute(_LOCK)
    former = str((await connection.execute(_RETIRE)).scalar_one())
    epoch = str((await connection.execute(_OPEN, {"service": service, "reason": reason})).scalar_one())
    for traeger in Traeger:
        await bind_tenant(connection, traeger, _SUBJECT)
        values = {"after": _head(epoch), "length": len(_head(former)), "tenant": traeger.value}
        await connection.execute(_REWRITE, values)
    return epoch


async def forget(connection: AsyncConnection, source: str) -> None:
    """Drop the checkpoint of a source, so that it is read from the beginning; its effect has to go as well."""
    for statement in _FORGET:
        await connection.execute(statement, {"source": source})
    for traeger in Traeger:
        await bind_tenant(connection, traeger, _SUBJECT)
        await connection.execute(_FORGET_PARKED, {"source": source})


def _head(epoch: str) -> str:
    return f'{{"feedepoch":"{epoch}"'
