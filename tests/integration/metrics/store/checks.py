"""What tests of the store assert in several places."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.domain.sums import SumRequest
from services.metrics.repository.reading import sums
from shared.db.engine import tenant_transaction
from tests.integration.metrics.store.asking import Asker
from tests.integration.metrics.store.histories import Recorded, World
from tests.integration.metrics.store.reference import Reference

Sums = dict[tuple[int, int, str], int]


async def answer(app: AsyncEngine, request: SumRequest) -> Sums:
    """What the product says: the sums by span, term and group."""
    async with tenant_transaction(app, request.traeger, "test") as connection:
        rows = await sums(connection, request)
    found = {(row.span, row.term, row.group): row.value for row in rows}
    assert len(found) == len(rows), "one row per span, term and group"
    return found


async def right(app: AsyncEngine, world: World, recorded: list[Recorded], questions: int = 25) -> None:
    """Assert that random questions get the true answers."""
    reference, asker = Reference(recorded, {}), Asker(world, 99)
    for _ in range(questions):
        request = asker.request()
        assert await answer(app, request) == reference.answer(request), request
