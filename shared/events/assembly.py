"""From records, as they arrive, to whole commands in their order. Pure: no clock, no connection.

The rule of a consumer, per part: another epoch is never ours; a number already taken is a duplicate; the next number
is taken; any other is a gap that the archive fills. What follows the last complete command waits in memory.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from shared.contracts.envelope import CommandPlace, Envelope, decode_envelope, place_in_command
from shared.events.ports import Delivery
from shared.events.refusals import FeedUnreachableError

_PARTIAL = "the log holds only a part of this command"
_UNREADABLE = "no complete envelope"


@dataclass(frozen=True, slots=True)
class Ready:
    """A command, or what the log holds of it: numbers `first … last` of a part.

    `broken` tells why it cannot be applied; `events` lacks what could not be read then.
    """

    part: int
    first: int
    events: tuple[Envelope, ...]
    values: tuple[bytes, ...]
    broken: str | None = None

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self.first + len(self.values) - 1

    @property
    def last_event_id(self) -> UUID | None:
        """The id of the last event, if it can be read."""
        return self.events[-1].id if self.events else None

    @property
    def recorded_until(self) -> datetime | None:
        """The newest `time` among the events."""
        return max((event.time for event in self.events), default=None)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A record that is no event of this log. It changes nothing; a damaged event comes again from the archive."""

    part: int
    value: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers `after + 1 … until` of a part did not arrive; the records behind them are kept until they have."""

    part: int
    after: int
    until: int
    kept: tuple[Delivery, ...]


@dataclass(slots=True)
class _Part:
    """Where one part stands: the last number of a complete command, its event, and what came behind it."""

    seq: int
    last_event_id: UUID | None
    of: int = 1
    events: list[Envelope] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)

    @property
    def expected(self) -> int:
        return self.seq + len(self.values) + 1

    def continues(self, envelope: Envelope, place: CommandPlace) -> bool:
        """Whether the event is the next one of the command that is open, or the first of a new one."""
        if place.index != len(self.values) + 1 or place.index > place.of:
            return False
        return not self.events or (place.of == self.of and self.events[0].subject == envelope.subject)


class Assembler:
    """Sorts the records of one source into commands, duplicates, gaps and foreign records."""

    def __init__(self, source: str, epoch: str, positions: Mapping[int, tuple[int, UUID | None]]) -> None:
        self._source = source
        self._epoch = epoch
        self._parts = {part: _Part(seq, last) for part, (seq, last) in positions.items()}
        self._ready: list[Ready] = []
        self._foreign: list[Foreign] = []
        self.duplicates: Counter[int] = Counter()
        self.other_epoch = False

    def position(self, part: int) -> int:
        """The last number taken, also one whose command is not complete yet."""
        return self._parts[part].expected - 1

    def positions(self) -> dict[int, int]:
        """The last number taken per part."""
        return {part: state.expected - 1 for part, state in self._parts.items()}

    def take_ready(self) -> list[Ready]:
        """The commands completed since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def take_foreign(self) -> list[Foreign]:
        """The foreign records since the last call."""
        foreign, self._foreign = self._foreign, []
        return foreign

    def add(self, deliveries: Iterable[Delivery]) -> list[Gap]:
        """Take records of a transport. Of a part with a gap nothing more is taken until `fill` closed it."""
        open_gaps: dict[int, tuple[int, int, list[Delivery]]] = {}
        for delivery in deliveries:
            if open_gaps and delivery.part in open_gaps:
                open_gaps[delivery.part][2].append(delivery)
                continue
            if self._add_next(delivery):
                continue
            until = self._add(delivery)
            if until is not None:
                open_gaps[delivery.part] = (self.position(delivery.part), until, [delivery])
        return [Gap(part, after, until, tuple(kept)) for part, (after, until, kept) in open_gaps.items()]

    def fill(self, part: int, deliveries: Iterable[Delivery]) -> None:
        """Take records of the archive that begin at the expected number: they are the truth, whatever they are."""
        state = self._parts[part]
        for delivery in deliveries:
            envelope, place, reason = self._read(delivery)
            if envelope is not None and (envelope.feedepoch, envelope.seq) != (self._epoch, state.expected):
                raise FeedUnreachableError("the archive answered other numbers than it was asked for")
            if envelope is None or place is None:
                self._break_off(state, part, _PARTIAL)
                state.values.append(delivery.value)
                self._break_off(state, part, reason)
                continue
            if not state.continues(envelope, place):
                self._break_off(state, part, _PARTIAL)
            whole = state.continues(envelope, place)
            self._take(state, part, envelope, place, delivery.value)
            if not whole:
                self._break_off(state, part, _PARTIAL)

    def give_up(self, gap: Gap) -> None:
        """The archive does not reach the record behind the gap: the record is no event of this log."""
        self._foreign.append(Foreign(gap.part, gap.kept[0].value, "numbered ahead of the log"))

    def _add_next(self, delivery: Delivery) -> bool:
        """The path of nearly every record: exactly the next event. Anything else is left to `_add`."""
        state = self._parts.get(delivery.part)
        if state is None:
            return False
        try:
            envelope = decode_envelope(delivery.value)
            place = place_in_command(envelope)
            values = state.values
            at = len(values) + 1
            if (
                int(envelope.sequence) != state.seq + at
                or envelope.feedepoch != self._epoch
                or envelope.feedpart != delivery.part
                or envelope.source != self._source
                or place.index != at
                or place.of < at
                or (at > 1 and (place.of != state.of or state.events[0].subject != envelope.subject))
            ):
                return False
        except (msgspec.DecodeError, ValueError):
            return False
        state.events.append(envelope)
        values.append(delivery.value)
        state.of = place.of
        if at == place.of:
            self._complete(state, delivery.part, None)
        return True

    def _add(self, delivery: Delivery) -> int | None:
        part, value = delivery.part, delivery.value
        envelope, place, reason = self._read(delivery)
        if envelope is None:
            self._foreign.append(Foreign(part, value, reason))
            return None
        if envelope.feedepoch != self._epoch:
            if not self.other_epoch:
                self._foreign.append(Foreign(part, value, "of another epoch"))
            self.other_epoch = True
            return None
        state, seq = self._parts[part], envelope.seq
        if seq > state.expected:
            return seq - 1
        if seq < state.expected:
            self.duplicates[part] += 1
            if seq == state.seq and state.last_event_id not in (None, envelope.id):
                self._foreign.append(Foreign(part, value, "another event under a number taken"))
        elif place is not None and state.continues(envelope, place):
            self._take(state, part, envelope, place, value)
        else:
            self._foreign.append(Foreign(part, value, "does not continue its command"))
        return None

    def _read(self, delivery: Delivery) -> tuple[Envelope | None, CommandPlace | None, str]:
        try:
            envelope = decode_envelope(delivery.value)
            seq = envelope.seq
        except (msgspec.DecodeError, ValueError):
            return None, None, _UNREADABLE
        if delivery.part not in self._parts:
            return None, None, "of a part that is not read here"
        if envelope.source != self._source or envelope.feedpart != delivery.part or seq < 1:
            return None, None, "of another source or part"
        try:
            return envelope, place_in_command(envelope), ""
        except msgspec.DecodeError:
            return envelope, None, "the payload does not tell its place in the command"

    def _take(self, state: _Part, part: int, envelope: Envelope, place: CommandPlace, value: bytes) -> None:
        state.events.append(envelope)
        state.values.append(value)
        state.of = place.of
        if len(state.values) == place.of and place.index == place.of:
            self._complete(state, part, None)

    def _break_off(self, state: _Part, part: int, reason: str) -> None:
        if state.values:
            self._complete(state, part, reason)

    def _complete(self, state: _Part, part: int, broken: str | None) -> None:
        ready = Ready(part, state.seq + 1, tuple(state.events), tuple(state.values), broken)
        self._ready.append(ready)
        state.seq, state.last_event_id = ready.last, ready.last_event_id
        state.events, state.values = [], []
