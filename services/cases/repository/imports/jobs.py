"""Imports as jobs: the stored body, where work stands, and why lines were refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kernel.mitgliedskoerperschaften import Traeger


@dataclass(frozen=True, slots=True)
class Counts:
    """Lines by what became of them; every finished line is in exactly one of the last three."""

    total: int
    taken: int = 0
    unchanged: int = 0
    refused: int = 0

    @property
    def done(self) -> int:
        """Lines that are finished: also the number of the last finished line."""
        return self.taken + self.unchanged + self.refused


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import whose body is stored completely. `position` counts the bytes whose lines are finished."""

    import_id: UUID
    state: str
    dry_run: bool
    created_at: datetime
    finished_at: datetime | None
    subject: str
    client_id: str
    scopes: frozenset[str]
    body_bytes: int
    position: int
    lines: Counts


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """Why a line was refused; lines count from 1, `code` is the last segment of the problem type."""

    line: int
    external_ref: str | None
    code: str
    title: str
    detail: str
    pointer: str | None


_COLUMNS = (
    "id, state, dry_run, created_at, finished_at, subject, client_id, scopes, body_bytes, position,"
    " lines_total, lines_taken, lines_unchanged, lines_refused"
)

_INSERT = text(
    f"INSERT INTO import_job (tenant, {_COLUMNS})"  # noqa: S608 - constants
    " VALUES (:tenant, :id, 'RUNNING', :dry_run, :created_at, NULL, :subject, :client_id, :scopes, :body_bytes, 0,"
    " :lines_total, 0, 0, 0)"
)

_INSERT_PIECE = text(
    "INSERT INTO import_chunk (tenant, import_id, first_byte, body, stored_at)"
    " VALUES (:tenant, :id, :first_byte, :body, :stored_at)"
)

_FIND = text(f"SELECT {_COLUMNS} FROM import_job WHERE tenant = :tenant AND id = :id")  # noqa: S608 - constants

# The oldest import of a Träger goes first, and a second worker does not take the next one before it is done: the
# book of today must not be overwritten by that of yesterday.
_CLAIM = text(
    f"SELECT {_COLUMNS} FROM import_job WHERE tenant = :tenant AND id = ("  # noqa: S608 - constants
    "SELECT id FROM import_job WHERE tenant = :tenant AND state = 'RUNNING' ORDER BY id LIMIT 1"
    ") AND state = 'RUNNING' FOR UPDATE SKIP LOCKED"
)

_ADVANCE = text(
    "UPDATE import_job SET position = :position, lines_done = :taken + :unchanged + :refused, lines_taken = :taken,"
    " lines_unchanged = :unchanged, lines_refused = :refused WHERE tenant = :tenant AND id = :id"
)

_FINISH = text("UPDATE import_job SET state = :state, finished_at = :finished_at WHERE tenant = :tenant AND id = :id")

_INSERT_PROBLEM = text(
    "INSERT INTO import_problem (tenant, import_id, line, external_ref, type, title, detail, pointer)"
    " VALUES (:tenant, :id, :line, :external_ref, :type, :title, :detail, :pointer)"
    " ON CONFLICT (tenant, import_id, line) DO NOTHING"
)

_PROBLEMS = text(
    "SELECT line, external_ref, type, title, detail, pointer FROM import_problem"
    " WHERE tenant = :tenant AND import_id = :id AND line > :after ORDER BY line LIMIT :limit"
)

_PIECE = text(
    "SELECT first_byte, body FROM import_chunk WHERE tenant = :tenant AND import_id = :id AND first_byte <= :position"
    " ORDER BY first_byte DESC LIMIT 1"
)

_NEXT_NEWLINE = text(
    r"SELECT first_byte + position('\x0a'::bytea IN body) AS behind FROM import_chunk"
    r" WHERE tenant = :tenant AND import_id = :id AND first_byte > :piece AND position('\x0a'::bytea IN body) > 0"
    " ORDER BY first_byte LIMIT 1"
)

_DROP_PIECES = text(
    "DELETE FROM import_chunk WHERE tenant = :tenant AND import_id = :id AND first_byte IN ("
    "SELECT first_byte FROM import_chunk WHERE tenant = :tenant AND import_id = :id ORDER BY first_byte LIMIT :limit)"
)


