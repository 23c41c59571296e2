"""Places in an event log, as clients write them: `{epoch}.{part}.{seq}`, and `{epoch}.{seq}` inside one part."""

import re
from dataclasses import dataclass
from typing import Self

from shared.kernel.errors import Category, DomainError

_EPOCH = r"[A-Za-z0-9_-]{1,64}"
_NUMBER = r"0|[1-9][0-9]{0,17}"
_POSITION = re.compile(rf"({_EPOCH})\.(0|[1-9][0-9]{{0,3}})\.({_NUMBER})", re.ASCII)
_CURSOR = re.compile(rf"({_EPOCH})\.({_NUMBER})", re.ASCII)


class InvalidPositionError(DomainError):
    """The text is no position; the client takes positions as it got them and never builds one."""

    category = Category.MALFORMED
    code = "invalid-position"
    title = "This is no position in an event log"


@dataclass(frozen=True, slots=True)
class Position:
    """One event: the epoch of its log, its part (0-11), its number in the part (from 1; 0 = before the first)."""

    epoch: str
    part: int
    seq: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `{epoch}.{part}.{seq}`. Raises `InvalidPositionError`."""
        found = _POSITION.fullmatch(text)
        if found is None:
            raise InvalidPositionError("a position looks like {epoch}.{part}.{seq}")
        return cls(found[1], int(found[2]), int(found[3]))

    def __str__(self) -> str:
        return f"{self.epoch}.{self.part}.{self.seq}"


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """Where a reader stands in one part: everything up to `seq` is read."""

    epoch: str
    seq: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `{epoch}.{seq}`. Raises `InvalidPositionError`."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise InvalidPositionError("a cursor of the feed looks like {epoch}.{seq}")
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"
