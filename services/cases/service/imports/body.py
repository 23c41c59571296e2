"""Lines out of a stored body, from any place of it, with no more in memory than a piece and a line."""

from dataclasses import dataclass

from services.cases.repository.imports.jobs import ImportJob, ImportRepository
from services.cases.service.imports.lines import MAX_LINE_BYTES

CHUNK_LINES = 2_000
CHUNK_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line without its end. `content` is None if it is too long; the next line begins at `end`."""

    number: int
    content: bytes | None
    end: int


class BodyReader:
    """Reads the body of one import after the other; keeps what it has fetched beyond the lines it gave."""

    def __init__(self) -> None:
        self._job: object = None
        self._start = 0
        self._buffer = b""
        self._piece = 0

    async def next_lines(self, imports: ImportRepository, job: ImportJob, limit: int = CHUNK_LINES) -> list[RawLine]:
        """The lines from `job.position` on, at most a chunk or `limit`; an empty list at the end of the body."""
        await self._go_to(imports, job)
        lines: list[RawLine] = []
        while len(lines) < limit:
            position = lines[-1].end if lines else job.position
            if position >= job.body_bytes or position - job.position >= CHUNK_BYTES:
                break
            lines.append(await self._line(imports, job, job.lines.done + len(lines) + 1, position))
        return lines

    async def _go_to(self, imports: ImportRepository, job: ImportJob) -> None:
        is_here = self._job == job.import_id and self._start <= job.position <= self._start + len(self._buffer)
        if not is_here and job.position < job.body_bytes:
            self._start, self._buffer = await imports.piece_at(job.import_id, job.position)
            self._piece = self._start
            self._job = job.import_id
        self._forget_before(job.position)

    def _forget_before(self, position: int) -> None:
        self._buffer = self._buffer[position - self._start :]
        self._start = position

    async def _line(self, imports: ImportRepository, job: ImportJob, number: int, position: int) -> RawLine:
        while True:
            begin = position - self._start
            at = self._buffer.find(b"\n", begin)
            if at >= 0:
                content = self._buffer[begin:at] if at - begin <= MAX_LINE_BYTES else None
                return RawLine(number, content, self._start + at + 1)
            known_until = self._start + len(self._buffer)
            if known_until >= job.body_bytes:
                content = self._buffer[begin:] if len(self._buffer) - begin <= MAX_LINE_BYTES else None
                return RawLine(number, content, job.body_bytes)
            if len(self._buffer) - begin > MAX_LINE_BYTES:
                return RawLine(number, None, await self._skip(imports, job))
            self._forget_before(position)
            self._piece, piece = await imports.piece_at(job.import_id, known_until)
            self._buffer += piece

    async def _skip(self, imports: ImportRepository, job: ImportJob) -> int:
        """The end of a line that is too long: found in the database, without fetching it."""
        end = await imports.behind_newline(job.import_id, self._piece)
        end = job.body_bytes if end is None else end
        self._start, self._buffer = end, b""
        if end < job.body_bytes:
            self._start, self._buffer = await imports.piece_at(job.import_id, end)
            self._piece = self._start
            self._forget_before(end)
        return end
