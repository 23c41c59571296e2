"""One world, from the decisions of `cases` to the answers of `metrics`, compared with the recount."""

from collections.abc import Iterable
from datetime import date
from random import Random

from tests.recount import pairs, parameters
from tests.recount.worlds import World, random_world
from tests.support.databases import Cluster
from tests.worlds.comparing import Outcome, Question, listing_questions, questions
from tests.worlds.counting_product import CountingProduct, counting_product
from tests.worlds.telling import Ids, world_events

TODAY = date(2023, 8, 15)
AGAIN = 20


def provider_ids(world: World, ids: Ids) -> dict[str, dict[str, str]]:
    """The ids of all providers by Träger and reference, as text."""
    return {traeger: {ref: str(ids.of(ref)) for ref in books.providers} for traeger, books in world.books.items()}


async def compare_world(cluster: Cluster, seed: int, choices: Iterable[pairs.Choice]) -> Outcome:
    """Tell a world to an empty `metrics`, ask everything, move the mark, ask some of it again."""
    world, ids = random_world(seed, TODAY), Ids(seed)
    known = provider_ids(world, ids)
    sets = parameters.parameter_sets(world, list(choices))
    asked = [*questions(world, sets, known), *listing_questions(world, parameters.listing_sets(world), known)]
    database = cluster.create("metrics")
    async with counting_product(database, TODAY) as product:
        await tell(product, world, ids, mark=seed % 5)
        await product.define_groups(world, known)
        outcome = await ask(product, asked)
        await product.move_mark(10_000)
        outcome.differences += (await ask(product, Random(seed).sample(asked, k=AGAIN))).differences
    cluster.drop(database)
    return outcome


async def tell(product: CountingProduct, world: World, ids: Ids, mark: int) -> None:
    """Fold a world so that the cube holds nothing (0), something, or everything (4)."""
    events = world_events(world, ids)
    half = len(events) // 2
    if mark in (0, 1, 4):
        await product.fold(events)
    if mark in (2, 3):
        await product.fold(events[:half])
        await product.move_mark(10_000 if mark == 2 else 17)
        await product.fold(events[half:])
    if mark == 1:
        await product.move_mark(30)
    if mark == 4:
        await product.move_mark(10_000)


async def ask(product: CountingProduct, asked: Iterable[Question]) -> Outcome:
    """Ask all questions and judge the answers."""
    outcome = Outcome()
    for question in asked:
        outcome.judge(question, await product.get(question.traeger, question.path, question.params))
    return outcome


def assert_alike(outcome: Outcome) -> None:
    """Fail with the first differences."""
    assert not outcome.differences, f"{len(outcome.differences)} differ:\n" + "\n".join(outcome.differences[:20])
