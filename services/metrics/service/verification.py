"""Verification: the cube is counted again from the movements; any difference is a fault of ours."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.repository import compacting, verifying
from services.metrics.repository.verifying import Comparison, Difference

__all__ = ["Comparison", "Difference", "verify"]

_SECONDS = 3_600
_EXAMPLES = 20


async def verify(engine: AsyncEngine) -> Comparison:
    """Compare in one snapshot, beside everything else that goes on. `engine` is of the worker role.

    What a read shows is the cube plus the movements behind the marks, and these it counts itself: if the cube equals
    the movements up to the marks, every figure equals a count of all movements.
    """
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with connection.begin():
            await compacting.be_patient(connection, _SECONDS)
            return await verifying.compare(connection, examples=_EXAMPLES)
