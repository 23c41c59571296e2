"""Payloads of the events of `cases`, version 1. They grow only by optional members.

No name, birth date or `external_ref` of a case is ever in an event. Movements are signed: `+1` adds the movement,
`-1` takes an earlier one back with exactly its values, so the sum of all events is the present state.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec

SOURCE = "/cases"
TOPIC = "teilhabe.cases.v1"
TYPE_PREFIX = "de.nrw.teilhabe.cases."
CASE_REGISTERED = TYPE_PREFIX + "case-registered.v1"
PROVIDER_CHANGED = TYPE_PREFIX + "provider-changed.v1"

MOVEMENT_KINDS = (
    "ZUGANG_EV",
    "ZUGANG_BBB",
    "EINTRITT_BBB",
    "ZUGANG_ARBEITSBEREICH",
    "PLATZWECHSEL",
    "ANBIETERWECHSEL",
    "MERKMALSAENDERUNG",
    "UEBERGANG",
    "WERKSTATTALTERNATIVE",
    "FOERDERENDE",
    "FOLGEFOERDERUNG",
    "RUECKKEHR",
    "AUFNAHME_ZUVERDIENST",
    "ABGANG",
)


def movement_type(kind: str) -> str:
    """The event type of a kind of movement, e.g. `de.nrw.teilhabe.cases.zugang-ev.v1`."""
    return f"{TYPE_PREFIX}{kind.lower().replace('_', '-')}.v1"


MOVEMENT_TYPES = {movement_type(kind): kind for kind in MOVEMENT_KINDS}
"""Event type -> kind, for readers that branch on the type before they read the sign."""


class Cell(msgspec.Struct, frozen=True, gc=False):
    """Where a person is on a day, and who pays."""

    phase: str
    provider_id: UUID | None
    provider_mk: str | None
    place: str | None
    payer_mk: str
    residence_mk: str
    disability: str
    kombi: bool


class Movement(msgspec.Struct, frozen=True, gc=False, rename={"from_": "from"}):
    """One complete signed movement of a case; event `index` of the `of` events of command `case_version`."""

    case_id: UUID
    case_version: int
    index: int
    of: int
    sign: int
    fact_id: UUID
    kind: str
    effective_on: date
    decided_on: date | None
    instrument: str | None
    reason: str | None
    zugangsweg: str | None
    initiator: str | None
    from_: Cell | None
    to: Cell | None
    from_since: date | None
    alternative_on: date | None
    uebergang_on: date | None
    uebergang_from: Cell | None
    recorded_at: datetime


class CaseRegistered(msgspec.Struct, frozen=True):
    """A case exists; it is in no cell yet."""

    case_id: UUID
    case_version: int
    index: int
    of: int
    payer_mk: str
    residence_mk: str
    disability: str
    kombi: bool


class ProviderChanged(msgspec.Struct, frozen=True):
    """The present master data of a provider (a WfbM or anderer Leistungsanbieter); dates inclusive, null = open."""

    provider_id: UUID
    provider_version: int
    name: str
    kind: str
    mitgliedskoerperschaft: str
    valid_from: date
    valid_to: date | None
