"""Sums against the slow truth, for random histories and requests, wherever the mark of the compactor stands."""

from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import product

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.domain.sums import Aggregate, Attribution, DateBasis, GroupBy, Span, SumRequest, Term
from services.metrics.repository.explaining import Place, movements_behind
from services.metrics.service.compaction import compact
from services.metrics.service.verification import verify
from shared.db.engine import tenant_transaction
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.metrics.store.asking import Asker
from tests.integration.metrics.store.checks import answer
from tests.integration.metrics.store.histories import World
from tests.integration.metrics.store.loading import Log, describe, kinds_of, load
from tests.integration.metrics.store.reference import BY_UEBERGANG, MOVES, STAYS, Reference
from tests.support.databases import TestDatabase

EVER = Span(date(2010, 1, 1), date(2030, 12, 31))
COHORT = Span(date(2019, 1, 1), date(2020, 10, 20))


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


async def test_every_condition_under_every_attribution_and_group(worker: AsyncEngine, app: AsyncEngine) -> None:
    """A sweep beside the draw: what is rare (a change of payer without any provider) is in it for certain."""
    world = World(21, date(2018, 1, 1), date(2022, 6, 30))
    recorded = list(world.cases(400))
    reference, asker = Reference(recorded, {}), Asker(world, 21)
    await load(worker, Log(world), recorded)
    await compact(worker, starts_at=1, stretch=300)
    terms = [Term(name, Aggregate.FLOW) for name in MOVES]
    terms += [Term(name, Aggregate.STOCK) for name in STAYS]
    terms += [Term(name, Aggregate.PERSON_DAYS) for name in ("S:ARBEITSBEREICH", "S:AAP", "S:BFA")]
    terms += [Term("F:UEBERGANG_AUS_AB", Aggregate.DURATION), Term(BY_UEBERGANG, Aggregate.FLOW, COHORT)]
    spans = [Span(date(2020, 1, 1), date(2021, 6, 30)), Span(date(2020, 4, 1), date(2021, 5, 17))]
    for attribution, group_by, basis in product(Attribution, GroupBy, DateBasis):
        if attribution is not Attribution.PROVIDER and group_by in (GroupBy.PROVIDER, GroupBy.COMPARISON_GROUP):
            continue
        members = asker.members(Traeger.LWL) if group_by is GroupBy.COMPARISON_GROUP else ()
        request = SumRequest(Traeger.LWL, terms, spans, attribution, basis, None, group_by, members=members)
        expected = reference.answer(request)
        assert {term for _, term, _ in expected} == set(range(len(terms))), "every term has something to count"
        assert await answer(app, request) == expected, (attribution, group_by, basis)


@pytest.mark.parametrize("known_on", [None, date(2022, 3, 17)])
async def test_cohorts_that_begin_and_end_on_any_day(
    worker: AsyncEngine, app: AsyncEngine, known_on: date | None
) -> None:
    """Rückkehren are rare, so that many cohorts are asked for at once."""
    world = World(23, date(2018, 1, 1), date(2022, 6, 30))
    recorded = list(world.cases(600))
    reference, asker = Reference(recorded, {}), Asker(world, 23)
    await load(worker, Log(world), recorded)
    await compact(worker, starts_at=1)
    for group_by in (GroupBy.TOTAL, GroupBy.MITGLIEDSKOERPERSCHAFT, GroupBy.COMPARISON_GROUP):
        days = [sorted((asker.day(), asker.day())) for _ in range(20)]
        terms = [Term(BY_UEBERGANG, Aggregate.FLOW, Span(first, last)) for first, last in days]
        members = asker.members(Traeger.LVR) if group_by is GroupBy.COMPARISON_GROUP else ()
        request = SumRequest(Traeger.LVR, terms, [EVER], known_on=known_on, group_by=group_by, members=members)
        expected = reference.answer(request)
        assert len({term for _, term, _ in expected}) > 12, "most cohorts have somebody who came back"
        assert await answer(app, request) == expected, (group_by, days)


async def test_the_sum_over_groups_is_the_total(worker: AsyncEngine, app: AsyncEngine) -> None:
    world = World(22, date(2018, 1, 1), date(2022, 6, 30))
    await load(worker, Log(world), world.cases(100))
    await compact(worker, starts_at=1, stretch=100)
    asker = Asker(world, 22)
    for _ in range(40):
        request = asker.request()
        total = await answer(app, replace(request, group_by=GroupBy.TOTAL, members=()))
        summed: Counter[tuple[int, int, str]] = Counter()
        for (span, term, _), value in (await answer(app, request)).items():
            summed[span, term, "TOTAL"] += value
        assert {key: value for key, value in summed.items() if value} == total, request


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
