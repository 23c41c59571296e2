"""Receiving an import: the body is stored in pieces as it arrives, in the transaction that also makes the job."""

from collections.abc import AsyncIterable, Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.repository.imports.jobs import Counts, ImportJob, ImportProblem, ImportRepository
from services.cases.service.actor import Actor
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFoundError
from shared.observability.identifiers import new_id

PIECE_BYTES = 1_048_576
STATUS_PROBLEMS = 1_000
"""How many problems the status itself shows."""


class ImportService:
    """The imports of the actor's Träger, within one transaction."""

    def __init__(self, *, connection: AsyncConnection, actor: Actor, clock: Clock) -> None:
        self._actor = actor
        self._clock = clock
        self._imports = ImportRepository(connection, actor.traeger)

    async def receive(self, *, body: AsyncIterable[bytes], scopes: Iterable[str], dry_run: bool) -> ImportJob:
        """Store a body of NDJSON and make it a job for the worker.

        `scopes` are those of the caller's token: they decide what the lines may do. An error of `body` ends the
        transaction and with it everything stored, so a connection cut in the middle takes nothing.
        """
        import_id, now = new_id(), self._clock.now()
        pending = bytearray()
        size = stored = newlines = 0
        ends_open = False
        async for chunk in body:
            size += len(chunk)
            newlines += chunk.count(b"\n")
            ends_open = not chunk.endswith(b"\n") if chunk else ends_open
            pending += chunk
            while len(pending) >= PIECE_BYTES:
                await self._imports.add_piece(import_id, stored, bytes(pending[:PIECE_BYTES]), now)
                stored += PIECE_BYTES
                del pending[:PIECE_BYTES]
        if pending:
            await self._imports.add_piece(import_id, stored, bytes(pending), now)
        job = ImportJob(
            import_id,
            "RUNNING",
            dry_run,
            now,
            None,
            self._actor.subject,
            self._actor.client_id,
            frozenset(scopes),
            size,
            0,
            Counts(newlines + ends_open),
        )
        await self._imports.create(job)
        return job

    async def find(self, *, import_id: UUID) -> ImportJob:
        """An import with its progress. Raises `NotFoundError`."""
        job = await self._imports.find(import_id)
        if job is None:
            raise NotFoundError("The Träger has no such import.")
        return job

    async def problems(self, *, import_id: UUID, after: int = 0, limit: int = STATUS_PROBLEMS) -> list[ImportProblem]:
        """Problems by line, behind line `after`."""
        return await self._imports.problems(import_id, after=after, limit=limit)
