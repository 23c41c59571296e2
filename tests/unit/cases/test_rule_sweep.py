"""Every kind from every reachable situation with every deciding attribute, against the table of the design.

`EXPECTED` is written by hand from the law and the specification, not derived from the rule table.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

import pytest

from services.cases.domain.cell import Phase, Place
from services.cases.domain.commands import Add, History, decide
from services.cases.domain.errors import TimelineError
from services.cases.domain.facts import Fact, Instrument, Kind, Reason
from services.cases.domain.movement import Movement
from tests.unit.cases.story import BETHEL, IBBENBUEREN, NOW, PROVIDERS, TODAY, Story, fact

DECIDED = date(2020, 1, 1)


@dataclass(frozen=True)
class Situation:
    """What the rules may look at: the phase, and what happened before."""

    phase: str | None
    werkstatt: bool
    arbeitsbereich: bool
    uebergang_from: str | None
    abgang_left: str | None
    dead: bool


JOBS = {"BUDGET_FUER_ARBEIT", "BUDGET_FUER_AUSBILDUNG", "ALLGEMEINER_ARBEITSMARKT"}
EV_BBB_AB = {"EV", "BBB", "ARBEITSBEREICH"}


def situation_of(movements: Sequence[Movement]) -> Situation:
    phases = [movement.to.phase.value for movement in movements if movement.to]
    crossings = [
        movement.from_.phase.value for movement in movements if movement.kind == "UEBERGANG" and movement.from_
    ]
    exits = [movement.from_.phase.value for movement in movements if movement.kind == "ABGANG" and movement.from_]
    here = movements[-1].to if movements else None
    return Situation(
        here.phase.value if here else None,
        bool(EV_BBB_AB & set(phases)),
        "ARBEITSBEREICH" in phases,
        crossings[-1] if crossings else None,
        exits[-1] if exits and here is None else None,
        any(movement.reason == "TOD" for movement in movements),
    )


def right_to_return(s: Situation) -> bool:
    return s.uebergang_from is not None and s.abgang_left in JOBS


def always(_: Situation) -> bool:
    return True


def no_uebergang(s: Situation) -> bool:
    return s.uebergang_from is None


Condition = Callable[[Situation], bool]
Row = tuple[str, str | None, Set[str | None], Condition, str]
ROWS: Sequence[Row] = [
    # kind, deciding value, phases it starts from (None = no cell), condition, phase it leads to
    ("ZUGANG_EV", None, {None, "WERKSTATTALTERNATIVE", "ZUVERDIENST"}, always, "EV"),
    ("ZUGANG_EV", None, {"BUDGET_FUER_ARBEIT", "ALLGEMEINER_ARBEITSMARKT"}, no_uebergang, "EV"),
    ("ZUGANG_BBB", None, {None, "WERKSTATTALTERNATIVE", "ZUVERDIENST"}, always, "BBB"),
    ("ZUGANG_BBB", None, {"BUDGET_FUER_ARBEIT", "ALLGEMEINER_ARBEITSMARKT"}, no_uebergang, "BBB"),
    ("EINTRITT_BBB", None, {"EV"}, always, "BBB"),
    ("ZUGANG_ARBEITSBEREICH", None, {"BBB"}, always, "ARBEITSBEREICH"),
    ("ZUGANG_ARBEITSBEREICH", "VORBESCHAEFTIGUNG", {"EV"}, always, "ARBEITSBEREICH"),
    ("ZUGANG_ARBEITSBEREICH", "VORBESCHAEFTIGUNG", {None}, lambda s: not right_to_return(s), "ARBEITSBEREICH"),
    ("ZUGANG_ARBEITSBEREICH", "AUFNAHME_VON_AUSSEN", {None}, lambda s: not right_to_return(s), "ARBEITSBEREICH"),
    (
        "ZUGANG_ARBEITSBEREICH", "WIEDERAUFNAHME", {None},
        lambda s: s.arbeitsbereich and not right_to_return(s), "ARBEITSBEREICH",
    ),
    ("ZUGANG_ARBEITSBEREICH", "WIEDERAUFNAHME", {"ZUVERDIENST"}, lambda s: s.arbeitsbereich, "ARBEITSBEREICH"),
    ("PLATZWECHSEL", None, {"ARBEITSBEREICH"}, always, "ARBEITSBEREICH"),
    ("ANBIETERWECHSEL", None, {"EV"}, always, "EV"),
    ("ANBIETERWECHSEL", None, {"BBB"}, always, "BBB"),
    ("ANBIETERWECHSEL", None, {"ARBEITSBEREICH"}, always, "ARBEITSBEREICH"),
    *[("MERKMALSAENDERUNG", None, {phase.value}, always, phase.value) for phase in Phase],
    ("UEBERGANG", "BUDGET_FUER_ARBEIT", {"EV", "BBB", "ARBEITSBEREICH"}, always, "BUDGET_FUER_ARBEIT"),
    ("UEBERGANG", "BUDGET_FUER_AUSBILDUNG", {"EV", "BBB", "ARBEITSBEREICH"}, always, "BUDGET_FUER_AUSBILDUNG"),
    ("UEBERGANG", "OHNE_BUDGET", {"EV", "BBB", "ARBEITSBEREICH"}, always, "ALLGEMEINER_ARBEITSMARKT"),
    ("WERKSTATTALTERNATIVE", None, {None, "ZUVERDIENST"}, lambda s: not s.werkstatt, "WERKSTATTALTERNATIVE"),
    (
        "FOERDERENDE", None, {"BUDGET_FUER_ARBEIT", "BUDGET_FUER_AUSBILDUNG", "WERKSTATTALTERNATIVE"}, always,
        "ALLGEMEINER_ARBEITSMARKT",
    ),
    (
        "FOLGEFOERDERUNG", None, {"BUDGET_FUER_AUSBILDUNG", "ALLGEMEINER_ARBEITSMARKT"}, always,
        "BUDGET_FUER_ARBEIT",
    ),
    *[
        ("RUECKKEHR", value, {*JOBS}, lambda s: s.uebergang_from is not None, "ARBEITSBEREICH")
        for value in (None, "ARBEITSBEREICH")
    ],
    ("RUECKKEHR", "BBB", {*JOBS}, lambda s: s.uebergang_from in ("EV", "BBB"), "BBB"),
    *[("RUECKKEHR", value, {None}, right_to_return, "ARBEITSBEREICH") for value in (None, "ARBEITSBEREICH")],
    ("RUECKKEHR", "BBB", {None}, lambda s: right_to_return(s) and s.uebergang_from in ("EV", "BBB"), "BBB"),
    ("AUFNAHME_ZUVERDIENST", None, {None, "ARBEITSBEREICH"}, always, "ZUVERDIENST"),
    *[("ABGANG", None, {phase.value}, always, "NONE") for phase in Phase],
]  # fmt: skip

NEEDS_PROVIDER_HERE = {("ZUGANG_ARBEITSBEREICH", None), ("ZUGANG_ARBEITSBEREICH", "ZUVERDIENST")}
"""Kind and phase where `provider_id` is missing only because of the phase: 409."""
NO_PLACE_HERE = {("ANBIETERWECHSEL", "EV"), ("ANBIETERWECHSEL", "BBB")}


def expected(kind: str, value: str | None, s: Situation) -> str | None:
    """The phase a fact leads to, `NONE` for no cell, or `None` if it is refused."""
    if s.dead:
        return None
    found = {row[4] for row in ROWS if row[0] == kind and row[1] == value and s.phase in row[2] and row[3](s)}
    assert len(found) <= 1
    return found.pop() if found else None


def expected_allowed(s: Situation) -> set[str]:
    return {row[0] for row in ROWS if not s.dead and s.phase in row[2] and row[3](s)}


@dataclass(frozen=True)
class Variant:
    kind: Kind
    value: str | None
    given: tuple[tuple[str, Any], ...]

    def fact(self, number: int, on: date, here: Movement | None) -> Fact:
        given = dict(self.given)
        present = here.to if here else None
        if self.kind is Kind.ANBIETERWECHSEL:
            given["provider_id"] = IBBENBUEREN if present and present.provider_id == BETHEL else BETHEL
        if self.kind is Kind.PLATZWECHSEL:
            given["place"] = Place.AAP_EINZEL if present and present.place is not Place.AAP_EINZEL else Place.INTERN
        if self.kind is Kind.MERKMALSAENDERUNG:
            given["kombi"] = not (present and present.kombi)
        return fact(number, self.kind, on, **given)


def variants() -> Iterator[Variant]:
    named = (("provider_id", BETHEL),)
    budget = (("decided_on", DECIDED),)
    for kind in (Kind.ZUGANG_EV, Kind.ZUGANG_BBB):
        yield Variant(kind, None, named)
    yield Variant(Kind.EINTRITT_BBB, None, ())
    yield Variant(Kind.EINTRITT_BBB, None, named)
    for reason, provider, place in product((None, *list(Reason)[:3]), (None, BETHEL), (None, Place.AAP_GRUPPE)):
        entry = (("reason", reason), ("provider_id", provider), ("place", place))
        yield Variant(Kind.ZUGANG_ARBEITSBEREICH, reason, entry)
    for kind in (Kind.PLATZWECHSEL, Kind.ANBIETERWECHSEL, Kind.MERKMALSAENDERUNG):
        yield Variant(kind, None, ())
    yield Variant(Kind.ANBIETERWECHSEL, None, (("place", Place.AAP_GRUPPE),))
    for instrument in Instrument:
        yield Variant(Kind.UEBERGANG, instrument, (("instrument", instrument), *budget))
    for kind in (Kind.WERKSTATTALTERNATIVE, Kind.FOLGEFOERDERUNG):
        yield Variant(kind, None, budget)
    for kind in (Kind.FOERDERENDE, Kind.AUFNAHME_ZUVERDIENST):
        yield Variant(kind, None, ())
    for to_phase in (None, Phase.ARBEITSBEREICH, Phase.BBB):
        yield Variant(Kind.RUECKKEHR, to_phase, (("to_phase", to_phase), *named))
    yield Variant(Kind.RUECKKEHR, None, (*named, ("place", Place.AAP_GRUPPE)))
    for reason in (Reason.RENTE, Reason.TOD):
        yield Variant(Kind.ABGANG, None, (("reason", reason),))


VARIANTS = tuple(variants())


def attempt(history: History, added: Fact) -> Movement | TimelineError:
    """The movement of one more fact behind all others, or its refusal. Any other error is the test's failure."""
    try:
        decision = decide(history, [Add(added)], providers=PROVIDERS, recorded_at=NOW, day=TODAY)
    except TimelineError as refused:
        return refused
    return decision.movements[-1]


