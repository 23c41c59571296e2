"""Movements: what a fact does to the cell. They are what events carry and key figures count."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.cases.domain.cell import Cell
from services.cases.domain.facts import Initiator, Instrument, Kind, Reason, Zugangsweg


@dataclass(frozen=True, slots=True)
class Movement:
    """The effect of one fact, complete in itself.

    `effective_on` is the first day of the new state. `from_since` is the day the phase left began, `alternative_on`
    the Werkstattalternative before a late Zugang, `uebergang_on` and `uebergang_from` the Übergang before a
    Rückkehr. `recorded_at` is that of the command that wrote it and takes no part in comparisons.
    """

    fact_id: UUID
    kind: Kind
    effective_on: date
    decided_on: date | None
    from_: Cell | None
    to: Cell | None
    from_since: date | None
    instrument: Instrument | None
    reason: Reason | None
    zugangsweg: Zugangsweg | None
    initiator: Initiator | None
    alternative_on: date | None
    uebergang_on: date | None
    uebergang_from: Cell | None
    recorded_at: datetime = field(compare=False)


@dataclass(frozen=True, slots=True)
class SignedMovement:
    """`+1` writes a movement, `-1` takes an earlier one back with exactly its values and its old `recorded_at`."""

    sign: int
    movement: Movement
