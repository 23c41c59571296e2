"""Facts: what somebody recorded about a case. The timeline applies them in order."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.cases.domain.cell import Disability, Phase, Place


class Kind(StrEnum):
    """The kinds of facts, each with its rows in the rule table."""

    ZUGANG_EV = "ZUGANG_EV"
    ZUGANG_BBB = "ZUGANG_BBB"
    EINTRITT_BBB = "EINTRITT_BBB"
    ZUGANG_ARBEITSBEREICH = "ZUGANG_ARBEITSBEREICH"
    PLATZWECHSEL = "PLATZWECHSEL"
    ANBIETERWECHSEL = "ANBIETERWECHSEL"
    MERKMALSAENDERUNG = "MERKMALSAENDERUNG"
    UEBERGANG = "UEBERGANG"
    WERKSTATTALTERNATIVE = "WERKSTATTALTERNATIVE"
    FOERDERENDE = "FOERDERENDE"
    FOLGEFOERDERUNG = "FOLGEFOERDERUNG"
    RUECKKEHR = "RUECKKEHR"
    AUFNAHME_ZUVERDIENST = "AUFNAHME_ZUVERDIENST"
    ABGANG = "ABGANG"


class Instrument(StrEnum):
    """How an Übergang is supported."""

    BUDGET_FUER_ARBEIT = "BUDGET_FUER_ARBEIT"
    BUDGET_FUER_AUSBILDUNG = "BUDGET_FUER_AUSBILDUNG"
    OHNE_BUDGET = "OHNE_BUDGET"


class Reason(StrEnum):
    """Why an Arbeitsbereich begins without BBB (the first three), or why a path ends (the others)."""

    VORBESCHAEFTIGUNG = "VORBESCHAEFTIGUNG"
    AUFNAHME_VON_AUSSEN = "AUFNAHME_VON_AUSSEN"
    WIEDERAUFNAHME = "WIEDERAUFNAHME"
    RENTE = "RENTE"
    TOD = "TOD"
    KUENDIGUNG = "KUENDIGUNG"
    UMZUG = "UMZUG"
    TAGESSTRUKTUR = "TAGESSTRUKTUR"
    VERZICHT = "VERZICHT"
    SONSTIGE = "SONSTIGE"


class Zugangsweg(StrEnum):
    """Where a person came from."""

    FOERDERSCHULE = "FOERDERSCHULE"
    ALLGEMEINE_SCHULE = "ALLGEMEINE_SCHULE"
    ARBEITSLOSIGKEIT = "ARBEITSLOSIGKEIT"
    ANDERER_REHATRAEGER = "ANDERER_REHATRAEGER"
    AUSBILDUNG = "AUSBILDUNG"
    SONSTIGER = "SONSTIGER"


class Initiator(StrEnum):
    """Who brought an Abgang about."""

    PERSON = "PERSON"
    ANBIETER = "ANBIETER"
    TRAEGER = "TRAEGER"


@dataclass(frozen=True, slots=True)
class Fact:
    """One recorded fact. `None` = the attribute was not given, its default holds.

    `entry` is the running number of the first recording within the case, from 1, never changed or used again:
    facts of one day apply in its order. `imported` and `external_ref` (the book's own reference of the fact) tell
    an import which facts are its own; they change no movement.
    """

    fact_id: UUID
    entry: int
    kind: Kind
    effective_on: date
    decided_on: date | None = None
    provider_id: UUID | None = None
    place: Place | None = None
    instrument: Instrument | None = None
    reason: Reason | None = None
    zugangsweg: Zugangsweg | None = None
    initiator: Initiator | None = None
    to_phase: Phase | None = None
    payer_mk: str | None = None
    residence_mk: str | None = None
    disability: Disability | None = None
    kombi: bool | None = None
    imported: bool = False
    external_ref: str | None = None


ATTRIBUTES = (
    "decided_on",
    "provider_id",
    "place",
    "instrument",
    "reason",
    "zugangsweg",
    "initiator",
    "to_phase",
    "payer_mk",
    "residence_mk",
    "disability",
    "kombi",
)
"""The attributes a fact may set, beside `kind` and `effective_on`."""

PERSON_ATTRIBUTES = ("payer_mk", "residence_mk", "disability", "kombi")
"""The attributes of the person: only on facts that start from no cell, and on `MERKMALSAENDERUNG`."""

AMENDABLE = frozenset({"effective_on", *ATTRIBUTES})
"""What a merge patch may name; `kind` never changes."""
