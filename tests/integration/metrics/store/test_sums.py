"""Sums against the slow truth, for random histories and requests, wherever the mark of the compactor stands."""

from collections import Counter
from datetime import date

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.repository.explaining import Place, movements_behind
from services.metrics.service.compaction import compact
from services.metrics.service.verification import verify
from shared.db.engine import tenant_transaction
from tests.integration.metrics.store.asking import Asker
from tests.integration.metrics.store.checks import answer
from tests.integration.metrics.store.histories import World
from tests.integration.metrics.store.loading import Log, describe, kinds_of, load
from tests.integration.metrics.store.reference import Reference
from tests.support.databases import TestDatabase


@pytest.mark.parametrize("seed", range(12))
async def test_sums_equal_the_slow_truth(worker: AsyncEngine, app: AsyncEngine, seed: int) -> None:
    """The mark stands at none, some or all of the movements; they come from both sources, corrections among them."""
    world = World(seed, date(2018, 1, 1), date(2022, 6, 30))
    log, asker = Log(world), Asker(world, seed)
    kinds = kinds_of(asker.random, world)
    recorded = list(world.cases(120))
    reference = Reference(recorded, {house.id: kind for _, house, kind in kinds})
    third = len(recorded) // 3
    await load(worker, log, recorded[:third], other_source=True)
    if seed % 3:
        await compact(worker, starts_at=1)
    await load(worker, log, recorded[third : 2 * third])
    await describe(worker, log, kinds)
    if seed % 3 == 2:
        await compact(worker, starts_at=1, stretch=30)
    await load(worker, log, recorded[2 * third :])
    told = 0
    for step in range(100):
        if step == 70:
            while await compact(worker, starts_at=1):
                pass
        request = asker.request()
        expected = reference.answer(request)
        assert await answer(app, request) == expected, request
        told += bool(expected)
    assert told > 50, "most questions have an answer"


@pytest.mark.parametrize("seed", range(2))
async def test_weights_of_the_movements_behind_add_up_to_the_sums(
    worker: AsyncEngine, app: AsyncEngine, seed: int
) -> None:
    world = World(seed, date(2019, 1, 1), date(2022, 6, 30))
    log, asker = Log(world), Asker(world, seed)
    await load(worker, log, world.cases(30))
    await describe(worker, log, kinds_of(asker.random, world))
    await compact(worker, starts_at=1, stretch=40)
    for _ in range(40):
        request = asker.request()
        total: Counter[tuple[int, int, str]] = Counter()
        place: Place | None = (0, 0, 0)
        while place is not None:
            async with tenant_transaction(app, request.traeger, "test") as connection:
                page = await movements_behind(connection, request, limit=50, after=place)
            assert page.next is None or page.next > place
            place = page.next
            for effect in page.effects:
                total[effect.span, effect.term, effect.group] += effect.weight
        assert {key: value for key, value in total.items() if value} == await answer(app, request), request


async def test_verify_finds_nothing_in_an_untouched_cube_and_every_change_in_another(
    worker: AsyncEngine, metrics_database: TestDatabase
) -> None:
    world = World(1, date(2019, 1, 1), date(2022, 6, 30))
    await load(worker, Log(world), world.cases(30))
    await compact(worker, starts_at=1, stretch=40)
    clean = await verify(worker)
    assert (clean.differences, clean.examples) == (0, ())
    assert clean.rows > 0
    with psycopg.connect(metrics_database.superuser_conninfo) as superuser:
        superuser.execute(
            "UPDATE cube SET net = net + 1 WHERE (measure, key) IN (SELECT measure, key FROM cube LIMIT 1)"
        )
        touched = superuser.execute("DELETE FROM cube WHERE measure = 1 AND level = 2").rowcount
    assert (await verify(worker)).differences > touched > 0
