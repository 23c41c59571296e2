"""What a consumer is made of: a source of numbered events, and a handler that gives whole commands their effect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import Envelope
from shared.kernel.mitgliedskoerperschaften import Traeger

Command = Sequence[Envelope]
"""All events of one command in their order, `index` 1 to `of`: applied whole or not at all."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One record as it arrived: bytes and what the transport knows of its place. Nothing is believed yet."""

    part: int
    value: bytes


@dataclass(frozen=True, slots=True)
class PartHead:
    """First and last number that the log of a part holds (`first` 1 unless pruned, `head` 0 when empty)."""

    part: int
    first: int
    head: int


@dataclass(frozen=True, slots=True)
class Heads:
    """What a producer says of its log: epoch, the parts the caller may read, committed events not yet numbered.

    `pending_of` splits `pending` by Träger, where the producer tells.
    """

    epoch: str
    parts: tuple[PartHead, ...]
    pending: int
    pending_of: Mapping[Traeger, int] = field(default_factory=dict)


class EventSource(Protocol):
    """Where events come from. Feed and Kafka pass the same conformance suite (`tests/contract`)."""

    async def open(self, epoch: str, positions: Mapping[int, int]) -> None:
        """Begin behind the given numbers per part. May be called again, to go back or forward."""
        ...

    async def fetch(self, *, limit: int, wait_seconds: float) -> Sequence[Delivery]:
        """What is there, at most about `limit` records; an empty list after waiting. Duplicates may come."""
        ...

    async def close(self) -> None:
        """Give connections back; after that the source may be opened again."""
        ...


class EventArchive(Protocol):
    """The feed as archive: it heals gaps of any source and tells where the log ends."""

    async def heads(self) -> Heads:
        """Epoch, heads and pending count at this moment."""
        ...

    async def read(self, epoch: str, part: int, after: int, limit: int) -> Sequence[Delivery]:
        """The records `after + 1 …` of a part, dense and in order, at most `limit`."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many events of a batch had an effect, and how many are of a type this consumer does not use."""

    applied: int
    ignored: int


class InvalidCommandError(Exception):
    """A handler cannot give this command its effect, now or ever: it is parked, others go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Handler(Protocol):
    """Gives commands their effect inside the transaction that also moves the checkpoint."""

    async def apply(self, connection: AsyncConnection, commands: Sequence[Command]) -> Outcome:
        """Apply all commands or raise; on `InvalidCommandError` the batch is halved until one stands alone."""
        ...


class UnsupportedVersionError(Exception):
    """A handler meets a newer major version of a type it uses: the consumer halts until it has been updated."""
