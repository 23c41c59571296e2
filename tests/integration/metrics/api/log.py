"""A log of events as `cases` writes it, folded by the consumer that `metrics` really has."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.consumers import MovementHandler
from shared.contracts import cases_v1
from shared.contracts.cases_v1 import Cell, Movement, ProviderChanged, movement_type
from shared.contracts.envelope import Envelope
from shared.contracts.parts import PARTS, part_of
from shared.contracts.position import Position
from shared.events import checkpoint
from shared.events.applier import Applier
from shared.events.assembly import Assembler
from shared.events.ports import Delivery, Heads, PartHead
from shared.kernel.clock import Clock, berlin_noon
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id

EPOCH = "cases-test"

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Log:
    """Numbers events per part and keeps them until they are folded."""

    epoch: str = EPOCH
    source: str = cases_v1.SOURCE
    heads: Counter[int] = field(default_factory=Counter)
    waiting: list[Delivery] = field(default_factory=list)

    def provider(self, traeger: Traeger, changed: ProviderChanged, at: datetime) -> Position:
        """Write the master data of a provider."""
        return self.write(traeger, changed.provider_id, cases_v1.PROVIDER_CHANGED, at, [changed])

    def write(
        self, traeger: Traeger, subject: UUID, kind: str, at: datetime, payloads: Sequence[msgspec.Struct]
    ) -> Position:
        """Write one command; the position of its last event."""
        part = part_of(traeger, subject)
        for payload in payloads:
            self.heads[part] += 1
            envelope = Envelope(
                id=new_id(),
                source=self.source,
                type=movement_type(payload.kind) if isinstance(payload, Movement) else kind,
                subject=str(subject),
                time=at,
                tenant=traeger,
                data=msgspec.Raw(_encode(payload)),
                feedepoch=self.epoch,
                feedpart=part,
                sequence=f"{self.heads[part]:020}",
            )
            self.waiting.append(Delivery(part, _encode(envelope)))
        return Position(self.epoch, part, self.heads[part])

    async def fold(self, worker: AsyncEngine, clock: Clock) -> None:
        """Give everything that waits its effect."""
        async with worker.begin() as connection:
            heads = Heads(self.epoch, tuple(PartHead(part, 1, 0) for part in range(PARTS)), 0)
            await checkpoint.begin(connection, self.source, heads, clock.now())
            places = await checkpoint.load(connection, self.source)
        assembler = Assembler(self.source, self.epoch, {at.part: (at.seq, at.last_event_id) for at in places})
        gaps = assembler.add(self.waiting)
        assert not gaps, "a log has no holes"
        self.waiting.clear()
        applier = Applier(
            worker,
            MovementHandler(),
            clock,
            source=self.source,
            epoch=self.epoch,
            positions={at.part: at.seq for at in places},
            duplicates=Counter(),
        )
        await applier.apply(assembler.take_ready())


@dataclass(slots=True)
class Case:
    """One person's case: movements by hand, each command with the day on which it was recorded."""

    log: Log
    traeger: Traeger = Traeger.LWL
    payer_mk: str = "05515"
    residence_mk: str = "05515"
    disability: str = "GEISTIG"
    kombi: bool = False
    id: UUID = field(default_factory=new_id)
    version: int = 1

    def cell(self, phase: str, provider: ProviderChanged | None = None, place: str | None = None) -> Cell:
        """A cell of this person."""
        return Cell(
            phase=phase,
            provider_id=provider.provider_id if provider else None,
            provider_mk=provider.mitgliedskoerperschaft if provider else None,
            place=place,
            payer_mk=self.payer_mk,
            residence_mk=self.residence_mk,
            disability=self.disability,
            kombi=self.kombi,
        )

    def moved(self, kind: str, on: str, from_: Cell | None, to: Cell | None, **more: Any) -> Movement:
        """A movement that says only what matters; `more` sets other members, dates as text."""
        known: dict[str, Any] = {
            "decided_on": None,
            "instrument": None,
            "reason": None,
            "zugangsweg": None,
            "initiator": None,
            "from_since": None,
            "alternative_on": None,
            "uebergang_on": None,
            "uebergang_from": None,
        }
        days = {name: date.fromisoformat(value) for name, value in more.items() if name.endswith(("_on", "_since"))}
        effective_on = date.fromisoformat(on)
        return Movement(
            case_id=self.id,
            case_version=0,
            index=0,
            of=0,
            sign=1,
            fact_id=new_id(),
            kind=kind,
            effective_on=effective_on,
            from_=from_,
            to=to,
            recorded_at=berlin_noon(effective_on),
            **{**known, **more, **days},
        )

    def record(
        self,
        day: str,
        added: Sequence[Movement] = (),
        taken_back: Sequence[Movement] = (),
        *,
        at: datetime | None = None,
    ) -> Position:
        """One command of a day (at noon): what it takes back, then what it adds."""
        self.version += 1
        signed = [(-1, movement) for movement in taken_back] + [(1, movement) for movement in added]
        payloads = [
            msgspec.structs.replace(movement, case_version=self.version, index=index, of=len(signed), sign=sign)
            for index, (sign, movement) in enumerate(signed, 1)
        ]
        instant = at or berlin_noon(date.fromisoformat(day))
        return self.log.write(self.traeger, self.id, "", instant, payloads)
