"""Which signed movements a command must tell: all that went, in reverse, then all that came, in order."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.recount.model import Movement


@dataclass(frozen=True, slots=True)
class Signed:
    """A movement that is added (+1) or taken back (-1)."""

    sign: int
    movement: Movement


def differences(before: Sequence[Movement], after: Sequence[Movement]) -> list[Signed]:
    """The signed movements between two timelines of one case, as the events of the command tell them."""
    old = {movement.ref: movement for movement in before}
    new = {movement.ref: movement for movement in after}
    gone = [Signed(-1, movement) for movement in reversed(before) if new.get(movement.ref) != movement]
    come = [Signed(1, movement) for movement in after if old.get(movement.ref) != movement]
    return gone + come
