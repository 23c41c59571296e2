"""Reads that wait for their own write, and how far behind the producers we are."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.repository.freshness import AsOf, as_of
from services.metrics.service.snapshots import Reader, Snapshots
from shared.contracts.parts import parts_of
from shared.contracts.position import Position
from shared.events.ports import EventArchive, Heads
from shared.events.progress import PartProgress, progress, wait_until_folded
from shared.events.refusals import FeedUnreachableError, UnknownPartError
from shared.kernel.mitgliedskoerperschaften import Traeger

HEADS_SECONDS = 0.3
"""How long a producer has to say where its log ends."""


@dataclass(frozen=True, slots=True)
class PartState:
    """The last number folded and the last number stamped of a part; `head` is None if the producer is silent."""

    part: int
    folded: int
    head: int | None


@dataclass(frozen=True, slots=True)
class ProducerState:
    """One producer as seen from here. `epoch` is the one it tells, else the one we have read."""

    source: str
    epoch: str | None
    parts: tuple[PartState, ...]
    pending: int | None
    lag: int | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far behind all producers together we are (events; None if one of them is silent), and what we have."""

    as_of: AsOf
    lag: int | None
    producers: tuple[ProducerState, ...]


class Arrivals:
    """What has come in from the producers. `archives` are their feeds by the `source` of their events."""

    def __init__(self, engine: AsyncEngine, archives: Mapping[str, EventArchive]) -> None:
        self._engine = engine
        self._snapshots = Snapshots(engine)
        self._archives = archives

    async def wait_for(self, *, reader: Reader, position: Position | None) -> None:
        """Return when the event at the position has been folded; at once without one.

        Raises `UnknownPartError` for a part of the other Träger, `UnknownEpochError` for a log that is not read
        here, `NotYetFoldedError` after five seconds.
        """
        if position is None:
            return
        if position.part not in parts_of(reader.traeger):
            raise UnknownPartError
        await wait_until_folded(self._engine, position)

    async def freshness(self, *, reader: Reader) -> Freshness:
        """The state of this moment: the producers are asked first, then one snapshot of ours is read."""
        told = await asyncio.gather(*(_heads(archive) for archive in self._archives.values()))
        async with self._snapshots.of(reader) as connection:
            current = await as_of(connection, reader.traeger)
            folded = await progress(connection)
        states = tuple(
            _state(source, heads, [at for at in folded if at.source == source], reader.traeger)
            for source, heads in zip(self._archives, told, strict=True)
        )
        lags = [state.lag for state in states]
        return Freshness(current, None if None in lags else sum(lag for lag in lags if lag is not None), states)


async def _heads(archive: EventArchive) -> Heads | None:
    try:
        async with asyncio.timeout(HEADS_SECONDS):
            return await archive.heads()
    except (TimeoutError, FeedUnreachableError):
        return None


def _state(source: str, heads: Heads | None, folded: Sequence[PartProgress], traeger: Traeger) -> ProducerState:
    own = parts_of(traeger)
    ours = {at.part: at for at in folded if at.part in own}
    theirs = {head.part: head.head for head in heads.parts} if heads is not None else {}
    parts = tuple(PartState(part, ours[part].seq if part in ours else 0, theirs.get(part)) for part in own)
    read = next((at.epoch for at in ours.values()), None)
    if heads is None:
        return ProducerState(source, read, parts, None, None)
    # Numbers of another epoch cannot be subtracted, and a part the producer does not show is not up to date.
    known = all(part.head is not None for part in parts) and read in (None, heads.epoch)
    behind = sum(max(0, (part.head or 0) - part.folded) for part in parts)
    pending = heads.pending_of.get(traeger, heads.pending)
    return ProducerState(source, heads.epoch, parts, pending, pending + behind if known else None)
