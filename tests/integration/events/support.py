"""A producer and a consumer reduced to what events need: one scratch database, commands without meaning, a tally."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import psycopg
import sqlalchemy
from alembic.migration import MigrationContext
from alembic.operations import Operations
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.contracts.envelope import EnvelopeBody
from shared.db.engine import tenant_transaction
from shared.events.outbox import OutboxCommand, append
from shared.events.ports import Command, InvalidCommandError, Outcome
from shared.events.stamper import Stamper
from shared.events.tables import create_consumer_tables_v1, create_log_tables_v1
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.support.databases import Cluster, TestDatabase

SERVICE = "cases"
SOURCE = "/cases"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
USED = "de.nrw.teilhabe.test.counted.v1"
UNUSED = "de.nrw.teilhabe.test.unknown.v1"


@contextmanager
def scratch_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A database with the log, the checkpoint and a table `effect`, which has no key: what is counted twice shows."""
    name = f"t_events_{secrets.token_hex(4)}"
    owner, app, worker = (f"{SERVICE}_{role}" for role in ("owner", "app", "worker"))
    with psycopg.connect(cluster.server.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
    urls = [cluster.server.url(name, role, cluster.passwords[role]) for role in (owner, app, worker)]
    database = TestDatabase(name, urls[0], urls[1], urls[2], cluster.server.conninfo(name))
    try:
        create_tables(database.owner_url)
        yield database
    finally:
        cluster.drop(database)


def create_tables(owner_url: str) -> None:
    """What a migration of a service does, with the same functions."""
    engine = sqlalchemy.create_engine(owner_url)
    with engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        create_log_tables_v1(op, SERVICE)
        create_consumer_tables_v1(op, SERVICE)
        op.execute("CREATE TABLE effect (part int, seq bigint, event_id uuid, subject text, index int, of int)")
        op.execute("CREATE TABLE subject (id uuid PRIMARY KEY, version int NOT NULL)")
        op.execute(f"GRANT SELECT, INSERT ON effect TO {SERVICE}_worker, {SERVICE}_app")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON subject TO {SERVICE}_worker, {SERVICE}_app")
    engine.dispose()


@asynccontextmanager
async def engine_for(url: str, *, pool_size: int = 20) -> AsyncIterator[AsyncEngine]:
    """An engine that is closed at the end."""
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0)
    try:
        yield engine
    finally:
        await engine.dispose()


def make_command(
    key: UUID, version: int, events: int = 1, *, traeger: Traeger = Traeger.LWL, kind: str = USED, padding: int = 0
) -> OutboxCommand:
    """A command whose events say where they stand in it, with `padding` further bytes each."""
    bodies = [
        EnvelopeBody(
            id=new_id(),
            source=SOURCE,
            type=kind,
            subject=str(key),
            time=NOON,
            tenant=traeger,
            data=msgspec.Raw(
                msgspec.json.encode(
                    {
                        "case_id": str(key),
                        "case_version": version,
                        "index": index,
                        "of": events,
                        "note": "x" * padding,
                    }
                )
            ),
        )
        for index in range(1, events + 1)
    ]
    return OutboxCommand(traeger, key, version, NOON, tuple(bodies))


async def write(engine: AsyncEngine, *commands: OutboxCommand) -> None:
    """Commit commands through the app role, one transaction per Träger."""
    for traeger in Traeger:
        own = [command for command in commands if command.traeger is traeger]
        if own:
            async with tenant_transaction(engine, traeger, "test") as connection:
                await append(connection, *own)


async def stamp_all(engine: AsyncEngine) -> int:
    """Stamp until nothing is left."""
    stamper, total = Stamper(engine), 0
    async with engine.connect() as connection:
        while stamped := await stamper.stamp(connection):
            total += stamped
    return total


@dataclass(frozen=True, slots=True)
class Logged:
    """One row of the log."""

    part: int
    seq: int
    event_id: UUID
    key: UUID
    key_version: int
    index: int
    envelope: str


async def read_log(engine: AsyncEngine) -> list[Logged]:
    """The whole log, by part and number."""
    query = text("SELECT part, seq, event_id, key, key_version, index, envelope FROM event_log ORDER BY part, seq")
    async with engine.connect() as connection:
        return [Logged(*row) for row in (await connection.execute(query)).all()]


async def rows(engine: AsyncEngine, statement: str, **values: object) -> list[tuple[object, ...]]:
    """What a query gives, as plain tuples."""
    async with engine.connect() as connection:
        return [tuple(row) for row in (await connection.execute(text(statement), values)).all()]


async def execute(engine: AsyncEngine, statement: str, **values: object) -> None:
    """One statement in its own transaction."""
    async with engine.begin() as connection:
        await connection.execute(text(statement), values)


class Tally:
    """A handler that writes one row per event it uses, and refuses or fails where a test wants it to."""

    def __init__(self) -> None:
        self.invalid: set[UUID] = set()
        self.faulty: set[UUID] = set()
        self.before: Callable[[AsyncConnection, Sequence[Command]], Awaitable[None]] | None = None
        self.after: Callable[[AsyncConnection, Sequence[Command]], Awaitable[None]] | None = None

    async def apply(self, connection: AsyncConnection, commands: Sequence[Command]) -> Outcome:
        """See `shared.events.ports.Handler`."""
        if self.before is not None:
            await self.before(connection, commands)
        written, ignored = [], 0
        for command in commands:
            assert [place_of(event) for event in command] == [(n + 1, len(command)) for n in range(len(command))]
            for event in command:
                if event.id in self.invalid:
                    raise InvalidCommandError("refused by the test")
                if event.id in self.faulty:
                    raise KeyError("a bug in the handler")
                if event.type != USED:
                    ignored += 1
                    continue
                index, of = place_of(event)
                written.append(
                    {
                        "part": event.feedpart,
                        "seq": event.seq,
                        "id": event.id,
                        "s": event.subject,
                        "i": index,
                        "of": of,
                    }
                )
        if written:
            await connection.execute(text("INSERT INTO effect VALUES (:part, :seq, :id, :s, :i, :of)"), written)
        if self.after is not None:
            await self.after(connection, commands)
        return Outcome(applied=len(written), ignored=ignored)


def place_of(event: object) -> tuple[int, int]:
    """`index` and `of` as the payload says, read without our own reader."""
    data = msgspec.json.decode(event.data)  # type: ignore[attr-defined]  # an Envelope
    return data["index"], data["of"]


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 20) -> None:
    """Look every 20 ms until it is true; fail after the deadline."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what it looks at is in a database or another process
            await asyncio.sleep(0.02)
