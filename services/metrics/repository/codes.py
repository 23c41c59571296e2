"""How categories stand in the tables: small numbers, by their place in the lists of `domain.measures`, from 1.

The numbers are stored: a list may grow at its end and never change otherwise.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from services.metrics.domain.measures import DISABILITIES, INSTRUMENTS, KINDS, PHASES, PLACES
from services.metrics.domain.sums import Attribution
from shared.contracts import cases_v1
from shared.kernel.mitgliedskoerperschaften import BY_AGS, OUTSIDE, Traeger


def _numbered(names: Sequence[str]) -> Mapping[str, int]:
    return MappingProxyType({name: number for number, name in enumerate(names, 1)})


PHASE = _numbered(PHASES)
PLACE = _numbered(PLACES)
INSTRUMENT = _numbered(INSTRUMENTS)
DISABILITY = _numbered(DISABILITIES)
KIND = _numbered(KINDS)
PROVIDER_KIND = _numbered(("WFBM", "ANDERER_LEISTUNGSANBIETER"))
SOURCE = _numbered((cases_v1.SOURCE, "/budgets"))
TRAEGER = _numbered([traeger.value for traeger in Traeger])
AGS: Mapping[str, int] = MappingProxyType({ags: int(ags) for ags in (*BY_AGS, OUTSIDE)})
ATTRIBUTION: Mapping[Attribution, int] = MappingProxyType(
    {Attribution.PROVIDER: 1, Attribution.PAYER: 2, Attribution.RESIDENCE: 3}
)

BOTH_BASES = 0
EFFECTIVE_ONLY = 1
DECIDED_ONLY = 2
"""`cube.basis`: a flow whose two dates fall in one month is one row for both date bases, else one row for each."""

NO_COHORT = 0
"""`cube.cohort_month` where the measure has no Übergang behind it."""

MONTHS = 1
YEARS = 2
MONTHS_BY_MONTH = 3
YEARS_BY_YEAR = 4
"""`cube.level`: sums of a month or a whole year over everything ever recorded, and the same apart by the month or
year in which it was recorded. A year stands under January; where the recording does not matter, its month is 0."""

ALWAYS = 0
"""`cube.recorded_month` of the levels MONTHS and YEARS."""


def ags_name(number: int) -> str:
    """The AGS of a stored number, with its leading zero."""
    return f"{number:05}"


def name_of(numbers: Mapping[str, int], number: int) -> str:
    """The category behind a stored number."""
    return list(numbers)[number - 1]
