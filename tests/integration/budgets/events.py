"""Events of cases as they arrive: numbered envelopes with complete signed movements."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.budgets.domain.model import Cell, Movement
from services.budgets.domain.proposals import Command
from shared.contracts import cases_v1
from shared.contracts.envelope import Envelope
from shared.contracts.parts import part_of
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.support.tokens import NOW

Delivered = Sequence[Envelope]


def delivered(command: Command, *, first_seq: int = 1) -> Delivered:
    """A command as a consumer gets it."""
    events = [
        payload(
            event.movement,
            case_id=command.case_id,
            case_version=command.case_version,
            index=event.index,
            of=len(command.events),
            sign=event.sign,
        )
        for event in command.events
    ]
    return [
        envelope(cases_v1.movement_type(event.kind), command.traeger, event.case_id, event, seq=first_seq + offset)
        for offset, event in enumerate(events)
    ]


def registered(traeger: Traeger, case_id: UUID) -> Delivered:
    """The first command of every case, which budgets does not use."""
    event = cases_v1.CaseRegistered(case_id, 1, 1, 1, "05515", "05515", "GEISTIG", False)
    return [envelope(cases_v1.CASE_REGISTERED, traeger, case_id, event)]


def payload(
    movement: Movement, *, case_id: UUID, case_version: int, index: int = 1, of: int = 1, sign: int = 1
) -> cases_v1.Movement:
    """The payload of one event."""
    return cases_v1.Movement(
        case_id=case_id,
        case_version=case_version,
        index=index,
        of=of,
        sign=sign,
        fact_id=movement.fact_id,
        kind=movement.kind,
        effective_on=movement.effective_on,
        decided_on=movement.decided_on,
        instrument=movement.instrument,
        reason=None,
        zugangsweg=None,
        initiator=None,
        from_=_cell(movement.before),
        to=_cell(movement.after),
        from_since=movement.before_since,
        alternative_on=None,
        uebergang_on=None,
        uebergang_from=None,
        recorded_at=NOW,
    )


def envelope(
    event_type: str, traeger: Traeger, case_id: UUID, data: Any, *, seq: int = 1, **changes: Any
) -> Envelope:
    """One event with its place in the log."""
    members: dict[str, Any] = {
        "id": new_id(),
        "source": cases_v1.SOURCE,
        "type": event_type,
        "subject": str(case_id),
        "time": NOW,
        "tenant": traeger,
        "feedepoch": "cases-test",
        "feedpart": part_of(traeger, case_id),
        "sequence": f"{seq:020d}",
        "data": msgspec.Raw(msgspec.json.encode(data)),
        **changes,
    }
    return Envelope(**members)


def _cell(cell: Cell | None) -> cases_v1.Cell | None:
    if cell is None:
        return None
    return cases_v1.Cell(
        phase=cell.phase,
        provider_id=cell.provider_id,
        provider_mk=cell.provider_mk,
        place=None,
        payer_mk=cell.payer_mk,
        residence_mk=cell.residence_mk,
        disability=cell.disability,
        kombi=cell.kombi,
    )
