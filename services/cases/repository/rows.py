"""Facts and movements between the domain and their rows: JSON both ways, checked by type when read back."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from services.cases.domain.cell import Cell, Disability, Phase, Place
from services.cases.domain.facts import Fact, Initiator, Instrument, Kind, Reason, Zugangsweg
from services.cases.domain.movement import Movement
from services.cases.domain.providers import Provider, ProviderKind


class StoredMovement(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A movement in the shape it has on the wire."""

    fact_id: UUID
    kind: Kind
    effective_on: date
    decided_on: date | None
    instrument: Instrument | None
    reason: Reason | None
    zugangsweg: Zugangsweg | None
    initiator: Initiator | None
    from_: Cell | None
    to: Cell | None
    from_since: date | None
    alternative_on: date | None
    uebergang_on: date | None
    uebergang_from: Cell | None
    recorded_at: datetime


class Attributes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a fact sets, given members only."""

    decided_on: date | None = None
    provider_id: UUID | None = None
    place: Place | None = None
    instrument: Instrument | None = None
    reason: Reason | None = None
    zugangsweg: Zugangsweg | None = None
    initiator: Initiator | None = None
    to_phase: Phase | None = None
    payer_mk: str | None = None
    residence_mk: str | None = None
    disability: Disability | None = None
    kombi: bool | None = None


class ReadFact(msgspec.Struct, frozen=True, array_like=True):
    """A row of `fact` as the read statements aggregate it (`FACT_COLUMNS`)."""

    fact_id: UUID
    entry: int
    kind: Kind
    effective_on: date
    cancelled: bool
    imported: bool
    external_ref: str | None
    attributes: Attributes
    movement: StoredMovement | None


class ReadProvider(msgspec.Struct, frozen=True, array_like=True):
    """A row of `provider` as the read statements aggregate it (`PROVIDER_COLUMNS`)."""

    provider_id: UUID
    version: int
    name: str
    kind: ProviderKind
    mitgliedskoerperschaft: str
    external_ref: str | None
    valid_from: date
    valid_to: date | None


class ReadFile(msgspec.Struct, frozen=True, array_like=True):
    """A file with its present facts and the providers of its cells, as one JSON array."""

    external_ref: str
    payer_mk: str
    residence_mk: str
    disability: Disability
    kombi: bool
    version: int
    recorded_at: datetime
    facts: list[ReadFact] | None
    providers: list[ReadProvider] | None


class FactRow(msgspec.Struct, frozen=True):
    """A new row of `fact`, without the case and the version it belongs to."""

    fact_id: UUID
    entry: int
    kind: Kind
    effective_on: date
    attributes: Attributes
    cancelled: bool
    origin: str
    external_ref: str | None
    movement: StoredMovement | None
    movement_recorded_at: datetime | None
    to_phase: Phase | None
    to_provider_id: UUID | None
    to_payer_mk: str | None


FACT_COLUMNS = (
    "f.fact_id, f.entry, f.kind, f.effective_on, f.cancelled, f.origin = 'IMPORT', f.external_ref,"
    " f.attributes, f.movement"
)
"""What the read statements put into one JSON array per fact `f`, in the order of `ReadFact`."""

PROVIDER_COLUMNS = (
    "p.id, p.version, p.name, p.kind, p.mitgliedskoerperschaft, p.external_ref, p.valid_from, p.valid_to"
)
"""What the read statements put into one JSON array per provider `p`, in the order of `ReadProvider`."""

decode_file = msgspec.json.Decoder(ReadFile).decode
decode_facts = msgspec.json.Decoder(list[ReadFact]).decode
decode_movements = msgspec.json.Decoder(list[StoredMovement]).decode
_encode = msgspec.json.Encoder().encode


def fact_of(row: ReadFact) -> Fact:
    """The domain's fact in a row."""
    given = row.attributes
    return Fact(
        row.fact_id,
        row.entry,
        row.kind,
        row.effective_on,
        given.decided_on,
        given.provider_id,
        given.place,
        given.instrument,
        given.reason,
        given.zugangsweg,
        given.initiator,
        given.to_phase,
        given.payer_mk,
        given.residence_mk,
        given.disability,
        given.kombi,
        row.imported,
        row.external_ref,
    )


def movement_of(stored: StoredMovement) -> Movement:
    """The domain's movement in a row."""
    return Movement(
        stored.fact_id,
        stored.kind,
        stored.effective_on,
        stored.decided_on,
        stored.from_,
        stored.to,
        stored.from_since,
        stored.instrument,
        stored.reason,
        stored.zugangsweg,
        stored.initiator,
        stored.alternative_on,
        stored.uebergang_on,
        stored.uebergang_from,
        stored.recorded_at,
    )


def provider_of(row: ReadProvider) -> Provider:
    """The domain's provider in a row."""
    return Provider(
        row.provider_id,
        row.version,
        row.name,
        row.kind,
        row.mitgliedskoerperschaft,
        row.external_ref,
        row.valid_from,
        row.valid_to,
    )


def fact_row(fact: Fact, movement: Movement | None) -> FactRow:
    """The row for the present state of a fact; without movement it is cancelled."""
    to = movement.to if movement is not None else None
    return FactRow(
        fact.fact_id,
        fact.entry,
        fact.kind,
        fact.effective_on,
        _attributes(fact),
        movement is None,
        "IMPORT" if fact.imported else "API",
        fact.external_ref,
        None if movement is None else _stored(movement),
        None if movement is None else movement.recorded_at,
        None if to is None else to.phase,
        None if to is None else to.provider_id,
        None if to is None else to.payer_mk,
    )


def changed_rows(
    known: Mapping[UUID, Fact],
    facts: Sequence[Fact],
    movements: Sequence[Movement],
    *,
    written: set[UUID],
    cancelled: Sequence[UUID],
) -> list[FactRow]:
    """The rows a command writes.

    `facts` and `movements` are the present ones in the same order, `known` the facts before it, `written` the ids of
    facts that are new, amended or whose movement is.
    """
    rows = [
        fact_row(fact, movement) for fact, movement in zip(facts, movements, strict=True) if fact.fact_id in written
    ]
    rows += [fact_row(known[fact_id], None) for fact_id in cancelled]
    return rows


def encode_rows(rows: Sequence[FactRow]) -> str:
    """Rows as one JSON text, for `jsonb_to_recordset`."""
    return _encode(rows).decode()


def _attributes(fact: Fact) -> Attributes:
    return Attributes(
        fact.decided_on,
        fact.provider_id,
        fact.place,
        fact.instrument,
        fact.reason,
        fact.zugangsweg,
        fact.initiator,
        fact.to_phase,
        fact.payer_mk,
        fact.residence_mk,
        fact.disability,
        fact.kombi,
    )


def _stored(movement: Movement) -> StoredMovement:
    return StoredMovement(
        movement.fact_id,
        movement.kind,
        movement.effective_on,
        movement.decided_on,
        movement.instrument,
        movement.reason,
        movement.zugangsweg,
        movement.initiator,
        movement.from_,
        movement.to,
        movement.from_since,
        movement.alternative_on,
        movement.uebergang_on,
        movement.uebergang_from,
        movement.recorded_at,
    )
