"""Files as they would be: what a dry run has taken so far, in a temporary table of its session."""

from collections.abc import Collection, Coroutine
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.domain.cell import Registration
from services.cases.domain.commands import History
from services.cases.domain.facts import Fact, Kind
from services.cases.domain.movement import Movement
from services.cases.repository.imports.batch import File
from shared.kernel.mitgliedskoerperschaften import Traeger

_CREATE = text(
    "CREATE TEMPORARY TABLE IF NOT EXISTS import_shadow (external_ref text PRIMARY KEY, file text) ON COMMIT DROP"
)
_READ = text("SELECT file FROM pg_temp.import_shadow WHERE external_ref = ANY(CAST(:refs AS text[]))")
_WRITE = text(
    "INSERT INTO pg_temp.import_shadow (external_ref, file) VALUES (:external_ref, :file)"
    " ON CONFLICT (external_ref) DO UPDATE SET file = excluded.file"
)
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:space, hashtext(CAST(:id AS text)))")
_LOCK_SPACE = 2_026_002  # any constant, another one than that of providers


class _Shadow(msgspec.Struct, frozen=True):
    """A file in the shape in which the table keeps it."""

    case_id: UUID
    external_ref: str
    registration: Registration
    version: int
    recorded_at: datetime
    line_hash: bytes | None
    line_version: int | None
    stored_version: int
    facts: list[Fact]
    movements: list[Movement]
    next_entry: int
    cancelled: list[UUID]
    cancelled_refs: list[str]
    cancelled_days: list[tuple[Kind, date]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Shadow).decode


class ShadowRepository:
    """The shadow of one dry run, which lasts as long as its transaction."""

    def __init__(self, connection: AsyncConnection, traeger: Traeger) -> None:
        self._connection = connection
        self._traeger = traeger

    async def begin(self, import_id: UUID) -> bool:
        """Claim the dry run for this transaction; False if another one is at it."""
        locked = await self._connection.execute(_TRY_LOCK, {"space": _LOCK_SPACE, "id": str(import_id)})
        if not locked.scalar_one():
            return False
        await self._connection.execute(_CREATE)
        return True

    async def files(self, external_refs: Collection[str]) -> dict[str, File]:
        """The shadows with these references, with their facts."""
        rows = await self._connection.execute(_READ, {"refs": list(external_refs)})
        files = [_file_of(_decode(row.file), self._traeger) for row in rows]
        return {file.external_ref: file for file in files}

    def write(self, files: Collection[File]) -> Coroutine[Any, Any, None]:
        """What keeps files as they would be now, however they change before it is awaited."""
        rows = [
            {"external_ref": file.external_ref, "file": _encode(_shadow_of(file)).decode()}
            for file in files
            if file.history is not None
        ]
        return self._write(rows)

    async def _write(self, rows: list[dict[str, str]]) -> None:
        if rows:
            await self._connection.execute(_WRITE, rows)


def _shadow_of(file: File) -> _Shadow:
    history = file.history
    assert history is not None, "only files with facts have a shadow"
    cancelled = history.cancelled
    return _Shadow(
        file.case_id,
        file.external_ref,
        file.registration,
        file.version,
        file.recorded_at,
        file.line_hash,
        file.line_version,
        file.stored_version,
        list(history.facts),
        list(history.movements),
        history.next_entry,
        list(cancelled) if isinstance(cancelled, frozenset) else [],
        sorted(file.cancelled_refs),
        sorted(file.cancelled_days),
    )


def _file_of(shadow: _Shadow, traeger: Traeger) -> File:
    history = History(
        traeger,
        shadow.registration,
        shadow.facts,
        shadow.movements,
        shadow.next_entry,
        frozenset(shadow.cancelled),
    )
    return File(
        shadow.case_id,
        shadow.external_ref,
        shadow.registration,
        shadow.version,
        shadow.recorded_at,
        shadow.line_hash,
        shadow.line_version,
        shadow.stored_version,
        history,
        set(shadow.cancelled_refs),
        set(shadow.cancelled_days),
    )
