"""Shapes of cells, movements and timelines, and of the commands that change them."""

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.json_schema import SkipJsonSchema

from services.cases.domain.cell import Cell, Disability, Phase, Place
from services.cases.domain.commands import MAX_FACTS, Add, Amend, Cancel, Change
from services.cases.domain.facts import Fact, Initiator, Instrument, Kind, Reason, Zugangsweg
from services.cases.domain.movement import Movement
from services.cases.schemas import values
from services.cases.schemas.values import Ags, Version
from services.cases.service.views import TimelineView
from shared.http.bodies import RequestModel
from shared.observability.identifiers import new_id

EXAMPLE_MOVEMENT: dict[str, JsonValue] = {
    "kind": "WERKSTATTALTERNATIVE",
    "effective_on": "2024-03-01",
    "decided_on": "2024-02-12",
    "zugangsweg": "FOERDERSCHULE",
}

EffectiveOn = Annotated[
    date, Field(description="First day of the new state; the old one counts up to the day before")
]
DecidedOn = Annotated[date | None, Field(description="Date of the Bescheid, not after the day of recording")]
ProviderId = Annotated[UUID | None, Field(description="A WfbM or anderer Leistungsanbieter of the own Träger")]


class _Attributes(RequestModel):
    """What a fact may set; which kind takes what, `GET /v1/allowed-movements` tells. Null is the same as absent."""

    decided_on: DecidedOn = None
    provider_id: ProviderId = None
    place: Place | None = Field(None, description="Only where the new phase is ARBEITSBEREICH")
    instrument: Instrument | None = Field(None, description="How an UEBERGANG is supported")
    reason: Reason | None = Field(None, description="Of an ABGANG, or of a ZUGANG_ARBEITSBEREICH not from BBB")
    zugangsweg: Zugangsweg | None = Field(None, description="Where the person came from")
    initiator: Initiator | None = Field(None, description="Who brought an ABGANG about")
    to_phase: Phase | None = Field(None, description="Of a RUECKKEHR: ARBEITSBEREICH (default) or BBB")
    payer_mk: Ags | None = None
    residence_mk: Ags | None = None
    disability: Disability | None = None
    kombi: bool | None = Field(None, description="Soziale Teilhabe in parallel")


class NewMovement(_Attributes):
    """A fact to record."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE_MOVEMENT})

    kind: Kind
    effective_on: EffectiveOn

    def change(self, pointer: str = "") -> Add:
        """The command's change; the fact gets its id here."""
        attributes = {name: getattr(self, name) for name in _Attributes.model_fields}
        return Add(Fact(new_id(), 0, self.kind, self.effective_on, **attributes), pointer)


class _Patch(_Attributes):
    """Attributes to change: null removes an optional one, what is absent stays."""

    effective_on: EffectiveOn | None = None

    def patch(self) -> dict[str, Any]:
        """The given attributes by name."""
        return {
            name: getattr(self, name)
            for name in self.model_fields_set
            if name == "effective_on" or name in _Attributes.model_fields
        }


class MovementPatch(_Patch):
    """A merge patch of a recorded fact; `kind` never changes."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"effective_on": "2024-03-15", "reason_for_correction": "Bescheid berichtigt"}}
    )

    reason_for_correction: values.Reason


class AmendedFact(_Patch):
    """A fact of the case and what changes in it."""

    fact_id: UUID


class NamedFact(RequestModel):
    """A fact of the case."""

    fact_id: UUID


class CorrectionChange(RequestModel):
    """One change of a command: exactly one of `add`, `amend`, `cancel`."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    add: NewMovement | SkipJsonSchema[None] = None
    amend: AmendedFact | SkipJsonSchema[None] = None
    cancel: NamedFact | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.add, self.amend, self.cancel)) != 1:
            raise ValueError("Exactly one of add, amend and cancel.")
        return self

    def change(self, pointer: str) -> Change:
        """The command's change."""
        if self.add is not None:
            return self.add.change(f"{pointer}/add")
        if self.amend is not None:
            return Amend(self.amend.fact_id, self.amend.patch(), f"{pointer}/amend")
        assert self.cancel is not None
        return Cancel(self.cancel.fact_id, f"{pointer}/cancel")


