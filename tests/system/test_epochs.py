"""A new epoch after a restore: every stored event says so, and our own consumers are taken along."""

from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from msgspec import Raw
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.postgres.epochs import MixedLogError, open_epoch
from shared.contracts.envelope import EnvelopeBody, decode_envelope
from shared.events.outbox import OutboxCommand, append
from shared.events.stamper import Stamper
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.support.databases import TestDatabase

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _command(number: int) -> OutboxCommand:
    body = EnvelopeBody(
        id=UUID(int=1000 + number), source="/cases", type="t", subject=str(UUID(int=number)), time=NOW,
        tenant=Traeger.LWL, data=Raw(b'{"index":1,"of":1,"say":"{\\"feedepoch\\":\\"x\\"}"}'),
    )  # fmt: skip
    return OutboxCommand(Traeger.LWL, UUID(int=number), 1, NOW, [body])


async def _stamped(database: TestDatabase, count: int) -> None:
    engine = create_async_engine(database.worker_url)
    app = create_async_engine(database.app_url)
    async with app.begin() as connection:
        await connection.exec_driver_sql("SELECT set_config('app.tenant_id', 'LWL', true)")
        await append(connection, *(_command(number) for number in range(count)))
    async with engine.connect() as connection:
        assert await Stamper(engine).stamp(connection) == count
    await app.dispose()
    await engine.dispose()


def _checkpoint(connection: psycopg.Connection, source: str, epoch: object) -> None:
    connection.execute(
        "INSERT INTO checkpoint VALUES (%s, 7, %s, 2, NULL, 1, 0, 1, 0, 0, now(), now())", (source, epoch)
    )


async def test_a_new_epoch_reaches_every_event_and_every_consumer(
    cases_database: TestDatabase, metrics_database: TestDatabase
) -> None:
    await _stamped(cases_database, 20)
    with (
        psycopg.connect(cases_database.superuser_conninfo) as cases,
        psycopg.connect(metrics_database.superuser_conninfo) as metrics,
    ):
        old = _one(cases, "SELECT epoch FROM feed_meta WHERE current")
        before = cases.execute("SELECT part, seq, event_id, envelope FROM event_log ORDER BY part, seq").fetchall()
        _checkpoint(metrics, "/cases", old)
        _checkpoint(metrics, "/budgets", "budgets-1")
        envelope = before[0][3]
        metrics.execute(
            "INSERT INTO parked VALUES ('/cases', 7, 2, 2, %s, 'LWL', '', '{t}', ARRAY[%s], 'why', now())",
            (old, envelope),
        )
        cases.execute("INSERT INTO relay_cursor VALUES ('kafka', 7, %s, 2, now())", (old,))

        new = open_epoch("cases", cases, [metrics], reason="test")

        assert new != old
        assert _one(cases, "SELECT epoch FROM feed_meta WHERE current") == new
        assert _one(cases, "SELECT count(*) FROM relay_cursor") == 0
        after = cases.execute("SELECT part, seq, event_id, envelope FROM event_log ORDER BY part, seq").fetchall()
        assert [row[:3] for row in after] == [row[:3] for row in before]
        for earlier, later in zip(before, after, strict=True):
            assert decode_envelope(later[3]).feedepoch == new
            assert later[3] == earlier[3].replace(f'"feedepoch":"{old}"', f'"feedepoch":"{new}"', 1)
        epochs: dict[str, str] = dict(metrics.execute("SELECT source, epoch FROM checkpoint").fetchall())
        assert epochs == {"/cases": new, "/budgets": "budgets-1"}
        parked = metrics.execute("SELECT epoch, envelopes FROM parked").fetchone()
        assert parked is not None
        assert (parked[0], decode_envelope(parked[1][0]).feedepoch) == (new, new)


async def test_a_log_of_several_epochs_is_left_alone(cases_database: TestDatabase) -> None:
    await _stamped(cases_database, 3)
    with psycopg.connect(cases_database.superuser_conninfo) as cases:
        cases.execute("UPDATE feed_meta SET epoch = 'cases-other' WHERE current")
        with pytest.raises(MixedLogError, match="another epoch than cases-other"):
            open_epoch("cases", cases, [], reason="test")


def _one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
