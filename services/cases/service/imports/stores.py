"""Where a chunk finds files and puts its writes: the tables, or for a dry run a shadow of them."""

from collections.abc import Collection, Coroutine
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.domain.commands import next_recorded_at
from services.cases.domain.providers import Provider
from services.cases.repository.errors import ExternalRefTakenError
from services.cases.repository.imports.batch import Batch, File
from services.cases.repository.imports.bulk import BulkRepository, OvertakenError
from services.cases.repository.imports.jobs import ImportJob
from services.cases.repository.providers import ProviderRepository
from services.cases.service import events
from shared.events.outbox import append
from shared.kernel.mitgliedskoerperschaften import Traeger

_PROVIDERS_PER_READ = 1_000


class Store(Protocol):
    """What a chunk needs."""

    async def hold_validity(self, *, to_change: bool) -> None:
        """Nobody else changes the validity of providers until the chunk is written."""
        ...

    async def providers(self) -> list[Provider]:
        """All providers of the Träger."""
        ...

    async def last_day_in_use(self, provider_id: UUID, today: date) -> date | None:
        """The last day on which somebody stays at a provider."""
        ...

    async def save_provider(self, provider: Provider, now: datetime) -> None:
        """Write a provider: version 1 is a new one."""
        ...

    async def heads(self, external_refs: Collection[str]) -> dict[str, File]:
        """Files by reference, without facts."""
        ...

    async def load(self, case_ids: Collection[UUID]) -> dict[UUID, File]:
        """Files with facts, to be changed."""
        ...

    def write(self, batch: Batch) -> Coroutine[Any, Any, None]:
        """What writes everything of a batch; its files may change before that is awaited."""
        ...


class LiveStore:
    """The tables themselves, in one transaction. Raises `OvertakenError` where the chunk must be done again."""

    def __init__(self, connection: AsyncConnection, traeger: Traeger, job: ImportJob) -> None:
        self._connection = connection
        self._traeger = traeger
        self._files = BulkRepository(connection, traeger, subject=job.subject, client_id=job.client_id)
        self._providers = ProviderRepository(connection, traeger)
        self.heads = self._files.heads
        self.load = self._files.load
        self.write = self._files.write
        self.last_day_in_use = self._providers.last_day_in_use

    async def hold_validity(self, *, to_change: bool) -> None:
        if to_change:
            await self._providers.own_validity()
        else:
            await self._providers.share_validity()

    async def providers(self) -> list[Provider]:
        return await all_providers(self._providers)

    async def save_provider(self, provider: Provider, now: datetime) -> None:
        if provider.version == 1:
            try:
                await self._providers.insert(provider, now)
            except ExternalRefTakenError as error:
                raise OvertakenError from error
        else:
            now = next_recorded_at(now, await self._providers.recorded_at(provider.provider_id))
            if not await self._providers.update(provider, now):
                raise OvertakenError
        await append(self._connection, events.provider_changed(self._traeger, provider, now))


async def all_providers(repository: ProviderRepository) -> list[Provider]:
    """Every provider of a Träger, read in pages."""
    found: list[Provider] = []
    after: UUID | None = None
    while True:
        page = await repository.page(external_ref=None, after=after, limit=_PROVIDERS_PER_READ)
        found += page
        if len(page) < _PROVIDERS_PER_READ:
            return found
        after = page[-1].provider_id