class Correction(RequestModel):
    """Changes that only together lead to a legal timeline: all of them are carried out, or none."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"reason": "Nachmeldung", "changes": [{"add": EXAMPLE_MOVEMENT}]}}
    )

    reason: values.Reason
    changes: list[CorrectionChange] = Field(min_length=1, max_length=2 * MAX_FACTS)

    def commands(self) -> list[Change]:
        """The command's changes in their order."""
        return [change.change(f"/changes/{index}") for index, change in enumerate(self.changes)]


class Cancellation(RequestModel):
    """Why a fact is taken back for good."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "Doppelt erfasst"}})

    reason: values.Reason


class CellOut(BaseModel):
    """Where a person is: phase, provider and the person's own attributes."""

    phase: Phase
    provider_id: UUID | None
    provider_mk: Ags | None
    place: Place | None
    payer_mk: Ags
    residence_mk: Ags
    disability: Disability
    kombi: bool

    @classmethod
    def of(cls, cell: Cell) -> "CellOut":
        """The shape of a cell."""
        return cls.model_construct(
            phase=cell.phase,
            provider_id=cell.provider_id,
            provider_mk=cell.provider_mk,
            place=cell.place,
            payer_mk=cell.payer_mk,
            residence_mk=cell.residence_mk,
            disability=cell.disability,
            kombi=cell.kombi,
        )


def _cell(cell: Cell | None) -> CellOut | None:
    return None if cell is None else CellOut.of(cell)


class MovementOut(BaseModel):
    """What a fact does: the cells before and after it, and what key figures need to know of its past."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    fact_id: UUID
    kind: Kind
    effective_on: date
    decided_on: date | None
    instrument: Instrument | None
    reason: Reason | None
    zugangsweg: Zugangsweg | None
    initiator: Initiator | None
    from_: CellOut | None = Field(alias="from")
    to: CellOut | None
    from_since: date | None = Field(description="Day on which the phase that was left began")
    alternative_on: date | None = Field(description="The WERKSTATTALTERNATIVE before a late Zugang")
    uebergang_on: date | None = Field(description="The UEBERGANG before a RUECKKEHR")
    uebergang_from: CellOut | None = Field(description="The cell left by that UEBERGANG")
    recorded_at: datetime = Field(description="When the movement was written in its present form")

    @classmethod
    def of(cls, movement: Movement) -> "MovementOut":
        """The shape of a movement."""
        return cls.model_construct(
            fact_id=movement.fact_id,
            kind=movement.kind,
            effective_on=movement.effective_on,
            decided_on=movement.decided_on,
            instrument=movement.instrument,
            reason=movement.reason,
            zugangsweg=movement.zugangsweg,
            initiator=movement.initiator,
            from_=_cell(movement.from_),
            to=_cell(movement.to),
            from_since=movement.from_since,
            alternative_on=movement.alternative_on,
            uebergang_on=movement.uebergang_on,
            uebergang_from=_cell(movement.uebergang_from),
            recorded_at=movement.recorded_at,
        )


class CellDaysOut(BaseModel):
    """Days in a row in one cell, both counted; `to_day` null = open."""

    from_day: date
    to_day: date | None
    cell: CellOut


class TimelineOut(BaseModel):
    """The movements of a case in order, and the cells they lead through."""

    case_id: UUID
    version: Version
    known_on: date | None = Field(description="The day of knowledge asked for; null = now")
    movements: list[MovementOut] = Field(max_length=MAX_FACTS)
    cells: list[CellDaysOut] = Field(max_length=MAX_FACTS)

    @classmethod
    def of(cls, view: TimelineView) -> "TimelineOut":
        """The shape of a timeline."""
        return cls.model_construct(
            case_id=view.case_id,
            version=view.version,
            known_on=view.known_on,
            movements=[MovementOut.of(movement) for movement in view.movements],
            cells=[
                CellDaysOut.model_construct(from_day=days.from_day, to_day=days.to_day, cell=CellOut.of(days.cell))
                for days in view.cells
            ],
        )
