"""The loop that works on imports: one chunk per transaction, each Träger's oldest import first.

Writes, problems and progress of a chunk commit together, so after a crash work resumes behind the last committed
chunk and nothing is done twice.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.cases.repository.imports.bulk import OvertakenError
from services.cases.repository.imports.jobs import ImportJob, ImportRepository
from services.cases.service.imports.body import CHUNK_LINES, BodyReader
from services.cases.service.imports.chunk import ChunkTaker
from services.cases.service.imports.dry_run import run_dry
from services.cases.service.imports.stores import LiveStore
from shared.db.engine import bind_tenant, tenant_transaction
from shared.events.failures import is_transient
from shared.kernel.clock import Clock
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.logging import get_logger, place_of

POLL_SECONDS = 0.25
_PAUSE_SECONDS = 0.5
_ATTEMPTS = 5
_PIECES_PER_ROUND = 64
_SUBJECT = "import"


async def run_imports(
    engine: AsyncEngine, *, clock: Clock, stop: asyncio.Event, poll_seconds: float = POLL_SECONDS
) -> None:
    """Work on imports until `stop` is set; the chunk that runs then is finished. `engine` is of the role `app`."""
    worker = ImportWorker(engine, clock)
    while not stop.is_set():
        if not await worker.work(stop):
            await _pause(stop, poll_seconds)


class ImportWorker:
    """Takes one chunk after the other. Several may run; an import is worked on by one at a time."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._readers = {traeger: BodyReader() for traeger in Traeger}
        self._setbacks: dict[UUID, int] = {}
        self._faults: dict[UUID, int] = {}

    async def work(self, stop: asyncio.Event) -> bool:
        """One chunk for each Träger; whether there was anything to do."""
        worked = [await self._work_for(traeger, stop) for traeger in Traeger]
        return any(worked)

    async def _work_for(self, traeger: Traeger, stop: asyncio.Event) -> bool:
        job: ImportJob | None = None
        try:
            async with tenant_transaction(self._engine, traeger, _SUBJECT) as connection:
                imports = ImportRepository(connection, traeger)
                job = await imports.claim()
                if job is None:
                    return False
                if job.position == job.body_bytes:
                    return await self._finish(imports, job)
                if not job.dry_run:
                    await self._take_chunk(connection, imports, traeger, job)
            if job.dry_run and not await run_dry(self._engine, traeger, job, self._clock, stop):
                return False
        except Exception as error:
            await self._after_failure(traeger, job, error, stop)
        else:
            self._setbacks.pop(job.import_id, None)
            self._faults.pop(job.import_id, None)
        return True

    async def _take_chunk(
        self, connection: AsyncConnection, imports: ImportRepository, traeger: Traeger, job: ImportJob
    ) -> None:
        await bind_tenant(connection, traeger, job.subject)
        with _no_garbage_collection():
            await self._take_lines(connection, imports, traeger, job)

    async def _take_lines(
        self, connection: AsyncConnection, imports: ImportRepository, traeger: Traeger, job: ImportJob
    ) -> None:
        limit = max(1, CHUNK_LINES >> self._setbacks.get(job.import_id, 0))
        lines = await self._readers[traeger].next_lines(imports, job, limit)
        store = LiveStore(connection, traeger, job)
        result = await ChunkTaker(store=store, job=job, traeger=traeger, clock=self._clock).take(lines)
        await imports.advance(job.import_id, result.position, result.lines)
        await imports.add_problems(job.import_id, result.problems)

    async def _finish(self, imports: ImportRepository, job: ImportJob) -> bool:
        """Remove the body, some pieces at a time, then end the import."""
        if await imports.drop_pieces(job.import_id, _PIECES_PER_ROUND) < _PIECES_PER_ROUND:
            await imports.finish(job.import_id, "DONE", self._clock.now())
            get_logger().info("import done", import_id=str(job.import_id), lines=job.lines.done)
        return True

    async def _after_failure(
        self, traeger: Traeger, job: ImportJob | None, error: Exception, stop: asyncio.Event
    ) -> None:
        """Try again with half as many lines, after a while where time helps.

        What fails again and again for no passing reason ends the import as FAILED.
        """
        if job is not None:
            self._setbacks[job.import_id] = self._setbacks.get(job.import_id, 0) + 1
        import_id = None if job is None else str(job.import_id)
        if is_transient(error):
            get_logger().warning("imports wait", import_id=import_id, **place_of(error))
            await _pause(stop, _PAUSE_SECONDS)
            return
        if job is None:
            raise error
        if isinstance(error, OvertakenError):
            return
        faults = self._faults[job.import_id] = self._faults.get(job.import_id, 0) + 1
        get_logger().error("chunk failed", import_id=import_id, attempt=faults, **place_of(error))
        if faults >= _ATTEMPTS:
            async with tenant_transaction(self._engine, traeger, _SUBJECT) as connection:
                await ImportRepository(connection, traeger).finish(job.import_id, "FAILED", self._clock.now())


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A chunk makes many objects and no cycles; looking for cycles takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