class ImportRepository:
    """The imports of one Träger, through a transaction that is bound to it."""

    def __init__(self, connection: AsyncConnection, traeger: Traeger) -> None:
        self._connection = connection
        self._tenant = traeger.value

    async def add_piece(self, import_id: UUID, first_byte: int, body: bytes, stored_at: datetime) -> None:
        """Store a piece of a body; `first_byte` is its offset."""
        parameters = {
            "tenant": self._tenant, "id": import_id, "first_byte": first_byte, "body": body, "stored_at": stored_at,
        }  # fmt: skip
        await self._connection.execute(_INSERT_PIECE, parameters)

    async def create(self, job: ImportJob) -> None:
        """Write a new job, after all pieces of its body."""
        parameters = {
            "tenant": self._tenant,
            "id": job.import_id,
            "dry_run": job.dry_run,
            "created_at": job.created_at,
            "subject": job.subject,
            "client_id": job.client_id,
            "scopes": " ".join(sorted(job.scopes)),
            "body_bytes": job.body_bytes,
            "lines_total": job.lines.total,
        }
        await self._connection.execute(_INSERT, parameters)

    async def find(self, import_id: UUID) -> ImportJob | None:
        """A job, or None where the Träger has no such import."""
        row = (await self._connection.execute(_FIND, {"tenant": self._tenant, "id": import_id})).one_or_none()
        return None if row is None else _job_of(row)

    async def claim(self) -> ImportJob | None:
        """The import whose turn it is, locked until the end of the transaction; None: no import, or it is taken."""
        row = (await self._connection.execute(_CLAIM, {"tenant": self._tenant})).one_or_none()
        return None if row is None else _job_of(row)

    async def advance(self, import_id: UUID, position: int, lines: Counts) -> None:
        """Note how far an import has come."""
        parameters = {
            "tenant": self._tenant, "id": import_id, "position": position, "taken": lines.taken,
            "unchanged": lines.unchanged, "refused": lines.refused,
        }  # fmt: skip
        await self._connection.execute(_ADVANCE, parameters)

    async def finish(self, import_id: UUID, state: str, finished_at: datetime) -> None:
        """End an import as `DONE` or `FAILED`."""
        parameters = {"tenant": self._tenant, "id": import_id, "state": state, "finished_at": finished_at}
        await self._connection.execute(_FINISH, parameters)

    async def add_problems(self, import_id: UUID, problems: Sequence[ImportProblem]) -> None:
        """Write why lines were refused; a line that has its problem already keeps it."""
        rows = [
            {
                "tenant": self._tenant,
                "id": import_id,
                "line": problem.line,
                "external_ref": problem.external_ref,
                "type": problem.code,
                "title": problem.title,
                "detail": problem.detail,
                "pointer": problem.pointer,
            }
            for problem in problems
        ]
        if rows:
            await self._connection.execute(_INSERT_PROBLEM, rows)

    async def problems(self, import_id: UUID, *, after: int, limit: int) -> list[ImportProblem]:
        """Problems in the order of their lines, behind line `after`."""
        parameters = {"tenant": self._tenant, "id": import_id, "after": after, "limit": limit}
        rows = await self._connection.execute(_PROBLEMS, parameters)
        return [
            ImportProblem(row.line, row.external_ref, row.type, row.title, row.detail, row.pointer) for row in rows
        ]

    async def piece_at(self, import_id: UUID, position: int) -> tuple[int, bytes]:
        """The piece of the body that holds the byte at `position`, with its offset."""
        row = (
            await self._connection.execute(_PIECE, {"tenant": self._tenant, "id": import_id, "position": position})
        ).one()
        return row.first_byte, row.body

    async def behind_newline(self, import_id: UUID, piece: int) -> int | None:
        """The place behind the first newline in the pieces after the one at offset `piece`; None: no newline."""
        found: int | None = (
            await self._connection.execute(_NEXT_NEWLINE, {"tenant": self._tenant, "id": import_id, "piece": piece})
        ).scalar_one_or_none()
        return found

    async def drop_pieces(self, import_id: UUID, limit: int) -> int:
        """Remove at most `limit` pieces of a body; how many there were."""
        parameters = {"tenant": self._tenant, "id": import_id, "limit": limit}
        return (await self._connection.execute(_DROP_PIECES, parameters)).rowcount


def _job_of(row: Row[Any]) -> ImportJob:
    return ImportJob(
        row.id,
        row.state,
        row.dry_run,
        row.created_at,
        row.finished_at,
        row.subject,
        row.client_id,
        frozenset(row.scopes.split()),
        row.body_bytes,
        row.position,
        Counts(row.lines_total, row.lines_taken, row.lines_unchanged, row.lines_refused),
    )
