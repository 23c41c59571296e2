"""What happened, as events for others: ids and categories only, no `external_ref` of a case, no reason."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.cases.domain import cell as domain
from services.cases.domain.cell import Registration
from services.cases.domain.movement import SignedMovement
from services.cases.domain.providers import Provider
from shared.contracts import cases_v1
from shared.contracts.envelope import EnvelopeBody
from shared.events.outbox import OutboxCommand
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id

_encode = msgspec.json.Encoder().encode
_TYPES = {kind: cases_v1.movement_type(kind) for kind in cases_v1.MOVEMENT_KINDS}


def registered(traeger: Traeger, case_id: UUID, registration: Registration, recorded_at: datetime) -> OutboxCommand:
    """The event of a registration, which is version 1 of the case."""
    data = cases_v1.CaseRegistered(
        case_id,
        1,
        1,
        1,
        registration.payer_mk,
        registration.residence_mk,
        registration.disability.value,
        registration.kombi,
    )
    event = _envelope(traeger, cases_v1.CASE_REGISTERED, case_id, recorded_at, data)
    return OutboxCommand(traeger, case_id, 1, recorded_at, [event])


def moved(
    traeger: Traeger, case_id: UUID, version: int, signed: Sequence[SignedMovement], recorded_at: datetime
) -> OutboxCommand:
    """The events of a command on a case, in its order; `version` is the one after the command."""
    of = len(signed)
    events = [
        _envelope(
            traeger,
            _TYPES[entry.movement.kind],
            case_id,
            recorded_at,
            _payload(case_id, version, index, of, entry),
        )
        for index, entry in enumerate(signed, start=1)
    ]
    return OutboxCommand(traeger, case_id, version, recorded_at, events)


def provider_changed(traeger: Traeger, provider: Provider, recorded_at: datetime) -> OutboxCommand:
    """The event of a new or changed provider: its present master data."""
    data = cases_v1.ProviderChanged(
        provider.provider_id,
        provider.version,
        provider.name,
        provider.kind.value,
        provider.mitgliedskoerperschaft,
        provider.valid_from,
        provider.valid_to,
    )
    event = _envelope(traeger, cases_v1.PROVIDER_CHANGED, provider.provider_id, recorded_at, data)
    return OutboxCommand(traeger, provider.provider_id, provider.version, recorded_at, [event])


def _envelope(
    traeger: Traeger, event_type: str, subject: UUID, recorded_at: datetime, data: msgspec.Struct
) -> EnvelopeBody:
    return EnvelopeBody(
        id=new_id(),
        source=cases_v1.SOURCE,
        type=event_type,
        subject=str(subject),
        time=recorded_at,
        tenant=traeger,
        data=msgspec.Raw(_encode(data)),
    )


def _payload(case_id: UUID, version: int, index: int, of: int, entry: SignedMovement) -> cases_v1.Movement:
    movement = entry.movement
    return cases_v1.Movement(
        case_id,
        version,
        index,
        of,
        entry.sign,
        movement.fact_id,
        movement.kind.value,
        movement.effective_on,
        movement.decided_on,
        movement.instrument,
        movement.reason,
        movement.zugangsweg,
        movement.initiator,
        _cell(movement.from_),
        _cell(movement.to),
        movement.from_since,
        movement.alternative_on,
        movement.uebergang_on,
        _cell(movement.uebergang_from),
        movement.recorded_at,
    )


def _cell(cell: domain.Cell | None) -> cases_v1.Cell | None:
    if cell is None:
        return None
    return cases_v1.Cell(
        cell.phase,
        cell.provider_id,
        cell.provider_mk,
        cell.place,
        cell.payer_mk,
        cell.residence_mk,
        cell.disability,
        cell.kombi,
    )
