"""What is counted, as data: conditions on stays and movements, and the measures that are kept as running sums.

A key figure asks for a *condition* (by a name of `CONDITIONS`, or one of its own). A *measure* is a condition whose
sums are kept in the cube. A condition that is a disjoint union of measures is answered from the cube, every other one
from the movements: same sums, only slower (`cover` decides). Basis: `docs/decisions/measures-and-cube.md`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

Atom = tuple[str | None, ...]

PHASES = (
    "EV",
    "BBB",
    "ARBEITSBEREICH",
    "BUDGET_FUER_ARBEIT",
    "BUDGET_FUER_AUSBILDUNG",
    "WERKSTATTALTERNATIVE",
    "ALLGEMEINER_ARBEITSMARKT",
    "ZUVERDIENST",
)
PHASES_WITH_PROVIDER = ("EV", "BBB", "ARBEITSBEREICH")
PLACES = ("INTERN", "AAP_EINZEL", "AAP_GRUPPE")
INSTRUMENTS = ("BUDGET_FUER_ARBEIT", "BUDGET_FUER_AUSBILDUNG", "OHNE_BUDGET")
DISABILITIES = ("GEISTIG", "KOERPERLICH", "SEELISCH")
KINDS = (
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

_AB = "ARBEITSBEREICH"


@dataclass(frozen=True, slots=True)
class Stays:
    """Which cells count as stock. None = no restriction; a place exists only in ARBEITSBEREICH."""

    phases: frozenset[str]
    places: frozenset[str] | None = None
    kombi: bool | None = None

    def matches(self, phase: str, place: str | None, kombi: bool) -> bool:
        """Whether a cell of these values counts."""
        return (
            phase in self.phases
            and (self.places is None or place in self.places)
            and (self.kombi is None or kombi is self.kombi)
        )


@dataclass(frozen=True, slots=True)
class Moves:
    """Which movements count as flow. None = no restriction.

    `after_alternative`: only a first Zugang after a WERKSTATTALTERNATIVE ("Späterzugang"). `uebergang_phases`: only a
    RUECKKEHR whose Übergang began there; it is then attributed like that Übergang, not by its own cells.
    """

    kinds: frozenset[str]
    instruments: frozenset[str] | None = None
    from_phases: frozenset[str] | None = None
    from_places: frozenset[str] | None = None
    after_alternative: bool = False
    uebergang_phases: frozenset[str] | None = None

    def matches(self, kind: str, instrument: str | None, phase: str | None, place: str | None) -> bool:
        """Whether a movement of this kind and instrument that begins in such a cell counts, history apart."""
        return (
            kind in self.kinds
            and (self.instruments is None or instrument in self.instruments)
            and (self.from_phases is None or phase in self.from_phases)
            and (self.from_places is None or place in self.from_places)
        )


Condition = Stays | Moves


class Base(StrEnum):
    """What a measure adds up: +1 and -1 of entering and leaving cells, movements, or days in the phase they end."""

    STOCK = "STOCK"
    FLOW = "FLOW"
    DURATION = "DURATION"


@dataclass(frozen=True, slots=True)
class Measure:
    """A condition whose sums are kept. `number` stands in the cube: never give it another meaning."""

    number: int
    base: Base
    condition: Condition


def _stays(*phases: str, places: Sequence[str] | None = None, kombi: bool | None = None) -> Stays:
    return Stays(frozenset(phases), None if places is None else frozenset(places), kombi)


def _moves(*kinds: str, instrument: str | None = None, phase: str | None = None, place: str | None = None) -> Moves:
    return Moves(
        frozenset(kinds),
        None if instrument is None else frozenset((instrument,)),
        None if phase is None else frozenset((phase,)),
        None if place is None else frozenset((place,)),
    )


_SPAETZUGANG = Moves(frozenset(("ZUGANG_EV", "ZUGANG_BBB")), after_alternative=True)
_RUECKKEHR_NACH_AB = Moves(frozenset(("RUECKKEHR",)), uebergang_phases=frozenset((_AB,)))
_UEBERGANG_AUS_AB = _moves("UEBERGANG", phase=_AB)
_BFA = "BUDGET_FUER_ARBEIT"

CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {
        **{f"S:{phase}": _stays(phase) for phase in PHASES},
        **{f"S:{place}": _stays(_AB, places=(place,)) for place in PLACES},
        "S:EV_BBB": _stays("EV", "BBB"),
        "S:AAP": _stays(_AB, places=("AAP_EINZEL", "AAP_GRUPPE")),
        "S:KOMBI": _stays(_AB, kombi=True),
        "S:BFA": _stays(_BFA, "WERKSTATTALTERNATIVE"),
        **{f"F:{kind}": _moves(kind) for kind in KINDS},
        "F:ZUGANG_EV_BBB": _moves("ZUGANG_EV", "ZUGANG_BBB"),
        "F:SPAETZUGANG": _SPAETZUGANG,
        "F:UEBERGANG_AUS_AB": _UEBERGANG_AUS_AB,
        "F:UEBERGANG_BFA_AUS_AB": _moves("UEBERGANG", instrument=_BFA, phase=_AB),
        "F:UEBERGANG_BFA_AUS_INTERN": _moves("UEBERGANG", instrument=_BFA, phase=_AB, place="INTERN"),
        "F:UEBERGANG_BFA_AUS_AAP": Moves(
            frozenset(("UEBERGANG",)), frozenset((_BFA,)), frozenset((_AB,)), frozenset(("AAP_EINZEL", "AAP_GRUPPE"))
        ),
        "F:RUECKKEHR_NACH_UEBERGANG_AUS_AB": _RUECKKEHR_NACH_AB,
    }
)
"""The conditions that key figures name: `S:` stays (stock, person-days), `F:` movements (flow, duration)."""

_UEBERGANG_FROM = (("EV", None), ("BBB", None), *((_AB, place) for place in PLACES))
_OTHER_FROM = (
    (None, None),
    *_UEBERGANG_FROM,
    *((phase, None) for phase in PHASES if phase not in PHASES_WITH_PROVIDER),
)


def _measures() -> Iterator[Measure]:
    for number, phase in enumerate(PHASES, 1):
        yield Measure(number, Base.STOCK, _stays(phase))
    for number, place in enumerate(PLACES, 11):
        yield Measure(number, Base.STOCK, _stays(_AB, places=(place,)))
    yield Measure(21, Base.STOCK, _stays(_AB, kombi=True))
    for number, kind in enumerate(KINDS, 101):
        if kind != "UEBERGANG":
            yield Measure(number, Base.FLOW, _moves(kind))
    for tens, instrument in enumerate(INSTRUMENTS, 12):
        for number, (phase, at) in enumerate(_UEBERGANG_FROM, tens * 10):
            yield Measure(number, Base.FLOW, _moves("UEBERGANG", instrument=instrument, phase=phase, place=at))
    yield Measure(151, Base.FLOW, _SPAETZUGANG)
    yield Measure(152, Base.FLOW, _RUECKKEHR_NACH_AB)
    yield Measure(201, Base.DURATION, _UEBERGANG_AUS_AB)


MEASURES: tuple[Measure, ...] = tuple(_measures())
"""Everything that is kept. Whoever changes this empties the cube in a migration, so that it is computed anew."""


@lru_cache(maxsize=1024)
def cover(base: Base, condition: Condition) -> tuple[Measure, ...]:
    """The disjoint measures whose sums add up to those of a condition; empty where there are none."""
    wanted = _atoms(condition)
    chosen: list[Measure] = []
    candidates = (
        measure for measure in MEASURES if measure.base is base and _comparable(measure.condition, condition)
    )
    for measure in sorted(candidates, key=lambda measure: -len(_atoms(measure.condition))):
        atoms = _atoms(measure.condition)
        if atoms <= wanted:
            chosen.append(measure)
            wanted -= atoms
    return () if wanted else tuple(chosen)


def _comparable(one: Condition, other: Condition) -> bool:
    """Conditions on the history before a movement are not taken apart: they are the same or strangers."""
    if isinstance(one, Stays) or isinstance(other, Stays):
        return type(one) is type(other)
    return one.after_alternative == other.after_alternative and one.uebergang_phases == other.uebergang_phases


@lru_cache(maxsize=1024)
def _atoms(condition: Condition) -> frozenset[Atom]:
    """Every combination of values that counts, of those that can occur (movements §1-2)."""
    if isinstance(condition, Stays):
        return frozenset(
            (phase, place, str(kombi))
            for phase in PHASES
            for place in (PLACES if phase == _AB else (None,))
            for kombi in (True, False)
            if condition.matches(phase, place, kombi)
        )
    return frozenset(
        (kind, instrument, phase, place)
        for kind in KINDS
        for instrument in (INSTRUMENTS if kind == "UEBERGANG" else (None,))
        for phase, place in (_UEBERGANG_FROM if kind == "UEBERGANG" else _OTHER_FROM)
        if condition.matches(kind, instrument, phase, place)
    )
