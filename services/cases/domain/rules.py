"""The rule table: from which phase which kind of fact leads where, under which conditions and on what legal basis.

The table is the only place that knows what is legal; everything that asks (`timeline`, `allowed_kinds`, the page
`docs/rule-table.md`) reads it. §§ without a law are those of the SGB IX.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from services.cases.domain.cell import JOB_PHASES, WERKSTATT_PHASES, Phase
from services.cases.domain.facts import Instrument, Kind, Reason


class Past(StrEnum):
    """What may have happened before in a timeline. Cells of zero days count."""

    WERKSTATT = "WERKSTATT"  # once in EV, BBB or ARBEITSBEREICH
    ARBEITSBEREICH = "ARBEITSBEREICH"  # once in ARBEITSBEREICH
    UEBERGANG = "UEBERGANG"  # an Übergang went before
    UEBERGANG_FROM_EV_BBB = "UEBERGANG_FROM_EV_BBB"  # the last Übergang came from EV or BBB
    RUECKKEHR_OPEN = "RUECKKEHR_OPEN"  # an Übergang went before and the last Abgang left a job
    TOD = "TOD"  # the person has died


PAST_BITS: Mapping[Past, int] = MappingProxyType({past: 1 << place for place, past in enumerate(Past)})


@dataclass(frozen=True, slots=True)
class Condition:
    """What the past must contain (`present`) or must not contain."""

    past: Past
    present: bool
    text: str


NO_UEBERGANG = Condition(Past.UEBERGANG, False, "no Übergang went before (else RUECKKEHR)")
UEBERGANG_BEFORE = Condition(Past.UEBERGANG, True, "an Übergang went before")
FROM_EV_OR_BBB = Condition(Past.UEBERGANG_FROM_EV_BBB, True, "the last Übergang came from EV or BBB")
ONCE_IN_ARBEITSBEREICH = Condition(Past.ARBEITSBEREICH, True, "once in ARBEITSBEREICH")
NEVER_IN_WERKSTATT = Condition(Past.WERKSTATT, False, "never in EV, BBB, ARBEITSBEREICH before")
RUECKKEHR_OPEN = Condition(
    Past.RUECKKEHR_OPEN, True, "an Übergang went before and the last Abgang left a job (with or without budget)"
)
NO_RUECKKEHR_OPEN = Condition(Past.RUECKKEHR_OPEN, False, "RUECKKEHR is not possible")


class Target(StrEnum):
    """Where a row leads when it is not one phase."""

    SAME = "SAME"
    NONE = "NONE"


class ProviderRule(StrEnum):
    """Which provider the new cell has."""

    NONE = "NONE"  # the phase has none, or the row keeps it
    NAMED = "NAMED"  # the fact must name it
    NAMED_OR_PRESENT = "NAMED_OR_PRESENT"  # the present one unless the fact names another
    OTHER = "OTHER"  # the fact must name another than the present one


class PlaceRule(StrEnum):
    """Which place of work the new cell has; it exists in `ARBEITSBEREICH` only."""

    NONE = "NONE"  # no place may be given; the cell has none, or keeps it
    INTERN = "INTERN"  # INTERN unless the fact says otherwise
    OTHER = "OTHER"  # the fact must name another than the present one


Selector = Reason | Instrument | Phase | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `sources`: the phases it starts from, `None` = no cell. `selectors`: the values its deciding attribute
    (`SELECTOR_OF`) must have, `None` = not given."""

    kind: Kind
    sources: tuple[Phase | None, ...]
    target: Phase | Target
    basis: str
    selectors: tuple[Selector, ...] = (None,)
    conditions: tuple[Condition, ...] = ()
    provider: ProviderRule = ProviderRule.NONE
    place: PlaceRule = PlaceRule.NONE


SELECTOR_OF: Mapping[Kind, str] = MappingProxyType(
    {Kind.ZUGANG_ARBEITSBEREICH: "reason", Kind.UEBERGANG: "instrument", Kind.RUECKKEHR: "to_phase"}
)
"""The attribute that chooses between the rows of a kind."""

_WERKSTATT = (Phase.EV, Phase.BBB, Phase.ARBEITSBEREICH)
_JOBS = (Phase.BUDGET_FUER_ARBEIT, Phase.BUDGET_FUER_AUSBILDUNG, Phase.ALLGEMEINER_ARBEITSMARKT)
_ALTERNATIVE_JOBS = (Phase.BUDGET_FUER_ARBEIT, Phase.ALLGEMEINER_ARBEITSMARKT)
_OUTSIDE = (None, Phase.WERKSTATTALTERNATIVE, Phase.ZUVERDIENST)
_TO_ARBEITSBEREICH: tuple[Selector, ...] = (None, Phase.ARBEITSBEREICH)
_TO_BBB: tuple[Selector, ...] = (Phase.BBB,)

