"""One answer is read in one snapshot, and a read writes nothing."""

from collections.abc import AsyncIterator
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.domain.sums import Aggregate, Span, SumRequest, Term
from services.metrics.repository.freshness import as_of
from services.metrics.repository.reading import sums
from services.metrics.service.snapshots import Reader, Snapshots
from shared.db.engine import create_engine
from shared.kernel.clock import FixedClock
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.metrics.api.conftest import Told
from tests.integration.metrics.api.log import Case

READER = Reader(Traeger.LWL, "anna")
STOCK = SumRequest(Traeger.LWL, [Term("S:BFA", Aggregate.STOCK)], [Span(date(2022, 2, 14), date(2022, 2, 14))])


@pytest.fixture
async def engine(own: Told) -> AsyncIterator[AsyncEngine]:
    """The role behind requests."""
    engine = create_engine(own.database.app_url, application_name="snapshot")
    yield engine
    await engine.dispose()


async def test_what_arrives_meanwhile_is_not_in_the_answer(own: Told, engine: AsyncEngine, clock: FixedClock) -> None:
    snapshots = Snapshots(engine)
    worker = create_engine(own.database.worker_url, application_name="fold")
    async with snapshots.of(READER) as connection:
        before = await as_of(connection, Traeger.LWL)
        case = Case(own.log)
        alternative = case.moved("WERKSTATTALTERNATIVE", "2022-02-01", None, case.cell("WERKSTATTALTERNATIVE"))
        case.record("2022-02-01", [alternative])
        await own.log.fold(worker, clock)
        assert await as_of(connection, Traeger.LWL) == before
        assert await sums(connection, STOCK) == []
    await worker.dispose()
    async with snapshots.of(READER) as connection:
        assert await as_of(connection, Traeger.LWL) != before
        assert [row.value for row in await sums(connection, STOCK)] == [1]


async def test_a_snapshot_sees_one_traeger_and_writes_nothing(own: Told, engine: AsyncEngine) -> None:
    snapshots = Snapshots(engine)
    async with snapshots.of(Reader(Traeger.LVR, "otto")) as connection:
        names = (await connection.execute(text("SELECT name FROM provider"))).scalars().all()
        assert list(names) == ["Werkstatt R"]
    with pytest.raises(DBAPIError, match="read-only"):
        async with snapshots.of(READER) as connection:
            await connection.execute(text("DELETE FROM comparison_group"))
