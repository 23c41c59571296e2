"""What a chunk of an import reads and writes: files by the hundred, as plain rows."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.cases.domain.cell import Registration
from services.cases.domain.commands import History
from services.cases.domain.facts import Kind
from services.cases.repository.rows import FactRow
from shared.events.outbox import OutboxCommand


@dataclass(slots=True)
class File:
    """A file while a chunk works on it.

    `history` is read only when a line needs it. `line_hash` is the digest of the line taken last, `line_version` the
    version it left. `cancelled_refs` are the references of cancelled facts of the book; `cancelled_days` kind and day
    of those without reference that somebody cancelled by hand. `stored_version` 0: the file is new.
    """

    case_id: UUID
    external_ref: str
    registration: Registration
    version: int
    recorded_at: datetime
    line_hash: bytes | None = None
    line_version: int | None = None
    stored_version: int = 0
    history: History | None = None
    cancelled_refs: set[str] = field(default_factory=set)
    cancelled_days: set[tuple[Kind, date]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command of a file."""

    case_id: UUID
    version: int
    recorded_at: datetime
    act: str
    reason: str | None


@dataclass(slots=True)
class FactState:
    """A state of a fact: its row, and the versions between which it holds."""

    case_id: UUID
    from_version: int
    row: FactRow
    to_version: int | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """A stored state of a fact ends with a version."""

    case_id: UUID
    fact_id: UUID
    to_version: int


@dataclass(slots=True)
class Batch:
    """Everything that one round of a chunk writes. Add to it through the methods only.

    The events are made late, one command after the other, while the database is busy with the rows.
    """

    files: dict[UUID, File] = field(default_factory=dict)
    commands: list[CommandRow] = field(default_factory=list)
    states: list[FactState] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    events: list[Callable[[], OutboxCommand]] = field(default_factory=list)
    _present: dict[UUID, FactState] = field(default_factory=dict)

    def add_command(
        self,
        file: File,
        command: CommandRow,
        rows: Sequence[FactRow],
        known: Container[UUID],
        happened: Callable[[], OutboxCommand],
    ) -> None:
        """Note a command; `known` are the facts the file had before, `rows` the new states of facts."""
        self.files[file.case_id] = file
        self.commands.append(command)
        for row in rows:
            state = FactState(command.case_id, command.version, row)
            earlier = self._present.get(row.fact_id)
            if earlier is not None:
                earlier.to_version = command.version
            elif row.fact_id in known:
                self.closings.append(Closing(command.case_id, row.fact_id, command.version))
            self._present[row.fact_id] = state
            self.states.append(state)
        self.events.append(happened)
