"""Movements into a database of metrics, the way they come in production, and requests drawn at random."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from random import Random

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.consumers import MovementHandler
from services.metrics.service import projection
from services.metrics.service.projection import Arrived
from shared.contracts.cases_v1 import PROVIDER_CHANGED, ProviderChanged, movement_type
from shared.contracts.envelope import Envelope
from shared.contracts.parts import part_of
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.metrics.store.histories import House, Recorded, World

_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Log:
    """Gives events their numbers per source and part. Some numbers belong to events that metrics ignores."""

    world: World
    heads: Counter[tuple[str, int]] = field(default_factory=Counter)

    def number(self, source: str, part: int) -> int:
        """The next number."""
        self.heads[source, part] += 1 + (self.world.random.random() < 0.1)
        return self.heads[source, part]

    def envelope(self, entry: Recorded) -> Envelope:
        """The event of `cases` that carries a movement."""
        moved = entry.movement
        return Envelope(
            id=self.world.new_id(),
            source="/cases",
            type=movement_type(moved.kind),
            subject=str(moved.case_id),
            time=entry.time,
            tenant=entry.tenant,
            data=msgspec.Raw(_encoder.encode(moved)),
            feedepoch="e1",
            feedpart=entry.part,
            sequence=f"{self.number('/cases', entry.part):020}",
        )

    def provider(self, traeger: Traeger, changed: ProviderChanged) -> Envelope:
        """The event of `cases` that tells of a provider."""
        part = part_of(traeger, changed.provider_id)
        return Envelope(
            id=self.world.new_id(),
            source="/cases",
            type=PROVIDER_CHANGED,
            subject=str(changed.provider_id),
            time=self.world.now(),
            tenant=traeger,
            data=msgspec.Raw(_encoder.encode(changed)),
            feedepoch="e1",
            feedpart=part,
            sequence=f"{self.number('/cases', part):020}",
        )


def commands(recorded: Iterable[Recorded]) -> list[list[Recorded]]:
    """Movements as the commands they came from."""
    return [
        list(command)
        for _, command in groupby(recorded, lambda entry: (entry.movement.case_id, entry.movement.case_version))
    ]


async def load(engine: AsyncEngine, log: Log, recorded: Iterable[Recorded], *, other_source: bool = False) -> None:
    """Append movements in one transaction per batch; `other_source`: as if they came from `/budgets`."""
    handler = MovementHandler()
    for batch in _batches(commands(recorded), 300):
        async with engine.begin() as connection:
            if other_source:
                arrived = [
                    Arrived(
                        "/budgets",
                        entry.part,
                        log.number("/budgets", entry.part),
                        entry.tenant,
                        entry.time,
                        entry.movement,
                    )
                    for command in batch
                    for entry in command
                ]
                await projection.append(connection, arrived=arrived, described=[])
            else:
                await handler.apply(connection, [[log.envelope(entry) for entry in command] for command in batch])


async def describe(engine: AsyncEngine, log: Log, houses: Iterable[tuple[Traeger, House, str]]) -> None:
    """Tell of providers and their kinds."""
    events = [
        [
            log.provider(
                traeger, ProviderChanged(house.id, 1, f"Haus {house.mk}", kind, house.mk, date(1970, 1, 1), None)
            )
        ]
        for traeger, house, kind in houses
    ]
    async with engine.begin() as connection:
        await MovementHandler().apply(connection, events)


def _batches(items: Sequence[list[Recorded]], size: int) -> Iterable[Sequence[list[Recorded]]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def kinds_of(random: Random, world: World) -> list[tuple[Traeger, House, str]]:
    """Kinds for all houses but one of each Träger, of which nothing is ever told."""
    return [
        (traeger, house, random.choice(["WFBM", "ANDERER_LEISTUNGSANBIETER"]))
        for traeger, houses in world.houses.items()
        for house in houses[1:]
    ]