def reachable() -> dict[Situation, History]:
    """One history for every situation that any sequence of facts can lead to."""
    start = Story().history
    found = {situation_of(()): start}
    waiting = deque([start])
    while waiting:
        history = waiting.popleft()
        day = date(2000, 1, 1 + len(history.facts))
        for variant in VARIANTS:
            last = history.movements[-1] if history.movements else None
            added = variant.fact(len(history.facts) + 1, day, last)
            try:
                decision = decide(history, [Add(added)], providers=PROVIDERS, recorded_at=NOW, day=TODAY)
            except TimelineError:
                continue
            situation = situation_of(decision.movements)
            if situation not in found:
                found[situation] = History(
                    history.traeger, history.registration, decision.facts, decision.movements, decision.next_entry
                )
                waiting.append(found[situation])
    return found


@pytest.fixture(scope="module")
def situations() -> dict[Situation, History]:
    return reachable()


def test_the_situations_cover_every_phase_and_every_condition_both_ways(
    situations: dict[Situation, History],
) -> None:
    assert {situation.phase for situation in situations} == {None, *(phase.value for phase in Phase)}
    outside = [situation for situation in situations if situation.phase is None]
    assert {situation.uebergang_from for situation in outside} == {None, "EV", "BBB", "ARBEITSBEREICH"}
    assert {situation.abgang_left for situation in outside} == {None, *(phase.value for phase in Phase)}
    for name in ("werkstatt", "arbeitsbereich", "dead"):
        assert {getattr(situation, name) for situation in outside} == {True, False}
    assert {right_to_return(situation) for situation in outside} == {True, False}
    for job in JOBS:
        crossings = {situation.uebergang_from for situation in situations if situation.phase == job}
        assert crossings >= {"EV", "BBB", "ARBEITSBEREICH"}
        assert (None in crossings) is (job != "BUDGET_FUER_AUSBILDUNG")
    assert len(situations) > 100


