"""A random world through the three running services, on the feed and on a real Kafka, held to the recount."""

from collections.abc import Iterator

import pytest

from shared.kernel.clock import berlin_day
from shared.observability.clock import SystemClock
from tests.recount.parameters import abstract_sets, listing_sets, parameter_sets
from tests.recount.worlds import random_world
from tests.support.product import Product, running_product
from tests.worlds.running import check_world, define_groups, ids_of_providers, import_world, wait_until_counted

SEED = 101
QUESTIONS = 120
"""A sample: all pairs of parameters are asked of metrics alone, in `tests/worlds`."""


@pytest.fixture(scope="module", params=["feed", pytest.param("kafka", marks=pytest.mark.kafka)])
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    arguments = ["--kafka"] if request.param == "kafka" else []
    with running_product(tmp_path_factory.mktemp("world") / "data", *arguments) as running:
        yield running


def test_the_product_answers_like_the_recount(product: Product) -> None:
    world = random_world(SEED, berlin_day(SystemClock().now()))
    cases = {traeger: product.client("cases", traeger) for traeger in world.books}
    metrics = {traeger: product.client("metrics", traeger) for traeger in world.books}
    import_world(cases, world)
    wait_until_counted(metrics)
    ids = ids_of_providers(cases)
    define_groups(metrics, world, ids)
    sets = [*parameter_sets(world, abstract_sets(SEED))[:QUESTIONS], *listing_sets(world, 20)]
    outcome = check_world(metrics, world, sets, ids)
    assert outcome.answered > QUESTIONS
    for client in (*cases.values(), *metrics.values()):
        client.close()
