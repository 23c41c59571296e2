"""A chunk of lines: read what they need, decide line by line in rounds, write one round while deciding the next."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from services.cases.domain.commands import History
from services.cases.domain.providers import Provider, amend_provider, check_provider, check_stays
from services.cases.repository.imports.batch import Batch, CommandRow, File
from services.cases.repository.imports.jobs import Counts, ImportJob, ImportProblem
from services.cases.repository.rows import changed_rows
from services.cases.service import events
from services.cases.service.imports.body import RawLine
from services.cases.service.imports.errors import RefusedLineError, problem_of
from services.cases.service.imports.lines import MAX_LINE_BYTES, CaseLine, ProviderLine, ProviderPart, decode_line
from services.cases.service.imports.stores import Store
from services.cases.service.imports.taking import (
    Desk,
    Step,
    after,
    bring_up_to,
    digest_of,
    is_unchanged,
    open_file,
    registration_of,
)
from shared.kernel.clock import Clock, berlin_day
from shared.kernel.errors import DomainError
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id

ROUND_LINES = 500


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """How far a chunk came, and what became of its lines."""

    position: int
    lines: Counts
    problems: Sequence[ImportProblem]


@dataclass(slots=True)
class _Wanted:
    """A line of a case with its digest, before it is taken."""

    raw: RawLine
    line: CaseLine
    digest: bytes


class ChunkTaker:
    """Takes the lines of one chunk of one import."""

    def __init__(self, *, store: Store, job: ImportJob, traeger: Traeger, clock: Clock) -> None:
        self._store = store
        self._job = job
        self._traeger = traeger
        self._clock = clock
        self._taken = 0
        self._unchanged = 0
        self._problems: list[ImportProblem] = []
        self._batch = Batch()
        self._providers: dict[UUID, Provider] = {}
        self._provider_ids: dict[str, UUID] = {}

    async def take(self, lines: Sequence[RawLine]) -> ChunkResult:
        """Take lines up to the first one of a provider that follows one of a case: that begins the next chunk."""
        provider_lines, case_lines, end = self._decode(lines)
        await self._store.hold_validity(to_change=bool(provider_lines))
        for provider in await self._store.providers():
            self._know(provider)
        desk = self._desk()
        for raw, part in provider_lines:
            await self._take_provider(raw, part, desk)
        await self._take_cases(case_lines, desk)
        before = self._job.lines
        counts = Counts(
            before.total,
            before.taken + self._taken,
            before.unchanged + self._unchanged,
            before.refused + len(self._problems),
        )
        return ChunkResult(end, counts, self._problems)

    def _decode(
        self, lines: Sequence[RawLine]
    ) -> tuple[list[tuple[RawLine, ProviderPart]], list[tuple[RawLine, CaseLine]], int]:
        provider_lines: list[tuple[RawLine, ProviderPart]] = []
        case_lines: list[tuple[RawLine, CaseLine]] = []
        end = self._job.position
        for raw in lines:
            try:
                line = _decoded(raw)
            except RefusedLineError as error:
                self._problems.append(problem_of(error, raw.number, None))
            else:
                if isinstance(line, CaseLine):
                    case_lines.append((raw, line))
                elif line is None:
                    self._unchanged += 1
                elif case_lines:
                    break
                else:
                    provider_lines.append((raw, line.provider))
            end = raw.end
        return provider_lines, case_lines, end

    def _know(self, provider: Provider) -> None:
        self._providers[provider.provider_id] = provider
        if provider.external_ref is not None:
            self._provider_ids[provider.external_ref] = provider.provider_id

    def _desk(self) -> Desk:
        now = self._clock.now()
        return Desk(
            self._traeger,
            now,
            berlin_day(now),
            "cases:correct" in self._job.scopes,
            "cases:migrate" in self._job.scopes,
            self._providers,
            self._provider_ids,
        )

    async def _take_provider(self, raw: RawLine, part: ProviderPart, desk: Desk) -> None:
        try:
            provider = await self._brought_up_to(part, desk)
        except DomainError as error:
            problem = problem_of(error, raw.number, part.external_ref)
            pointer = None if problem.pointer is None else f"/provider{problem.pointer}"
            self._problems.append(replace(problem, pointer=pointer))
            return
        if provider is None:
            self._unchanged += 1
            return
        await self._store.save_provider(provider, desk.now)
        self._know(provider)
        self._taken += 1

    async def _brought_up_to(self, part: ProviderPart, desk: Desk) -> Provider | None:
        """The provider as the line says, or None if it is so already."""
        known_id = desk.provider_ids.get(part.external_ref)
        if known_id is None:
            provider = Provider(
                new_id(),
                1,
                part.name,
                part.kind,
                part.mitgliedskoerperschaft,
                part.external_ref,
                part.valid_from,
                part.valid_to,
            )
            check_provider(provider)
            return provider
        known = desk.providers[known_id]
        members = ("name", "kind", "mitgliedskoerperschaft", "valid_from", "valid_to")
        changed = amend_provider(known, {name: getattr(part, name) for name in members})
        if changed is known:
            return None
        if changed.valid_to != known.valid_to:
            check_stays(changed.valid_to, await self._store.last_day_in_use(known_id, desk.today))
        return changed

    async def _take_cases(self, case_lines: Sequence[tuple[RawLine, CaseLine]], desk: Desk) -> None:
        if not case_lines:
            return
        wanted = [
            _Wanted(raw, line, digest_of(raw.content or b"", line, desk.provider_ids)) for raw, line in case_lines
        ]
        files = await self._store.heads({entry.line.external_ref for entry in wanted})
        needed = {
            file.case_id
            for entry in wanted
            if (file := files.get(entry.line.external_ref)) is not None
            and not is_unchanged(file, entry.line, entry.digest)
        }
        if needed:
            loaded = await self._store.load(needed)
            files |= {file.external_ref: file for file in loaded.values()}
        await self._decide_and_write(wanted, files, desk)

    async def _decide_and_write(self, wanted: Sequence[_Wanted], files: dict[str, File], desk: Desk) -> None:
        """Decisions take as long as the server takes to write them, so they are made in a thread meanwhile."""
        writing: asyncio.Task[None] | None = None
        try:
            for start in range(0, len(wanted), ROUND_LINES):
                await asyncio.to_thread(self._decide, wanted[start : start + ROUND_LINES], files, desk)
                if writing is not None:
                    await writing
                writing = asyncio.create_task(self._store.write(self._batch))
                self._batch = Batch()
        finally:
            if writing is not None:
                await writing

    def _decide(self, wanted: Sequence[_Wanted], files: dict[str, File], desk: Desk) -> None:
        for entry in wanted:
            try:
                changed = self._take_case(entry, files, desk)
            except DomainError as error:
                self._problems.append(problem_of(error, entry.raw.number, entry.line.external_ref))
            else:
                self._taken += changed
                self._unchanged += not changed

    def _take_case(self, entry: _Wanted, files: dict[str, File], desk: Desk) -> bool:
        line = entry.line
        file = files.get(line.external_ref)
        if file is not None and is_unchanged(file, line, entry.digest):
            return False
        if file is None:
            registered_at, steps = open_file(line, desk)
            file = self._register(line, registered_at)
            files[line.external_ref] = file
            changed = True
        else:
            steps = bring_up_to(file, line, desk)
            changed = any(step.decision.changed for step in steps)
        for step in steps:
            if step.decision.changed:
                self._enter(file, step)
        file.line_hash, file.line_version = entry.digest, file.version
        self._batch.files[file.case_id] = file
        return changed

    def _register(self, line: CaseLine, registered_at: datetime) -> File:
        registration = registration_of(line)
        case_id = new_id()
        file = File(case_id, line.external_ref, registration, 1, registered_at)
        file.history = History(self._traeger, registration)
        command = CommandRow(case_id, 1, registered_at, "REGISTER", None)
        happened = partial(events.registered, self._traeger, case_id, registration, registered_at)
        self._batch.add_command(file, command, (), (), happened)
        return file

    def _enter(self, file: File, step: Step) -> None:
        history, decision = file.history, step.decision
        assert history is not None, "a step was decided without the facts"
        known = {fact.fact_id: fact for fact in history.facts}
        written = {signed.movement.fact_id for signed in decision.signed if signed.sign > 0}
        written |= {fact.fact_id for fact in (*decision.added, *decision.amended)}
        rows = changed_rows(known, decision.facts, decision.movements, written=written, cancelled=decision.cancelled)
        file.version += 1
        file.recorded_at = step.recorded_at
        command = CommandRow(file.case_id, file.version, step.recorded_at, "IMPORT", step.reason)
        happened = partial(events.moved, self._traeger, file.case_id, file.version, decision.signed, step.recorded_at)
        self._batch.add_command(file, command, rows, known, happened)
        refs = (known[fact_id].external_ref for fact_id in decision.cancelled)
        file.cancelled_refs |= {ref for ref in refs if ref is not None}
        file.history = after(history, decision)


def _decoded(raw: RawLine) -> CaseLine | ProviderLine | None:
    """The content of a line; None for an empty one, which says nothing."""
    if raw.content is None:
        raise RefusedLineError("line-too-long", f"A line has at most {MAX_LINE_BYTES} bytes.", None)
    if not raw.content.strip():
        return None
    return decode_line(raw.content)
