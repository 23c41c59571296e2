"""The tables are what the metadata says, append-only where they must be, and closed to the other Träger."""

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Integer, Table, Text, Uuid, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.parts import PARTS
from shared.db.base import new_metadata
from shared.db.engine import tenant_transaction
from shared.events.outbox import append
from shared.events.tables import (
    define_consumer_tables,
    define_log_tables,
    drop_consumer_tables_v1,
    drop_log_tables_v1,
)
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.events.support import create_tables, execute, make_command, rows, stamp_all, write
from tests.support.databases import TestDatabase


def test_the_statements_create_what_the_metadata_says(database: TestDatabase) -> None:
    metadata = new_metadata()
    define_log_tables(metadata)
    define_consumer_tables(metadata)
    columns = [Column(name, Integer) for name in ("part", "index", "of")]
    Table(
        "effect",
        metadata,
        *columns,
        Column("seq", sqlalchemy.BigInteger),
        Column("event_id", Uuid),
        Column("subject", Text),
    )
    Table("subject", metadata, Column("id", Uuid, primary_key=True), Column("version", Integer, nullable=False))
    engine = sqlalchemy.create_engine(database.owner_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_statements_can_be_undone_and_done_again(database: TestDatabase) -> None:
    engine = sqlalchemy.create_engine(database.owner_url)
    with engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        drop_log_tables_v1(op)
        drop_consumer_tables_v1(op)
        op.execute("DROP TABLE effect, subject")
        assert sqlalchemy.inspect(connection).get_table_names() == []
    engine.dispose()
    create_tables(database.owner_url)


async def test_a_new_log_has_an_epoch_without_a_dot_and_twelve_empty_parts(worker: AsyncEngine) -> None:
    ((epoch,),) = await rows(worker, "SELECT epoch FROM feed_meta WHERE current")
    assert str(epoch).startswith("cases-")
    assert "." not in str(epoch)
    heads = await rows(worker, "SELECT part, first, seq FROM feed_head ORDER BY part")
    assert heads == [(part, 1, 0) for part in range(PARTS)]


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize(
    "statement", ["UPDATE event_log SET envelope = ''", "DELETE FROM event_log", "TRUNCATE event_log"]
)
async def test_nobody_who_works_may_change_the_log(
    app: AsyncEngine, worker: AsyncEngine, role: str, statement: str
) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        await execute(app if role == "app" else worker, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM outbox_in",
        "UPDATE feed_head SET seq = 0",
        "UPDATE checkpoint SET seq = 0",
        "INSERT INTO parked DEFAULT VALUES",
        "SELECT * FROM relay_cursor",
        "SELECT * FROM foreign_record",
    ],
)
async def test_requests_cannot_touch_what_belongs_to_the_loops(app: AsyncEngine, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        await execute(app, statement)


@pytest.mark.parametrize("table", ["outbox_in", "event_log", "parked"])
async def test_every_table_with_a_tenant_is_under_forced_row_level_security(worker: AsyncEngine, table: str) -> None:
    found = await rows(
        worker,
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = CAST(:table AS regclass)",
        table=table,
    )
    assert found == [(True, True)]


async def test_a_traeger_sees_only_its_own_events(app: AsyncEngine, worker: AsyncEngine) -> None:
    commands = [make_command(new_id(), 1, 2, traeger=traeger) for traeger in Traeger]
    await write(app, *commands)
    for stamped in (False, True):
        if stamped:
            assert await stamp_all(worker) == 4
        for traeger in Traeger:
            async with tenant_transaction(app, traeger, "test") as connection:
                table = "event_log" if stamped else "outbox_in"
                seen = (await connection.execute(text(f"SELECT DISTINCT tenant FROM {table}"))).scalars().all()
            assert seen == [traeger.value]
    assert await rows(app, "SELECT * FROM event_log") == []


async def test_a_row_of_the_other_traeger_cannot_be_written(app: AsyncEngine) -> None:
    foreign = make_command(new_id(), 1, traeger=Traeger.LVR)
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with tenant_transaction(app, Traeger.LWL, "test") as connection:
            await append(connection, foreign)
