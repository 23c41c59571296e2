"""Values of grants. A grant is an Eingliederungshilfe or Ausgleichsabgabe benefit for one stay in a funded phase."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from shared.kernel.mitgliedskoerperschaften import Traeger


class Phase(StrEnum):
    """Where a person is; as `cases` names it."""

    EV = "EV"
    BBB = "BBB"
    ARBEITSBEREICH = "ARBEITSBEREICH"
    BUDGET_FUER_ARBEIT = "BUDGET_FUER_ARBEIT"
    BUDGET_FUER_AUSBILDUNG = "BUDGET_FUER_AUSBILDUNG"
    WERKSTATTALTERNATIVE = "WERKSTATTALTERNATIVE"
    ALLGEMEINER_ARBEITSMARKT = "ALLGEMEINER_ARBEITSMARKT"
    ZUVERDIENST = "ZUVERDIENST"


class Instrument(StrEnum):
    """What a grant pays for; each belongs to the phase of its name."""

    BUDGET_FUER_ARBEIT = "BUDGET_FUER_ARBEIT"
    BUDGET_FUER_AUSBILDUNG = "BUDGET_FUER_AUSBILDUNG"
    WERKSTATTALTERNATIVE = "WERKSTATTALTERNATIVE"
    ZUVERDIENST = "ZUVERDIENST"

    @property
    def phase(self) -> Phase:
        """The phase a person is in as long as the grant runs."""
        return Phase(self.value)


FUNDED_PHASES = frozenset(instrument.phase for instrument in Instrument)


class State(StrEnum):
    """State of the newest version of a grant. Movements alone lead to the first and the last."""

    VORSCHLAG = "VORSCHLAG"
    BERECHNET = "BERECHNET"
    SACHLICH_RICHTIG = "SACHLICH_RICHTIG"
    RECHNERISCH_RICHTIG = "RECHNERISCH_RICHTIG"
    BEWILLIGT = "BEWILLIGT"
    BEENDET = "BEENDET"
    ZURUECKGEZOGEN = "ZURUECKGEZOGEN"


class Act(StrEnum):
    """What a movement has done to a grant; one act per version."""

    OPENED = "OPENED"
    CHANGED = "CHANGED"
    BOUNDED = "BOUNDED"
    UNBOUNDED = "UNBOUNDED"
    WITHDRAWN = "WITHDRAWN"
    RESTORED = "RESTORED"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a person is, and who pays, on the day of a movement."""

    phase: Phase
    provider_id: UUID | None
    provider_mk: str | None
    payer_mk: str
    residence_mk: str
    disability: str
    kombi: bool


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement of a case as far as money is concerned. `effective_on` is the first day of the new state."""

    fact_id: UUID
    kind: str
    instrument: str | None
    effective_on: date
    decided_on: date | None
    before: Cell | None
    before_since: date | None
    """The day on which the phase of `before` began."""
    after: Cell | None


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant, from `start` to `end`, both inclusive.

    `end` is null while nothing closes it, and the day before `start` if no day is left. `case_version` is the
    command that told its opening last.
    """

    id: UUID
    traeger: Traeger
    case_id: UUID
    opened_by_fact: UUID
    instrument: Instrument
    state: State
    start: date
    end: date | None
    decided_on: date | None
    before: Cell | None
    after: Cell
    version: int
    case_version: int


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Why version `version` of a grant exists."""

    grant_id: UUID
    version: int
    act: Act
    case_version: int
