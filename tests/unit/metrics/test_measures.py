"""Conditions and the measures that cover them, against every combination of values that can occur."""

import hashlib
from datetime import date
from itertools import combinations, product

import pytest

from services.metrics.domain.measures import (
    CONDITIONS,
    INSTRUMENTS,
    KINDS,
    MEASURES,
    PHASES,
    PHASES_WITH_PROVIDER,
    PLACES,
    Base,
    Condition,
    Measure,
    Moves,
    Stays,
    cover,
)
from services.metrics.domain.sums import Aggregate, Span, Term

CELLS = [
    (phase, place, kombi)
    for phase in PHASES
    for place in (PLACES if phase == "ARBEITSBEREICH" else (None,))
    for kombi in (True, False)
]
BEGINNINGS = [(None, None), *dict.fromkeys((phase, place) for phase, place, _ in CELLS)]
MOVEMENTS = [
    (kind, instrument, phase, place)
    for kind in KINDS
    for instrument in (INSTRUMENTS if kind == "UEBERGANG" else (None,))
    for phase, place in BEGINNINGS
    if kind != "UEBERGANG" or phase in PHASES_WITH_PROVIDER
]
FINGERPRINT = "dff74cdad36a"


def hits(condition: Condition) -> list[tuple[object, ...]]:
    """What a condition counts, of everything that can occur."""
    if isinstance(condition, Stays):
        return [cell for cell in CELLS if condition.matches(*cell)]
    return [moved for moved in MOVEMENTS if condition.matches(*moved)]


def base_of(condition: Condition) -> Base:
    """What a condition is added up as, durations apart."""
    return Base.STOCK if isinstance(condition, Stays) else Base.FLOW


def every_condition() -> list[Condition]:
    """Named ones, and what callers of stocks and flows can ask for (one of each attribute, or two)."""
    stays: list[Condition] = [
        Stays(frozenset(phases)) for number in (1, 2, 8) for phases in combinations(PHASES, number)
    ]
    stays += [
        Stays(frozenset({"ARBEITSBEREICH"}), None if place is None else frozenset({place}), kombi)
        for place, kombi in product((None, *PLACES), (None, True, False))
    ]
    moves: list[Condition] = [
        Moves(
            frozenset(kinds),
            None if instrument is None else frozenset({instrument}),
            None if phase is None else frozenset({phase}),
            None if place is None else frozenset({place}),
        )
        for kinds in (*combinations(KINDS, 1), ("ZUGANG_EV", "UEBERGANG"), KINDS)
        for instrument, phase, place in product((None, *INSTRUMENTS), (None, *PHASES), (None, *PLACES))
    ]
    return [*CONDITIONS.values(), *stays, *moves]


def test_a_cover_counts_exactly_what_its_condition_counts() -> None:
    covered = 0
    for condition in every_condition():
        measures = cover(base_of(condition), condition)
        if measures:
            covered += 1
            counted = [hit for measure in measures for hit in hits(measure.condition)]
            assert sorted(map(str, counted)) == sorted(map(str, hits(condition))), condition
    assert covered > 100


def test_every_named_condition_is_kept_as_running_sums() -> None:
    for name, condition in CONDITIONS.items():
        assert cover(base_of(condition), condition), name
        assert name.startswith("S:" if isinstance(condition, Stays) else "F:")
    assert cover(Base.DURATION, CONDITIONS["F:UEBERGANG_AUS_AB"])


@pytest.mark.parametrize(
    "condition",
    [
        Stays(frozenset({"ARBEITSBEREICH"}), frozenset({"INTERN"}), True),
        Stays(frozenset({"ARBEITSBEREICH"}), None, False),
        Stays(frozenset()),
        Moves(frozenset({"ABGANG"}), from_phases=frozenset({"EV"})),
        Moves(frozenset({"ABGANG"}), after_alternative=True),
        Moves(frozenset({"RUECKKEHR"}), uebergang_phases=frozenset({"EV"})),
    ],
)
def test_what_no_measures_add_up_to_is_left_to_the_movements(condition: Condition) -> None:
    assert cover(base_of(condition), condition) == ()


def test_a_late_zugang_is_no_part_of_all_zugaenge() -> None:
    late = CONDITIONS["F:SPAETZUGANG"]
    assert [measure.condition for measure in cover(Base.FLOW, late)] == [late]
    assert late not in [measure.condition for measure in cover(Base.FLOW, CONDITIONS["F:ZUGANG_EV_BBB"])]


def test_numbers_are_unique_and_fit_the_cube() -> None:
    numbers = [measure.number for measure in MEASURES]
    assert len(set(numbers)) == len(numbers)
    assert all(0 < number < 1000 for number in numbers)


def meaning(measure: Measure) -> tuple[object, ...]:
    """What a number in the cube stands for."""
    condition = measure.condition
    history: tuple[object, ...] = ()
    if isinstance(condition, Moves):
        history = (condition.after_alternative, sorted(condition.uebergang_phases or ()))
    return measure.number, measure.base.value, sorted(map(str, hits(condition))), history


def test_measures_have_not_changed_their_meaning() -> None:
    """What is in a cube was counted by these. Changed on purpose? A migration must empty the cube and its marks."""
    everything = repr([meaning(measure) for measure in MEASURES])
    assert hashlib.sha256(everything.encode()).hexdigest()[:12] == FINGERPRINT


def test_terms_refuse_what_has_no_meaning() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Term("S:EV", Aggregate.FLOW)
    with pytest.raises(ValueError, match="does not fit"):
        Term("F:ABGANG", Aggregate.PERSON_DAYS)
    with pytest.raises(KeyError):
        Term("S:NOWHERE", Aggregate.STOCK)

    with pytest.raises(ValueError, match="cohort"):
        Term("F:RUECKKEHR", Aggregate.DURATION, Span(date(2020, 1, 1), date(2020, 12, 31)))
