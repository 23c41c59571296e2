"""Which part of the event log a case or provider belongs to.

Twelve parts, six to each Träger, so that the log of one tenant has no holes. A part is a Kafka partition too.
Changing any of this means a new epoch.
"""

from uuid import UUID
from zlib import crc32

from shared.kernel.mitgliedskoerperschaften import Traeger

PARTS = 12
PARTS_PER_TRAEGER = 6
_BASE = {Traeger.LVR: 0, Traeger.LWL: 6}


def parts_of(traeger: Traeger) -> range:
    """The parts that hold the events of one Träger."""
    base = _BASE[traeger]
    return range(base, base + PARTS_PER_TRAEGER)


def traeger_of(part: int) -> Traeger:
    """The Träger whose events a part holds."""
    return Traeger.LVR if part < PARTS_PER_TRAEGER else Traeger.LWL


def part_of(traeger: Traeger, subject: UUID) -> int:
    """The part of a case (for `provider-changed`: of the provider)."""
    return _BASE[traeger] + crc32(str(subject).encode("ascii")) % PARTS_PER_TRAEGER