def test_every_kind_from_every_situation_does_what_the_table_says(situations: dict[Situation, History]) -> None:
    tried = 0
    for situation, history in situations.items():
        for variant in VARIANTS:
            last = history.movements[-1] if history.movements else None
            given = dict(variant.given)
            result = attempt(history, variant.fact(900, date(2001, 1, 1), last))
            wanted = expected(variant.kind, variant.value, situation)
            start = (variant.kind.value, situation.phase)
            if start in NEEDS_PROVIDER_HERE and given.get("provider_id") is None:
                wanted = None
            if start in NO_PLACE_HERE and "place" in given:
                wanted = None
            tried += 1
            if wanted is None:
                assert isinstance(result, TimelineError), (situation, variant)
                assert set(result.extensions["allowed"]) == expected_allowed(situation), (situation, variant)
                assert result.extensions["breaks_at"] is None
            else:
                assert isinstance(result, Movement), (situation, variant, result)
                assert (result.to.phase.value if result.to else "NONE") == wanted, (situation, variant)
                check_cell(result, given)
    assert tried == len(situations) * len(VARIANTS)


def check_cell(movement: Movement, given: dict[str, Any]) -> None:
    """Provider and place exist exactly in their phases, and are the given ones or the defaults."""
    to, before = movement.to, movement.from_
    if to is None:
        return
    assert (to.provider_id is not None) is (to.phase.value in EV_BBB_AB)
    assert (to.provider_mk is not None) is (to.phase.value in EV_BBB_AB)
    assert (to.place is not None) is (to.phase is Phase.ARBEITSBEREICH)
    if given.get("provider_id") is not None:
        assert to.provider_id == given["provider_id"]
    if movement.kind in (Kind.ZUGANG_ARBEITSBEREICH, Kind.RUECKKEHR, Kind.ANBIETERWECHSEL) and to.place:
        assert to.place is (given.get("place") or Place.INTERN)
    if movement.kind is Kind.MERKMALSAENDERUNG:
        assert before is not None
        assert (to.phase, to.provider_id, to.place) == (before.phase, before.provider_id, before.place)
        assert to.kombi is not before.kombi
