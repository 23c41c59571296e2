"""One answer is read in one snapshot: a transaction that sees one state of the database and writes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.metrics.repository.freshness import AsOf
from shared.db.engine import tenant_transaction
from shared.kernel.mitgliedskoerperschaften import Traeger

__all__ = ["AsOf", "Reader", "Snapshots"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: for which Träger, as whom."""

    traeger: Traeger
    subject: str


class Snapshots:
    """Snapshots over the connections of the role `app`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @asynccontextmanager
    async def of(self, reader: Reader) -> AsyncIterator[AsyncConnection]:
        """A snapshot that sees the rows of the reader's Träger."""
        async with tenant_transaction(self._engine, reader.traeger, reader.subject) as connection:
            yield connection
