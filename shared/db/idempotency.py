"""Idempotency keys: the answer to a request is kept in the transaction that did its work.

Two statements per request, and no round trip of their own: the look-up rides with the binding of the transaction to
its Träger, the insert with the commit. There is no claim beforehand: of two equal requests at once both work, the
second waits at the primary key of this table until the first has committed, then gives its own work up and finds
the answer of the first.

These statements go past SQLAlchemy to the driver, for they are part of every request (`docs/decisions/`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from psycopg import AsyncClientCursor
from psycopg import AsyncConnection as DriverConnection
from psycopg.errors import UniqueViolation
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
_BIND_AND_LOOK_UP = """
    SELECT found.fingerprint, found.status, found.headers, found.body, found.command_key, found.command_version
    FROM (
        SELECT set_config('app.tenant_id', %(tenant)s, true) AS tenant, set_config('app.subject', %(subject)s, true)
        OFFSET 0
    ) AS bound
    LEFT JOIN LATERAL (
        SELECT * FROM idempotency_key AS k
        WHERE k.tenant = bound.tenant AND k.client_id = %(client_id)s AND k.key = %(key)s OFFSET 0
    ) AS found ON true
"""

_BIND = "SELECT set_config('app.tenant_id', %(tenant)s, true), set_config('app.subject', %(subject)s, true)"

_REMEMBER_AND_COMMIT = """
    INSERT INTO idempotency_key (tenant, client_id, key, fingerprint, status, headers, body,
                                 command_key, command_version, created_at)
    VALUES (%(tenant)s, %(client_id)s, %(key)s, %(fingerprint)s, %(status)s, %(headers)s, %(body)s,
            %(command_key)s, %(command_version)s, %(at)s);
    COMMIT
"""

_PURGE = text(
    """
    DELETE FROM idempotency_key WHERE ctid IN (
        SELECT ctid FROM idempotency_key WHERE created_at < :before ORDER BY created_at LIMIT :batch
    )
    """
)


async def bind(connection: AsyncConnection, *, traeger: Traeger, subject: str) -> None:
    """Bind the transaction like `shared.db.engine.bind_tenant`."""
    await driver_of(connection).execute(_BIND, {"tenant": traeger.value, "subject": subject})


async def bind_and_look_up(
    connection: AsyncConnection, *, traeger: Traeger, subject: str, client_id: str, key: str
) -> StoredAnswer | None:
    """Bind the transaction and bring the answer that is kept for a key, in one statement."""
    parameters = {"tenant": traeger.value, "subject": subject, "client_id": client_id, "key": key}
    cursor = await driver_of(connection).execute(_BIND_AND_LOOK_UP, parameters)
    row = await cursor.fetchone()
    assert row is not None, "the outer join always has one row"
    fingerprint, status, headers, body, command_key, command_version = row
    if fingerprint is None:
        return None
    command = None if command_key is None else CommandPlace(command_key, command_version)
    pairs = tuple((name, value) for name, value in json.loads(headers))
    return StoredAnswer(bytes(fingerprint), status, pairs, bytes(body), command)


async def commit(connection: AsyncConnection) -> None:
    """Commit what `bind` or `bind_and_look_up` have begun."""
    await driver_of(connection).commit()


async def remember_and_commit(
    connection: AsyncConnection, answer: StoredAnswer, *, traeger: Traeger, client_id: str, key: str, at: datetime
) -> bool:
    """Keep an answer and commit. False: an equal request has been faster, and nothing of this one is left."""
    parameters = {
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
    }
    driver = driver_of(connection)
    try:
        await AsyncClientCursor(driver).execute(_REMEMBER_AND_COMMIT, parameters)
    except UniqueViolation as violation:
        if violation.diag.constraint_name != "pk_idempotency_key":
            raise
        await driver.rollback()
        return False
    return True


def driver_of(connection: AsyncConnection) -> DriverConnection[Any]:
    """The connection of psycopg under one of SQLAlchemy. What is begun here must be ended here."""
    assert connection.sync_connection is not None, "the connection is open"
    driver = connection.sync_connection.connection.driver_connection
    assert isinstance(driver, DriverConnection)
    return driver


async def purge_expired(connection: AsyncConnection, now: datetime) -> int:
    """Forget answers older than 30 days, at most 1000 at once; how many went. For the worker role."""
    result = await connection.execute(_PURGE, {"before": now - KEPT, "batch": _PURGE_BATCH})
    return result.rowcount


def _pairs(headers: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [[name, value] for name, value in headers]
