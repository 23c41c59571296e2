"""Events of `cases` that money follows: movements into and out of funded phases. Others cost a look at the type."""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from services.budgets.domain.model import Cell, Movement, Phase
from services.budgets.domain.openings import KINDS_OF_INTEREST, opened_by
from services.budgets.domain.proposals import Command, Signed, is_of_interest
from services.budgets.service import Transaction, follow_commands
from shared.contracts import cases_v1
from shared.contracts.envelope import Envelope
from shared.contracts.parts import traeger_of
from shared.events.ports import Command as Delivered
from shared.events.ports import InvalidCommandError, Outcome, UnsupportedVersionError
from shared.kernel.clock import Clock
from shared.kernel.mitgliedskoerperschaften import Traeger

KIND_BY_TYPE = {cases_v1.movement_type(kind): kind for kind in KINDS_OF_INTEREST}
"""The types that are read, with the kind their payload must name."""

_STEMS = frozenset(event_type.removesuffix(".v1") for event_type in KIND_BY_TYPE)
_PASSED_BY = (
    cases_v1.MOVEMENT_TYPES.keys() | {cases_v1.CASE_REGISTERED, cases_v1.PROVIDER_CHANGED}
) - KIND_BY_TYPE.keys()
_movements = msgspec.json.Decoder(cases_v1.Movement)


class GrantHandler:
    """Lets grants follow whole commands (`shared.events.ports.Handler`)."""

    def __init__(self, *, clock: Clock, new_id: Callable[[], UUID]) -> None:
        self._clock = clock
        self._new_id = new_id

    async def apply(self, connection: Transaction, commands: Sequence[Delivered]) -> Outcome:
        """Apply what is of interest.

        Raises `InvalidCommandError` where an event contradicts its contract, `UnsupportedVersionError` where one of
        the types that are read comes in a version that this code does not know.
        """
        followed: list[Command] = []
        events = applied = 0
        for delivered in commands:
            events += len(delivered)
            command = command_of(delivered)
            if command is not None:
                followed.append(command)
                applied += len(command.events)
        await follow_commands(connection, commands=followed, clock=self._clock, new_id=self._new_id)
        return Outcome(applied=applied, ignored=events - applied)


def command_of(delivered: Delivered) -> Command | None:
    """What of a delivered command is of interest, None for nothing."""
    signed: list[Signed] = []
    head: cases_v1.Movement | None = None
    for envelope in delivered:
        kind = KIND_BY_TYPE.get(envelope.type)
        if kind is None:
            _check_passed_by(envelope.type)
            continue
        told = _movement(envelope, kind)
        head = told
        signed.append(Signed(told.index, told.sign, _domain_movement(told, envelope.tenant)))
    if head is None:
        return None
    traeger = delivered[0].tenant
    facts = {event.movement.fact_id for event in signed if is_of_interest(event.movement, traeger)}
    kept = tuple(event for event in signed if event.movement.fact_id in facts)
    return Command(traeger, head.case_id, head.case_version, kept) if kept else None


def _check_passed_by(event_type: str) -> None:
    if event_type not in _PASSED_BY and event_type.rpartition(".")[0] in _STEMS:
        raise UnsupportedVersionError(event_type)


def _movement(envelope: Envelope, kind: str) -> cases_v1.Movement:
    if envelope.tenant is not traeger_of(envelope.feedpart):
        raise InvalidCommandError("the part belongs to the other Träger")
    try:
        told = _movements.decode(envelope.data)
    except msgspec.DecodeError as error:
        raise InvalidCommandError(f"the payload does not keep its contract: {error}") from error
    if told.kind != kind or told.sign not in (-1, 1) or str(told.case_id) != envelope.subject:
        raise InvalidCommandError("kind, sign or case contradict the envelope")
    if (told.from_ is None) != (told.from_since is None):
        raise InvalidCommandError("a movement out of a cell says since when, any other does not")
    return told


def _domain_movement(told: cases_v1.Movement, traeger: Traeger) -> Movement:
    try:
        movement = Movement(
            fact_id=told.fact_id,
            kind=told.kind,
            instrument=told.instrument,
            effective_on=told.effective_on,
            decided_on=told.decided_on,
            before=None if told.from_ is None else _cell(told.from_),
            before_since=told.from_since,
            after=None if told.to is None else _cell(told.to),
        )
    except ValueError as error:
        raise InvalidCommandError("a cell names a phase that this contract does not have") from error
    instrument = opened_by(movement, traeger)
    if instrument is not None and (movement.after is None or movement.after.phase is not instrument.phase):
        raise InvalidCommandError("a movement that opens a grant leads into its phase")
    return movement


def _cell(cell: cases_v1.Cell) -> Cell:
    return Cell(
        phase=Phase(cell.phase),
        provider_id=cell.provider_id,
        provider_mk=cell.provider_mk,
        payer_mk=cell.payer_mk,
        residence_mk=cell.residence_mk,
        disability=cell.disability,
        kombi=cell.kombi,
    )
