"""Where a person is on a day: the cell, and what a registration says of a person before the first movement."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Phase(StrEnum):
    """The phases of Teilhabe am Arbeitsleben that are told apart."""

    EV = "EV"
    BBB = "BBB"
    ARBEITSBEREICH = "ARBEITSBEREICH"
    BUDGET_FUER_ARBEIT = "BUDGET_FUER_ARBEIT"
    BUDGET_FUER_AUSBILDUNG = "BUDGET_FUER_AUSBILDUNG"
    WERKSTATTALTERNATIVE = "WERKSTATTALTERNATIVE"
    ALLGEMEINER_ARBEITSMARKT = "ALLGEMEINER_ARBEITSMARKT"
    ZUVERDIENST = "ZUVERDIENST"


class Place(StrEnum):
    """Where the work of the Arbeitsbereich is done (§ 219 Abs. 1 SGB IX); AAP = ausgelagerter Arbeitsplatz."""

    INTERN = "INTERN"
    AAP_EINZEL = "AAP_EINZEL"
    AAP_GRUPPE = "AAP_GRUPPE"


class Disability(StrEnum):
    """The primary kind of disability."""

    GEISTIG = "GEISTIG"
    KOERPERLICH = "KOERPERLICH"
    SEELISCH = "SEELISCH"


WERKSTATT_PHASES = frozenset({Phase.EV, Phase.BBB, Phase.ARBEITSBEREICH})
"""The phases at a WfbM or anderer Leistungsanbieter: they have a provider, the others never."""

JOB_PHASES = frozenset({Phase.BUDGET_FUER_ARBEIT, Phase.BUDGET_FUER_AUSBILDUNG, Phase.ALLGEMEINER_ARBEITSMARKT})
"""The phases the right to return of § 220 Abs. 3 SGB IX looks at."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Phase, provider and the person's own attributes on a day. A person who is in no cell has `None` instead.

    `payer_mk` is the AGS of the Mitgliedskörperschaft responsible by § 98 SGB IX, `residence_mk` that of the
    residence; `kombi` means Soziale Teilhabe in parallel.
    """

    phase: Phase
    provider_id: UUID | None
    provider_mk: str | None
    place: Place | None
    payer_mk: str
    residence_mk: str
    disability: Disability
    kombi: bool


@dataclass(frozen=True, slots=True)
class Registration:
    """The attributes a case was registered with: the defaults of its first movement."""

    payer_mk: str
    residence_mk: str
    disability: Disability
    kombi: bool
