"""What a history of a case consists of. Providers and facts are named by their reference in the source system."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

EV = "EV"
BBB = "BBB"
ARBEITSBEREICH = "ARBEITSBEREICH"
BUDGET_FUER_ARBEIT = "BUDGET_FUER_ARBEIT"
BUDGET_FUER_AUSBILDUNG = "BUDGET_FUER_AUSBILDUNG"
WERKSTATTALTERNATIVE = "WERKSTATTALTERNATIVE"
ALLGEMEINER_ARBEITSMARKT = "ALLGEMEINER_ARBEITSMARKT"
ZUVERDIENST = "ZUVERDIENST"

WERKSTATT = frozenset({EV, BBB, ARBEITSBEREICH})
DISABILITIES = ("GEISTIG", "KOERPERLICH", "SEELISCH")
PLACES = ("INTERN", "AAP_EINZEL", "AAP_GRUPPE")


@dataclass(frozen=True, slots=True)
class Provider:
    """A WfbM or anderer Leistungsanbieter as one Träger registered it; valid on both days named, None = open."""

    ref: str
    name: str
    kind: str
    mk: str
    valid_from: date
    valid_to: date | None

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Registration:
    """Attributes a case starts with."""

    payer_mk: str
    residence_mk: str
    disability: str
    kombi: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a person is on a day, and who pays."""

    phase: str
    provider: str | None
    provider_mk: str | None
    place: str | None
    payer_mk: str
    residence_mk: str
    disability: str
    kombi: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """What was told about a person; `entry` is the running number of its first recording."""

    ref: str
    kind: str
    effective_on: date
    entry: int = 0
    decided_on: date | None = None
    provider: str | None = None
    place: str | None = None
    instrument: str | None = None
    reason: str | None = None
    zugangsweg: str | None = None
    initiator: str | None = None
    to_phase: str | None = None
    payer_mk: str | None = None
    residence_mk: str | None = None
    disability: str | None = None
    kombi: bool | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """What a fact does: from one cell to another on a day."""

    ref: str
    kind: str
    effective_on: date
    decided_on: date | None
    source: Cell | None
    target: Cell | None
    from_since: date | None
    instrument: str | None
    reason: str | None
    zugangsweg: str | None
    initiator: str | None
    alternative_on: date | None
    uebergang_on: date | None
    uebergang_from: Cell | None


@dataclass(frozen=True, slots=True)
class Add:
    """Tell a new fact (its `entry` is given when it is recorded)."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class Amend:
    """Set attributes of a fact told earlier; None takes the attribute away."""

    ref: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take a fact back for good."""

    ref: str


Change = Add | Amend | Cancel


@dataclass(frozen=True, slots=True)
class Command:
    """Changes that became known together on one day."""

    recorded_on: date
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class History:
    """One case of a Träger: its registration (recorded with the first command) and its commands, days ascending."""

    ref: str
    registration: Registration
    commands: tuple[Command, ...]
