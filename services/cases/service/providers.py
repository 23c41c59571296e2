"""Use cases on providers: register, change, read."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.domain.commands import next_recorded_at
from services.cases.domain.providers import (
    Provider,
    ProviderKind,
    amend_provider,
    check_provider,
    check_stays,
)
from services.cases.repository.providers import ProviderRepository
from services.cases.service import events
from services.cases.service.actor import Actor
from services.cases.service.errors import stale, unknown_provider
from shared.events.outbox import append
from shared.kernel.clock import Clock, berlin_day
from shared.observability.identifiers import new_id


class ProviderService:
    """The providers of the actor's Träger, within one transaction."""

    def __init__(self, *, connection: AsyncConnection, actor: Actor, clock: Clock) -> None:
        self._connection = connection
        self._actor = actor
        self._clock = clock
        self._providers = ProviderRepository(connection, actor.traeger)

    async def find(self, *, provider_id: UUID) -> Provider:
        """A provider. Raises `NotFoundError`."""
        provider = (await self._providers.by_ids([provider_id])).get(provider_id)
        if provider is None:
            raise unknown_provider()
        return provider

    async def find_to_change(self, *, provider_id: UUID) -> Provider:
        """A provider, while no command can rely on its validity. Raises `NotFoundError`."""
        await self._providers.own_validity()
        return await self.find(provider_id=provider_id)

    async def page(self, *, external_ref: str | None, after: UUID | None, limit: int) -> Sequence[Provider]:
        """Providers by id."""
        return await self._providers.page(external_ref=external_ref, after=after, limit=limit)

    async def register(
        self,
        *,
        name: str,
        kind: ProviderKind,
        mitgliedskoerperschaft: str,
        external_ref: str | None,
        valid_from: date,
        valid_to: date | None,
    ) -> Provider:
        """A new provider. Raises `InvalidProviderError` (422), `ExternalRefTakenError` (409)."""
        provider = Provider(new_id(), 1, name, kind, mitgliedskoerperschaft, external_ref, valid_from, valid_to)
        check_provider(provider)
        now = self._clock.now()
        await self._providers.insert(provider, now)
        await append(self._connection, events.provider_changed(self._actor.traeger, provider, now))
        return provider

    async def change(self, *, provider: Provider, expected: int | None, changes: Mapping[str, Any]) -> Provider:
        """Change a provider found with `find_to_change`; one that would stay as it is, is left alone.

        Refuses in the order 422, 412, 409: `InvalidProviderError`, `StaleError`, `ProviderInUseError` or
        `ExternalRefTakenError`.
        """
        changed = amend_provider(provider, changes)
        if expected not in (provider.version, None):
            raise stale()
        if changed is provider:
            return provider
        now = next_recorded_at(self._clock.now(), await self._providers.recorded_at(provider.provider_id))
        if changed.valid_to != provider.valid_to:
            last_day = await self._providers.last_day_in_use(provider.provider_id, berlin_day(now))
            check_stays(changed.valid_to, last_day)
        if not await self._providers.update(changed, now):
            raise stale()
        await append(self._connection, events.provider_changed(self._actor.traeger, changed, now))
        return changed
