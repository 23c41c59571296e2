"""A dry run: every line is decided as if those before it had been taken, and nothing but the status is written.

It reads in one long transaction that holds a shadow of the files it would have changed, and no lock that anybody
waits for. Progress is written by a second connection. A shadow ends with its process: a dry run that another one
takes up decides the finished lines again, silently.
"""

import asyncio
from collections.abc import Collection, Coroutine
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.cases.domain.providers import Provider
from services.cases.repository.imports.batch import Batch, File
from services.cases.repository.imports.bulk import BulkRepository
from services.cases.repository.imports.jobs import Counts, ImportJob, ImportRepository
from services.cases.repository.imports.shadow import ShadowRepository
from services.cases.repository.providers import ProviderRepository
from services.cases.service.imports.body import BodyReader
from services.cases.service.imports.chunk import ChunkTaker
from services.cases.service.imports.stores import all_providers
from shared.db.engine import tenant_transaction
from shared.kernel.clock import Clock
from shared.kernel.mitgliedskoerperschaften import Traeger


class DryRunStore:
    """Files and providers as they would be."""

    def __init__(self, connection: AsyncConnection, traeger: Traeger, job: ImportJob) -> None:
        self._files = BulkRepository(connection, traeger, subject=job.subject, client_id=job.client_id)
        self._shadow = ShadowRepository(connection, traeger)
        self._stored = ProviderRepository(connection, traeger)
        self._changed: dict[UUID, Provider] = {}
        self._at_hand: dict[UUID, File] = {}

    async def begin(self, import_id: UUID) -> bool:
        """False if another process is at this dry run."""
        return await self._shadow.begin(import_id)

    async def hold_validity(self, *, to_change: bool) -> None:
        """Nothing is written that could become wrong."""

    async def providers(self) -> list[Provider]:
        stored = {provider.provider_id: provider for provider in await all_providers(self._stored)}
        return list((stored | self._changed).values())

    async def last_day_in_use(self, provider_id: UUID, today: date) -> date | None:
        return await self._stored.last_day_in_use(provider_id, today)

    async def save_provider(self, provider: Provider, now: datetime) -> None:
        self._changed[provider.provider_id] = provider

    async def heads(self, external_refs: Collection[str]) -> dict[str, File]:
        shadows = await self._shadow.files(external_refs)
        self._at_hand = {file.case_id: file for file in shadows.values()}
        return await self._files.heads(external_refs) | shadows

    async def load(self, case_ids: Collection[UUID]) -> dict[UUID, File]:
        at_hand = {case_id: self._at_hand[case_id] for case_id in case_ids if case_id in self._at_hand}
        missing = [case_id for case_id in case_ids if case_id not in at_hand]
        return at_hand | (await self._files.load(missing, lock=False) if missing else {})

    def write(self, batch: Batch) -> Coroutine[Any, Any, None]:
        return self._shadow.write(batch.files.values())


async def run_dry(engine: AsyncEngine, traeger: Traeger, job: ImportJob, clock: Clock, stop: asyncio.Event) -> bool:
    """Go through an import without writing it, to its end or until `stop`; False if another process is at it."""
    reader = BodyReader()
    ahead = replace(job, position=0, lines=Counts(job.lines.total))
    async with tenant_transaction(engine, traeger, job.subject) as connection:
        store = DryRunStore(connection, traeger, job)
        if not await store.begin(job.import_id):
            return False
        imports = ImportRepository(connection, traeger)
        while not stop.is_set():
            lines = await reader.next_lines(imports, ahead)
            if not lines:
                break
            result = await ChunkTaker(store=store, job=ahead, traeger=traeger, clock=clock).take(lines)
            ahead = replace(ahead, position=result.position, lines=result.lines)
            if ahead.position <= job.position:
                continue
            async with tenant_transaction(engine, traeger, job.subject) as progress:
                status = ImportRepository(progress, traeger)
                await status.advance(job.import_id, result.position, result.lines)
                await status.add_problems(job.import_id, result.problems)
    return True
