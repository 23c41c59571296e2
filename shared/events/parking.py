"""Commands that cannot be given their effect are set aside whole, visible, and resolved once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.envelope import decode_envelope
from shared.contracts.parts import traeger_of
from shared.events.assembly import Ready
from shared.events.ports import Handler, Outcome
from shared.kernel.errors import ConflictError

APPLIED = "APPLIED"
DISCARDED = "DISCARDED"
_REASON_LENGTH = 500

_PARK = text(
    "INSERT INTO parked"
    " (source, part, first_seq, last_seq, epoch, tenant, subject, types, envelopes, reason, parked_at)"
    " VALUES (:source, :part, :first, :last, :epoch, :tenant, :subject, :types, :envelopes, :reason, :now)"
)
_LIST = text(
    "SELECT source, part, first_seq, last_seq, tenant, subject, types, reason, parked_at FROM parked"
    " WHERE resolved_at IS NULL ORDER BY source, part, first_seq"
)
_COUNT = text("SELECT coalesce(sum(last_seq - first_seq + 1), 0) FROM parked WHERE resolved_at IS NULL")
_RESOLVE = text(
    "UPDATE parked SET resolved_at = :now, resolution = :resolution"
    " WHERE source = :source AND part = :part AND first_seq = :first AND resolved_at IS NULL RETURNING envelopes"
)
_RECOUNT = text(
    "UPDATE checkpoint SET parked = parked - :count, applied = applied + :applied, ignored = ignored + :ignored"
    " WHERE source = :source AND part = :part"
)


class NotParkedError(ConflictError):
    """No such command is parked, or somebody has resolved it already."""

    code = "not-parked"
    title = "This command is not parked"


@dataclass(frozen=True, slots=True)
class ParkedCommand:
    """A command set aside: its place, whose it is, what it is about, why."""

    source: str
    part: int
    first_seq: int
    last_seq: int
    tenant: str
    subject: str
    types: Sequence[str]
    reason: str
    parked_at: datetime


async def park(
    connection: AsyncConnection, *, source: str, epoch: str, command: Ready, reason: str, now: datetime
) -> None:
    """Set a command aside, in the transaction that moves the checkpoint past it."""
    values = {
        "source": source,
        "part": command.part,
        "first": command.first,
        "last": command.last,
        "epoch": epoch,
        "tenant": traeger_of(command.part).value,
        "subject": command.events[0].subject if command.events else "",
        "types": [event.type for event in command.events],
        "envelopes": [
            value.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}") for value in command.values
        ],
        "reason": reason[:_REASON_LENGTH].replace("\0", ""),
        "now": now,
    }
    await connection.execute(_PARK, values)


async def list_parked(connection: AsyncConnection) -> list[ParkedCommand]:
    """What waits to be resolved, of the tenant the transaction is bound to (worker role: of all)."""
    rows = (await connection.execute(_LIST)).all()
    return [ParkedCommand(*row) for row in rows]


async def parked_events(connection: AsyncConnection) -> int:
    """How many events are set aside: as long as it is not 0, what is shown is incomplete."""
    return int((await connection.execute(_COUNT)).scalar_one())


async def resolve(
    engine: AsyncEngine, handler: Handler, *, source: str, part: int, first_seq: int, now: datetime
) -> Outcome:
    """Give a parked command its effect, exactly once however often and at the same time it is asked for.

    Raises `NotParkedError`, and what the handler raises: the command stays parked then.
    """
    async with engine.begin() as connection:
        envelopes = await _take(connection, source, part, first_seq, APPLIED, now)
        outcome = await handler.apply(connection, [[decode_envelope(envelope) for envelope in envelopes]])
        await _recount(connection, source, part, len(envelopes), outcome)
    return outcome


async def discard(engine: AsyncEngine, *, source: str, part: int, first_seq: int, now: datetime) -> Outcome:
    """Decide that a parked command never gets an effect: its events count as ignored. Raises `NotParkedError`."""
    async with engine.begin() as connection:
        envelopes = await _take(connection, source, part, first_seq, DISCARDED, now)
        outcome = Outcome(applied=0, ignored=len(envelopes))
        await _recount(connection, source, part, len(envelopes), outcome)
    return outcome


async def _take(
    connection: AsyncConnection, source: str, part: int, first_seq: int, resolution: str, now: datetime
) -> Sequence[str]:
    values = {"source": source, "part": part, "first": first_seq, "resolution": resolution, "now": now}
    envelopes: Sequence[str] | None = (await connection.execute(_RESOLVE, values)).scalar_one_or_none()
    if envelopes is None:
        raise NotParkedError("no unresolved command is parked under this source, part and number")
    return envelopes


async def _recount(connection: AsyncConnection, source: str, part: int, count: int, outcome: Outcome) -> None:
    values = {"source": source, "part": part, "count": count, "applied": outcome.applied, "ignored": outcome.ignored}
    await connection.execute(_RECOUNT, values)
