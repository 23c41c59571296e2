"""Events of `cases` that metrics counts: movements and the master data of providers. Everything else is ignored."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from services.metrics.service import projection
from services.metrics.service.projection import Arrived, Described, Transaction
from shared.contracts.cases_v1 import MOVEMENT_TYPES, PROVIDER_CHANGED, Movement, ProviderChanged
from shared.contracts.envelope import Envelope
from shared.contracts.parts import traeger_of
from shared.events.ports import Command, InvalidCommandError, Outcome
from shared.kernel.mitgliedskoerperschaften import Traeger

Payload = TypeVar("Payload")

_movements = msgspec.json.Decoder(Movement)
_providers = msgspec.json.Decoder(ProviderChanged)


class MovementHandler:
    """Appends the movements of whole commands (`shared.events.ports.Handler`)."""

    async def apply(self, connection: Transaction, commands: Sequence[Command]) -> Outcome:
        """Append everything that counts. Raises `InvalidCommandError` where an event contradicts its contract."""
        arrived: list[Arrived] = []
        described: list[Described] = []
        ignored = 0
        for command in commands:
            for envelope in command:
                if envelope.type in MOVEMENT_TYPES:
                    arrived.append(_movement(envelope))
                elif envelope.type == PROVIDER_CHANGED:
                    described.append(Described(_tenant(envelope), _decode(_providers, envelope)))
                else:
                    ignored += 1
        await projection.append(connection, arrived=arrived, described=described)
        return Outcome(applied=len(arrived) + len(described), ignored=ignored)


def _movement(envelope: Envelope) -> Arrived:
    moved = _decode(_movements, envelope)
    if moved.kind != MOVEMENT_TYPES[envelope.type]:
        raise InvalidCommandError("type and kind name different movements")
    return Arrived(envelope.source, envelope.feedpart, envelope.seq, _tenant(envelope), envelope.time, moved)


def _tenant(envelope: Envelope) -> Traeger:
    if envelope.tenant is not traeger_of(envelope.feedpart):
        raise InvalidCommandError("the part belongs to the other Träger")
    return envelope.tenant


def _decode(decoder: msgspec.json.Decoder[Payload], envelope: Envelope) -> Payload:
    try:
        return decoder.decode(envelope.data)
    except msgspec.DecodeError as error:
        raise InvalidCommandError(f"the payload does not keep its contract: {error}") from error
