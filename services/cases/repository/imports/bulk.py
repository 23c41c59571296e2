"""Files by the hundred: read in a few statements, written by COPY into temporary tables and INSERT … SELECT.

PostgreSQL takes no COPY into a table under row-level security, so the rows go through temporary tables of the
session; the policies then check every row as always.
"""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Row, TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.domain.cell import Disability, Registration
from services.cases.domain.commands import History
from services.cases.domain.facts import Fact, Kind
from services.cases.domain.movement import Movement
from services.cases.repository.imports import copying, statements
from services.cases.repository.imports.batch import Batch, File
from services.cases.repository.rows import decode_facts, fact_of, movement_of
from shared.kernel.mitgliedskoerperschaften import Traeger


class OvertakenError(Exception):
    """Somebody else registered a case of the chunk meanwhile: the chunk has to be done again."""


class BulkRepository:
    """The files of one Träger for an import, through a transaction that is bound to it."""

    def __init__(self, connection: AsyncConnection, traeger: Traeger, *, subject: str, client_id: str) -> None:
        self._connection = connection
        self._traeger = traeger
        self._subject = subject
        self._client_id = client_id

    async def heads(self, external_refs: Collection[str]) -> dict[str, File]:
        """The files with these references, without their facts and without a lock."""
        parameters = {"tenant": self._traeger.value, "refs": list(external_refs)}
        rows = await self._connection.execute(statements.HEADS, parameters)
        return {row.external_ref: _head_of(row) for row in rows}

    async def load(self, case_ids: Collection[UUID], *, lock: bool = True) -> dict[UUID, File]:
        """These files with their facts. With `lock` nobody else changes them until the end of the transaction."""
        parameters = {"tenant": self._traeger.value, "ids": list(case_ids)}
        heads = await self._connection.execute(statements.LOCK if lock else statements.READ, parameters)
        files = {row.id: _head_of(row) for row in heads}
        facts = {row.case_id: row.facts for row in await self._connection.execute(statements.FACTS, parameters)}
        for file in files.values():
            _fill(file, self._traeger, facts.get(file.case_id))
        for row in await self._connection.execute(statements.CANCELLED_BY_HAND, parameters):
            files[row.case_id].cancelled_days.add((Kind(row.kind), row.effective_on))
        return files

    def write(self, batch: Batch) -> Coroutine[Any, Any, None]:
        """What writes a batch. Later changes of its files do not matter: they are put into rows at once.

        Awaited it may raise `OvertakenError`; the transaction is lost then.
        """
        files = copying.lines_of_files(batch.files.values())
        new = sum(not file.stored_version for file in batch.files.values())
        for file in batch.files.values():
            file.stored_version = file.version
        return self._write(batch, files, new)

    async def _write(self, batch: Batch, files: str, new: int) -> None:
        """The lines of facts and events are made in a thread while the server works on the tables before them."""
        if not files:
            return
        facts = asyncio.create_task(asyncio.to_thread(copying.lines_of_states, batch.states))
        happened = asyncio.create_task(asyncio.to_thread(copying.lines_of_events, batch.events))
        try:
            await self._write_files(files, new, len(batch.files))
            await self._write_facts(batch, facts)
            await self._copy("import_event", await happened)
            await self._run(statements.INSERT_EVENTS)
        finally:
            await asyncio.gather(facts, happened, return_exceptions=True)

    async def _write_files(self, files: str, new: int, total: int) -> None:
        for statement in statements.EMPTY_TABLES:
            await self._connection.execute(statement)
        await self._copy("import_file", files)
        if new and await self._run(statements.INSERT_FILES) != new:
            raise OvertakenError
        if new < total:
            await self._run(statements.UPDATE_FILES)

    async def _write_facts(self, batch: Batch, facts: asyncio.Task[str]) -> None:
        await self._copy("import_command", copying.lines_of_commands(batch.commands))
        await self._run(statements.INSERT_COMMANDS, subject=self._subject, client_id=self._client_id)
        if batch.closings:
            await self._copy("import_closing", copying.lines_of_closings(batch.closings))
            await self._run(statements.CLOSE_FACTS)
        await self._copy("import_fact", await facts)
        await self._run(statements.INSERT_FACTS)

    async def _run(self, statement: TextClause, **parameters: str) -> int:
        result = await self._connection.execute(statement, {"tenant": self._traeger.value, **parameters})
        return result.rowcount

    async def _copy(self, table: str, lines: str) -> None:
        if not lines:
            return
        driver = (await self._connection.get_raw_connection()).driver_connection
        assert isinstance(driver, psycopg.AsyncConnection)
        async with driver.cursor() as cursor, cursor.copy(f"COPY pg_temp.{table} FROM STDIN") as copy:
            await copy.write(lines)


def _head_of(row: Row[Any]) -> File:
    return File(
        row.id,
        row.external_ref,
        Registration(row.payer_mk, row.residence_mk, Disability(row.disability), row.kombi),
        row.version,
        row.recorded_at,
        row.line_hash,
        row.line_version,
        row.version,
    )


def _fill(file: File, traeger: Traeger, stored: str | None) -> None:
    """Put the facts of the stored rows into a file."""
    facts: list[Fact] = []
    movements: list[Movement] = []
    cancelled: list[UUID] = []
    next_entry = 1
    for row in decode_facts(stored) if stored is not None else ():
        next_entry = max(next_entry, row.entry + 1)
        if row.movement is not None:
            facts.append(fact_of(row))
            movements.append(movement_of(row.movement))
            continue
        cancelled.append(row.fact_id)
        if row.external_ref is not None:
            file.cancelled_refs.add(row.external_ref)
    file.history = History(traeger, file.registration, facts, movements, next_entry, frozenset(cancelled))