assert frozenset(_WERKSTATT) == WERKSTATT_PHASES
assert frozenset(_JOBS) == JOB_PHASES

RULES: tuple[Rule, ...] = (
    Rule(Kind.ZUGANG_EV, _OUTSIDE, Phase.EV, "§ 57 Abs. 1 Nr. 1, § 3 WVO", provider=ProviderRule.NAMED),
    Rule(
        Kind.ZUGANG_EV, _ALTERNATIVE_JOBS, Phase.EV, "§ 57 Abs. 1 Nr. 1, § 3 WVO",
        conditions=(NO_UEBERGANG,), provider=ProviderRule.NAMED,
    ),
    Rule(Kind.ZUGANG_BBB, _OUTSIDE, Phase.BBB, "§ 57 Abs. 1 Nr. 2, § 4 WVO", provider=ProviderRule.NAMED),
    Rule(
        Kind.ZUGANG_BBB, _ALTERNATIVE_JOBS, Phase.BBB, "§ 57 Abs. 1 Nr. 2, § 4 WVO",
        conditions=(NO_UEBERGANG,), provider=ProviderRule.NAMED,
    ),
    Rule(
        Kind.EINTRITT_BBB, (Phase.EV,), Phase.BBB, "§ 57 Abs. 3, § 4 WVO",
        provider=ProviderRule.NAMED_OR_PRESENT,
    ),
    Rule(
        Kind.ZUGANG_ARBEITSBEREICH, (Phase.BBB,), Phase.ARBEITSBEREICH, "§ 58 Abs. 1, § 5 WVO",
        provider=ProviderRule.NAMED_OR_PRESENT, place=PlaceRule.INTERN,
    ),
    Rule(
        Kind.ZUGANG_ARBEITSBEREICH, (Phase.EV,), Phase.ARBEITSBEREICH, "§ 58 Abs. 1 Satz 2",
        selectors=(Reason.VORBESCHAEFTIGUNG,),
        provider=ProviderRule.NAMED_OR_PRESENT, place=PlaceRule.INTERN,
    ),
    Rule(
        Kind.ZUGANG_ARBEITSBEREICH, (None,), Phase.ARBEITSBEREICH, "§ 58 Abs. 1 Satz 2",
        selectors=(Reason.VORBESCHAEFTIGUNG,), conditions=(NO_RUECKKEHR_OPEN,),
        provider=ProviderRule.NAMED, place=PlaceRule.INTERN,
    ),
    Rule(
        Kind.ZUGANG_ARBEITSBEREICH, (None,), Phase.ARBEITSBEREICH, "§ 58, § 98, § 104",
        selectors=(Reason.AUFNAHME_VON_AUSSEN,), conditions=(NO_RUECKKEHR_OPEN,),
        provider=ProviderRule.NAMED, place=PlaceRule.INTERN,
    ),
    Rule(
        Kind.ZUGANG_ARBEITSBEREICH, (None,), Phase.ARBEITSBEREICH, "§ 58, § 220 Abs. 1",
        selectors=(Reason.WIEDERAUFNAHME,), conditions=(ONCE_IN_ARBEITSBEREICH, NO_RUECKKEHR_OPEN),
        provider=ProviderRule.NAMED, place=PlaceRule.INTERN,
    ),
    Rule(
        Kind.ZUGANG_ARBEITSBEREICH, (Phase.ZUVERDIENST,), Phase.ARBEITSBEREICH, "§ 58, § 220 Abs. 1",
        selectors=(Reason.WIEDERAUFNAHME,), conditions=(ONCE_IN_ARBEITSBEREICH,),
        provider=ProviderRule.NAMED, place=PlaceRule.INTERN,
    ),
    Rule(
        Kind.PLATZWECHSEL, (Phase.ARBEITSBEREICH,), Target.SAME, "§ 219 Abs. 1 Satz 5 und 6",
        place=PlaceRule.OTHER,
    ),
    Rule(
        Kind.ANBIETERWECHSEL, (Phase.EV, Phase.BBB), Target.SAME, "§ 60, § 62, § 104",
        provider=ProviderRule.OTHER,
    ),
    Rule(
        Kind.ANBIETERWECHSEL, (Phase.ARBEITSBEREICH,), Target.SAME, "§ 60, § 62, § 104, § 220 Abs. 1",
        provider=ProviderRule.OTHER, place=PlaceRule.INTERN,
    ),
    Rule(Kind.MERKMALSAENDERUNG, tuple(Phase), Target.SAME, "§ 98, § 113"),
    Rule(
        Kind.UEBERGANG, _WERKSTATT, Phase.BUDGET_FUER_ARBEIT, "§ 61, § 63 Abs. 3",
        selectors=(Instrument.BUDGET_FUER_ARBEIT,),
    ),
    Rule(
        Kind.UEBERGANG, _WERKSTATT, Phase.BUDGET_FUER_AUSBILDUNG, "§ 61a, § 63 Abs. 3",
        selectors=(Instrument.BUDGET_FUER_AUSBILDUNG,),
    ),
    Rule(
        Kind.UEBERGANG, _WERKSTATT, Phase.ALLGEMEINER_ARBEITSMARKT, "§ 219 Abs. 1 Satz 3",
        selectors=(Instrument.OHNE_BUDGET,),
    ),
    Rule(
        Kind.WERKSTATTALTERNATIVE, (None, Phase.ZUVERDIENST), Phase.WERKSTATTALTERNATIVE,
        "§ 185; LWL-Richtlinien Teil II, LVR aktion inklusion Teil II", conditions=(NEVER_IN_WERKSTATT,),
    ),
    Rule(
        Kind.FOERDERENDE,
        (Phase.BUDGET_FUER_ARBEIT, Phase.BUDGET_FUER_AUSBILDUNG, Phase.WERKSTATTALTERNATIVE),
        Phase.ALLGEMEINER_ARBEITSMARKT, "§ 61, § 61a, § 185",
    ),
    Rule(
        Kind.FOLGEFOERDERUNG, (Phase.BUDGET_FUER_AUSBILDUNG, Phase.ALLGEMEINER_ARBEITSMARKT),
        Phase.BUDGET_FUER_ARBEIT, "§ 61",
    ),
    Rule(
        Kind.RUECKKEHR, _JOBS, Phase.ARBEITSBEREICH, "§ 220 Abs. 3", selectors=_TO_ARBEITSBEREICH,
        conditions=(UEBERGANG_BEFORE,), provider=ProviderRule.NAMED, place=PlaceRule.INTERN,
    ),
    Rule(
        Kind.RUECKKEHR, _JOBS, Phase.BBB, "§ 220 Abs. 3", selectors=_TO_BBB,
        conditions=(UEBERGANG_BEFORE, FROM_EV_OR_BBB), provider=ProviderRule.NAMED,
    ),
    Rule(
        Kind.RUECKKEHR, (None,), Phase.ARBEITSBEREICH, "§ 220 Abs. 3", selectors=_TO_ARBEITSBEREICH,
        conditions=(RUECKKEHR_OPEN,), provider=ProviderRule.NAMED, place=PlaceRule.INTERN,
    ),
    Rule(
        Kind.RUECKKEHR, (None,), Phase.BBB, "§ 220 Abs. 3", selectors=_TO_BBB,
        conditions=(RUECKKEHR_OPEN, FROM_EV_OR_BBB), provider=ProviderRule.NAMED,
    ),
    Rule(Kind.AUFNAHME_ZUVERDIENST, (None, Phase.ARBEITSBEREICH), Phase.ZUVERDIENST, "§ 113"),
    Rule(Kind.ABGANG, tuple(Phase), Target.NONE, "§ 58 Abs. 1 Satz 3, § 220 Abs. 2, § 221 Abs. 6 und 7"),
)  # fmt: skip
"""All rows. A pair of kind and phase without a row is refused; after an Abgang by death everything is."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A row with its conditions as bits: all of `needs` and none of `forbids` must be in the past."""

    rule: Rule
    needs: int
    forbids: int


def _compile() -> Mapping[Kind, Mapping[Phase | None, Mapping[Selector, CompiledRule]]]:
    index: dict[Kind, dict[Phase | None, dict[Selector, CompiledRule]]] = {kind: {} for kind in Kind}
    for rule in RULES:
        needs = sum(PAST_BITS[condition.past] for condition in rule.conditions if condition.present)
        forbids = sum(PAST_BITS[condition.past] for condition in rule.conditions if not condition.present)
        for source in rule.sources:
            for selector in rule.selectors:
                row = index[rule.kind].setdefault(source, {})
                assert selector not in row, "two rows for one kind, phase and selector"
                row[selector] = CompiledRule(rule, needs, forbids)
    return index


RULE_INDEX = _compile()
"""Kind -> phase it starts from -> value of the deciding attribute -> row."""


def allowed_kinds(phase: Phase | None, past: int) -> tuple[Kind, ...]:
    """The kinds that some attributes would make legal from this phase with this past (bits of `PAST_BITS`)."""
    if past & PAST_BITS[Past.TOD]:
        return ()
    return tuple(
        kind
        for kind in Kind
        if any(
            past & row.needs == row.needs and not past & row.forbids
            for row in RULE_INDEX[kind].get(phase, {}).values()
        )
    )
