"""Sums against the slow truth, for random histories and requests, wherever the mark of the compactor stands."""

from collections.abc import AsyncIterator
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.domain.sums import SumRequest
from services.metrics.repository.reading import sums
from services.metrics.service.compaction import compact
from shared.db.engine import create_engine, tenant_transaction
from tests.integration.metrics.store.asking import Asker
from tests.integration.metrics.store.histories import World
from tests.integration.metrics.store.loading import Log, describe, kinds_of, load
from tests.integration.metrics.store.reference import Reference
from tests.support.databases import TestDatabase


@pytest.fixture
async def worker(metrics_database: TestDatabase) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(metrics_database.worker_url, application_name="test")
    yield engine
    await engine.dispose()


@pytest.fixture
async def app(metrics_database: TestDatabase) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(metrics_database.app_url, application_name="test")
    yield engine
    await engine.dispose()


async def answer(app: AsyncEngine, request: SumRequest) -> dict[tuple[int, int, str], int]:
    async with tenant_transaction(app, request.traeger, "test") as connection:
        rows = await sums(connection, request)
    found = {(row.span, row.term, row.group): row.value for row in rows}
    assert len(found) == len(rows), "one row per span, term and group"
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_sums_equal_the_slow_truth(worker: AsyncEngine, app: AsyncEngine, seed: int) -> None:
    world = World(seed, date(2019, 1, 1), date(2022, 6, 30))
    log, asker = Log(world), Asker(world, seed)
    kinds = kinds_of(asker.random, world)
    recorded = list(world.cases(70))
    reference = Reference(recorded, {house.id: kind for _, house, kind in kinds})
    third = len(recorded) // 3
    stages = [recorded[:third], recorded[third : 2 * third], recorded[2 * third :]]
    await load(worker, log, stages[0], other_source=True)
    if seed % 3:
        await compact(worker, starts_at=1)
    await load(worker, log, stages[1])
    await describe(worker, log, kinds)
    if seed % 3 == 2:
        await compact(worker, starts_at=1, stretch=30)
    await load(worker, log, stages[2])
    for step in range(60):
        if step == 40:
            await compact(worker, starts_at=1)
        request = asker.request()
        assert await answer(app, request) == reference.answer(request), request
