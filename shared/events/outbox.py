"""Append: a command's events are written in the transaction that changes the state, unnumbered, as one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import EnvelopeBody, encode_body
from shared.contracts.parts import part_of
from shared.kernel.errors import Category, DomainError
from shared.kernel.mitgliedskoerperschaften import Traeger

MAX_EVENT_BYTES = 900_000
"""Below `max.message.bytes` of the topics (1 MiB), so that the relay can carry everything that was committed."""

_INSERT = text(  # one JSON document: several times faster than a statement per row
    "INSERT INTO outbox_in (tenant, part, key, key_version, recorded_at, event_ids, types, bodies)"
    " SELECT tenant, part, key, key_version, recorded_at, event_ids, types, bodies"
    " FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (tenant text, part smallint, key uuid,"
    " key_version integer, recorded_at timestamptz, event_ids uuid[], types text[], bodies text[])) WITH ORDINALITY"
    " AS given (tenant, part, key, key_version, recorded_at, event_ids, types, bodies, place) ORDER BY place"
)
_encoder = msgspec.json.Encoder()


class EventTooLargeError(DomainError):
    """An event would not fit through every transport, so the command that writes it is refused."""

    category = Category.TOO_LARGE
    code = "event-too-large"
    title = "The change is too large for one event"


@dataclass(frozen=True, slots=True)
class OutboxCommand:
    """All events of one command in their order.

    `key` is the case or provider, `key_version` its version after the command (one per command), `recorded_at` the
    instant of the command. The caller holds the lock of the row that carries the version.
    """

    traeger: Traeger
    key: UUID
    key_version: int
    recorded_at: datetime
    events: Sequence[EnvelopeBody]


async def append(connection: AsyncConnection, *commands: OutboxCommand) -> None:
    """Write commands in their order; those without events leave nothing. Raises `EventTooLargeError`."""
    rows = [_row(command) for command in commands if command.events]
    if rows:
        await connection.execute(_INSERT, {"rows": _encoder.encode(rows).decode()})


def _row(command: OutboxCommand) -> dict[str, object]:
    bodies = [encode_body(event) for event in command.events]
    if any(len(body.encode()) > MAX_EVENT_BYTES for body in bodies):
        raise EventTooLargeError(f"an event may have at most {MAX_EVENT_BYTES} bytes")
    return {
        "tenant": command.traeger.value,
        "part": part_of(command.traeger, command.key),
        "key": command.key,
        "key_version": command.key_version,
        "recorded_at": command.recorded_at,
        "event_ids": [event.id for event in command.events],
        "types": [event.type for event in command.events],
        "bodies": bodies,
    }
