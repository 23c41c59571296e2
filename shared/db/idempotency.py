"""Idempotency keys: the answer to a request is kept in the transaction that did its work.

Two statements per request: the look-up rides with the binding of the transaction to its Träger, the insert comes
last. There is no claim beforehand: of two equal requests at once both work, the second waits at the primary key of
this table until the first has committed, then gives its own work up and finds the answer of the first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.db.base import row_level_security
from shared.kernel.mitgliedskoerperschaften import Traeger

KEPT = timedelta(days=30)
_PURGE_BATCH = 1000


@dataclass(frozen=True, slots=True)
class CommandPlace:
    """Which command a request wrote to the outbox: the key of its stream and its version there."""

    key: UUID
    version: int


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a request got, byte for byte, and the fingerprint of what it asked."""

    fingerprint: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    command: CommandPlace | None


class Operations(Protocol):
    """The part of `alembic.op` that the migration functions use."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""
        ...


def define_idempotency_table(metadata: MetaData) -> Table:
    """The table of a service that takes keys. Its migration is `create_idempotency_table_v1`."""
    return Table(
        "idempotency_key",
        metadata,
        Column("tenant", Text, nullable=False),
        Column("client_id", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("status", SmallInteger, nullable=False),
        Column("headers", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("command_key", Uuid, nullable=True),
        Column("command_version", Integer, nullable=True),
        Column("created_at", DateTime(timezone=True), nullable=False),
        PrimaryKeyConstraint("tenant", "client_id", "key"),
        Index("ix_idempotency_key_created_at", "created_at"),
    )


def create_idempotency_table_v1(op: Operations, service: str) -> None:
    """Migration: the table, its row-level security, and what the app and the worker of `service` may do with it."""
    op.execute(
        """
        CREATE TABLE idempotency_key (
            tenant text NOT NULL,
            client_id text NOT NULL,
            key text NOT NULL,
            fingerprint bytea NOT NULL,
            status smallint NOT NULL,
            headers text NOT NULL,
            body bytea NOT NULL,
            command_key uuid,
            command_version integer,
            created_at timestamptz NOT NULL,
            CONSTRAINT pk_idempotency_key PRIMARY KEY (tenant, client_id, key)
        )
        """
    )
    op.execute("CREATE INDEX ix_idempotency_key_created_at ON idempotency_key (created_at)")
    for statement in row_level_security("idempotency_key"):
        op.execute(statement)
    op.execute(f"GRANT SELECT, INSERT ON idempotency_key TO {service}_app")
    op.execute(f"GRANT SELECT, DELETE ON idempotency_key TO {service}_worker")


# Both OFFSET 0 keep the sub-selects apart: the row is looked for after the tenant is set, for it is what RLS asks.
_BIND_AND_LOOK_UP = text(
    """
    SELECT found.fingerprint, found.status, found.headers, found.body, found.command_key, found.command_version
    FROM (
        SELECT set_config('app.tenant_id', :tenant, true) AS tenant, set_config('app.subject', :subject, true)
        OFFSET 0
    ) AS bound
    LEFT JOIN LATERAL (
        SELECT * FROM idempotency_key AS k
        WHERE k.tenant = bound.tenant AND k.client_id = :client_id AND k.key = :key OFFSET 0
    ) AS found ON true
    """
)

_REMEMBER = text(
    """
    INSERT INTO idempotency_key (tenant, client_id, key, fingerprint, status, headers, body,
                                 command_key, command_version, created_at)
    VALUES (:tenant, :client_id, :key, :fingerprint, :status, :headers, :body, :command_key, :command_version, :at)
    ON CONFLICT DO NOTHING
    """
)

_PURGE = text(
    """
    DELETE FROM idempotency_key WHERE ctid IN (
        SELECT ctid FROM idempotency_key WHERE created_at < :before ORDER BY created_at LIMIT :batch
    )
    """
)


async def bind_and_look_up(
    connection: AsyncConnection, *, traeger: Traeger, subject: str, client_id: str, key: str
) -> StoredAnswer | None:
    """Bind the transaction like `bind_tenant` and bring the answer that is kept for a key, in one statement."""
    parameters = {"tenant": traeger.value, "subject": subject, "client_id": client_id, "key": key}
    row = (await connection.execute(_BIND_AND_LOOK_UP, parameters)).one()
    if row.fingerprint is None:
        return None
    command = None if row.command_key is None else CommandPlace(row.command_key, row.command_version)
    headers = tuple((name, value) for name, value in json.loads(row.headers))
    return StoredAnswer(bytes(row.fingerprint), row.status, headers, bytes(row.body), command)


async def remember(
    connection: AsyncConnection, answer: StoredAnswer, *, traeger: Traeger, client_id: str, key: str, at: datetime
) -> bool:
    """Keep an answer; False if an equal request has been faster (this one must then be rolled back)."""
    result = await connection.execute(
        _REMEMBER,
        {
            "tenant": traeger.value,
            "client_id": client_id,
            "key": key,
            "fingerprint": answer.fingerprint,
            "status": answer.status,
            "headers": json.dumps(_pairs(answer.headers)),
            "body": answer.body,
            "command_key": answer.command and answer.command.key,
            "command_version": answer.command and answer.command.version,
            "at": at,
        },
    )
    return result.rowcount == 1


async def purge_expired(connection: AsyncConnection, now: datetime) -> int:
    """Forget answers older than 30 days, at most 1000 at once; how many went. For the worker role."""
    result = await connection.execute(_PURGE, {"before": now - KEPT, "batch": _PURGE_BATCH})
    return result.rowcount


def _pairs(headers: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [[name, value] for name, value in headers]
