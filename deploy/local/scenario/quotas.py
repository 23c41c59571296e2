"""How many of what happen in which quarter in Westfalen-Lippe, in the model regions and in the rest.

Sums of 2020, 2021 and 2022-Q1 are the published ones where these do not contradict each other; single quarters and
the years around are invented so that they run on smoothly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from deploy.local.scenario.calendar import Quarter, quarters

MODELL = "modell"
BASIS = "basis"
GROUPS = (MODELL, BASIS)

FIRST = Quarter.of(2018, 1)
LAST = Quarter.of(2022, 2)
END_OF_2020 = date(2020, 12, 31)
END_OF_2021 = date(2021, 12, 31)
REPORT_DAY = date(2022, 3, 31)
"""The last day of 2022-Q1, to which the shares belong."""

Quota = Mapping[str, Mapping[Quarter, int]]


def _by_quarter(modell: str, basis: str) -> Quota:
    """18 numbers per group, from 2018-Q1 to 2022-Q2."""
    span = quarters(FIRST, LAST)
    told = {MODELL: modell.split(), BASIS: basis.split()}
    return {
        group: {quarter: int(number) for quarter, number in zip(span, numbers, strict=True)}
        for group, numbers in told.items()
    }


ZUGAENGE = _by_quarter(
    "60 68 96 86  62 70 98 88  62 70 98 86  66 72 102 88  64 70",
    "380 425 590 505  385 430 598 517  380 420 580 510  400 430 600 524  396 428",
)
"""Zugänge to EV and BBB: 644 and 3,844 in 2020 and 2021 together."""

SPAETZUGAENGE = _by_quarter(
    "0 0 0 0  0 0 0 0  0 1 0 0  1 0 1 0  1 0",
    "0 0 0 1  1 2 1 2  2 2 2 2  3 2 3 2  3 2",
)
"""How many of the Zugänge come from a Werkstattalternative: about one in ten of the Alternativen."""

ALTERNATIVEN = _by_quarter(
    "2 2 2 2  2 2 3 3  3 4 4 4  6 6 6 5  6 6",
    "12 12 13 13  14 15 15 16  18 17 21 22  23 24 25 23  24 24",
)
"""15 and 78 in 2020, 23 and 95 in 2021."""

UEBERGAENGE = _by_quarter(
    "2 3 2 3  3 3 4 3  4 4 4 5  7 8 9 9  6 6",
    "11 11 12 12  13 13 14 14  15 15 16 17  18 19 19 20  17 17",
)
"""From the Arbeitsbereich with a Budget für Arbeit: 17 and 63 in 2020, 33 and 76 in 2021, 6 and 17 in 2022-Q1."""

UEBERGAENGE_VON_AAP = _by_quarter(
    "1 1 1 1  1 2 2 1  4 4 4 5  3 3 3 4  2 2",
    "5 5 6 6  6 7 7 7  8 9 9 10  13 13 14 14  11 11",
)
"""How many of them from an ausgelagerter Arbeitsplatz: 17 (printed 18 of 17) and 36 in 2020, 13 and 54 in 2021."""

UEBERGAENGE_OHNE_BUDGET = _by_quarter(
    "0 1 0 1  0 1 0 1  0 1 0 1  0 1 0 1  0 1",
    "2 2 2 2  2 2 2 2  2 2 2 2  2 2 2 2  2 2",
)
UEBERGAENGE_IN_AUSBILDUNG = _by_quarter(
    "0 0 0 0  0 0 0 0  0 0 0 0  0 0 0 0  0 0",
    "0 0 1 0  0 0 1 0  0 0 1 0  0 0 1 0  0 0",
)

RUECKKEHREN = _by_quarter(
    "0 0 0 0  0 0 1 0  0 0 1 0  0 1 1 1  0 1",
    "0 0 1 1  2 1 1 1  2 2 2 3  2 2 2 2  3 2",
)
"""About one in ten of all Übergänge from the Arbeitsbereich."""


@dataclass(frozen=True, slots=True)
class Stocks:
    """Stocks of one group on 31 December 2021."""

    ev_bbb: int
    arbeitsbereich: int
    aap: int


STOCKS: Mapping[str, Stocks] = {
    MODELL: Stocks(ev_bbb=543, arbeitsbereich=6290, aap=386),
    BASIS: Stocks(ev_bbb=3460, arbeitsbereich=31000, aap=2215),
}

BUDGETS_2020 = 603
"""People with a Budget für Arbeit (§ 61 SGB IX) on 31 December 2020."""
ALTERNATIVEN_2020 = 307
"""People with a Werkstattalternative on 31 December 2020."""

ABGAENGE_PER_YEAR: Mapping[str, int] = {MODELL: 200, BASIS: 985}
"""How many people who were in the Arbeitsbereich at the end of 2017 leave it for good in each year since."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of a stock in per mille; the rest of a whole is KOERPERLICH."""

    geistig: int
    seelisch: int


WFBM_WL = Shares(681, 247)
WFBM_MODELL = Shares(684, 267)
BFA_WL = Shares(543, 379)
BFA_MODELL = Shares(568, 360)
"""568 is printed; 360 is not, and free."""

KOMBI_2020 = 525
KOMBI_MODELL_2022 = 507
KOMBI_JOINING = 600
"""Per mille: all in 2020-Q1, the model regions in 2022-Q1, and those who come later in the rest (53 % over all)."""
