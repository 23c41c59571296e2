"""What readers get to see of a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from services.cases.domain.cell import Cell, Registration
from services.cases.domain.movement import Movement
from services.cases.domain.timeline import CellDays, cell_on, cells
from services.cases.repository.cases import CaseFile
from services.cases.repository.listing import ListedCase


class Status(StrEnum):
    """Where a file stands today."""

    REGISTERED = "REGISTERED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class CaseView:
    """A file with the cell of today. A path that begins in the future has not ended: it is `REGISTERED` still."""

    case_id: UUID
    external_ref: str
    registration: Registration
    version: int
    recorded_at: datetime
    status: Status
    cell: Cell | None


@dataclass(frozen=True, slots=True)
class TimelineView:
    """The movements of a file in order and the cells they lead through, as known on a day (`None`: as known now)."""

    case_id: UUID
    version: int
    known_on: date | None
    movements: Sequence[Movement]
    cells: Sequence[CellDays]


def case_view(file: CaseFile, today: date) -> CaseView:
    """The view of one file."""
    movements = file.history.movements
    cell = cell_on(movements, today)
    has_begun = any(movement.effective_on <= today for movement in movements)
    return CaseView(
        file.case_id,
        file.external_ref,
        file.registration,
        file.version,
        file.recorded_at,
        _status(cell, has_begun),
        cell,
    )


def listed_view(listed: ListedCase) -> CaseView:
    """The view of a file in a list."""
    return CaseView(
        listed.case_id,
        listed.external_ref,
        listed.registration,
        listed.version,
        listed.recorded_at,
        _status(listed.cell, listed.has_begun),
        listed.cell,
    )


def timeline_view(
    case_id: UUID, version: int, movements: Sequence[Movement], known_on: date | None = None
) -> TimelineView:
    """The view of a timeline."""
    return TimelineView(case_id, version, known_on, movements, cells(movements))


def _status(cell: Cell | None, has_begun: bool) -> Status:
    if cell is not None:
        return Status.ACTIVE
    return Status.ENDED if has_begun else Status.REGISTERED
