"""Random histories of cases, told the way `cases` tells them, and what must come of them, counted anew."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from services.budgets.domain.model import Cell, Instrument, Movement, Phase
from services.budgets.domain.proposals import Command, Signed
from shared.kernel.mitgliedskoerperschaften import Traeger

FIRST_DAY = date(2024, 1, 1)
WORKSHOP = ("EV", "BBB", "ARBEITSBEREICH")

Step = tuple[str, str | None]
"""Kind and instrument of a fact."""

STEPS: dict[Step, dict[str | None, str | None]] = {
    ("ZUGANG_EV", None): {None: "EV", "WERKSTATTALTERNATIVE": "EV", "ZUVERDIENST": "EV"},
    ("EINTRITT_BBB", None): {"EV": "BBB"},
    ("ZUGANG_ARBEITSBEREICH", None): {"BBB": "ARBEITSBEREICH", None: "ARBEITSBEREICH"},
    ("UEBERGANG", "BUDGET_FUER_ARBEIT"): dict.fromkeys(WORKSHOP, "BUDGET_FUER_ARBEIT"),
    ("UEBERGANG", "BUDGET_FUER_AUSBILDUNG"): dict.fromkeys(WORKSHOP, "BUDGET_FUER_AUSBILDUNG"),
    ("UEBERGANG", "OHNE_BUDGET"): dict.fromkeys(WORKSHOP, "ALLGEMEINER_ARBEITSMARKT"),
    ("WERKSTATTALTERNATIVE", None): {None: "WERKSTATTALTERNATIVE", "ZUVERDIENST": "WERKSTATTALTERNATIVE"},
    ("FOERDERENDE", None): dict.fromkeys(
        ("BUDGET_FUER_ARBEIT", "BUDGET_FUER_AUSBILDUNG", "WERKSTATTALTERNATIVE"), "ALLGEMEINER_ARBEITSMARKT"
    ),
    ("FOLGEFOERDERUNG", None): dict.fromkeys(
        ("BUDGET_FUER_AUSBILDUNG", "ALLGEMEINER_ARBEITSMARKT"), "BUDGET_FUER_ARBEIT"
    ),
    ("RUECKKEHR", None): dict.fromkeys(
        ("BUDGET_FUER_ARBEIT", "BUDGET_FUER_AUSBILDUNG", "ALLGEMEINER_ARBEITSMARKT"), "ARBEITSBEREICH"
    ),
    ("AUFNAHME_ZUVERDIENST", None): dict.fromkeys((None, "ARBEITSBEREICH"), "ZUVERDIENST"),
    ("ABGANG", None): {phase.value: None for phase in Phase},
    ("MERKMALSAENDERUNG", None): {phase.value: phase.value for phase in Phase},
}
"""Where a step may start and where it leads: a sketch of the rule table of `cases`, enough to make paths."""

STEP_NAMES = list(STEPS)


@dataclass(frozen=True)
class Fact:
    """A fact of a case as `cases` keeps it."""

    id: UUID
    step: Step
    day: date
    entry: int


def cell(phase: str, payer: str = "05515") -> Cell:
    """A cell in a phase."""
    return Cell(Phase(phase), None, None, payer, "05515", "GEISTIG", False)


def timeline(facts: Iterable[Fact]) -> list[Movement] | None:
    """The movements of facts in their order, or None if one of them does not fit."""
    place: Cell | None = None
    since: date | None = None
    found = []
    payer = "05515"
    for fact in sorted(facts, key=lambda fact: (fact.day, fact.entry)):
        ways = STEPS[fact.step]
        start = place.phase.value if place else None
        if start not in ways:
            return None
        end = ways[start]
        if fact.step[0] == "MERKMALSAENDERUNG":
            payer = "05913" if payer == "05515" else "05515"
        after = cell(end, payer) if end else None
        found.append(Movement(fact.id, *fact.step, fact.day, None, place, since, after))
        if end != start:
            since = fact.day if after else None
        place = after
    return found


class Case:
    """One case that is written to at random; every change is a command with signed events."""

    def __init__(self, seed: int, traeger: Traeger) -> None:
        self.random = random.Random(seed)
        self.traeger = traeger
        self.id = UUID(int=seed + 1)
        self.facts: list[Fact] = []
        self.version = 1
        self.entries = 0
        self.commands: list[Command] = []
        self.ever_opened: set[tuple[UUID, Instrument]] = set()

    def movements(self) -> list[Movement]:
        """The present timeline."""
        found = timeline(self.facts)
        assert found is not None
        return found

    def change(self) -> None:
        """One command that leaves a legal timeline; if chance finds none, nothing happens."""
        for _ in range(40):
            facts = self._changed()
            after = timeline(facts)
            if after is not None and after != self.movements():
                self._write(after)
                self.facts = facts
                return

    def _changed(self) -> list[Fact]:
        facts = list(self.facts)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            action = self.random.random()
            if not facts or action < 0.6:
                self.entries += 1
                facts.append(Fact(self._id(), self._step(), self._day(), self.entries))
            elif action < 0.75:
                facts.remove(self.random.choice(facts))
            else:
                at = self.random.randrange(len(facts))
                kind = facts[at].step[0]
                step = self.random.choice([step for step in STEP_NAMES if step[0] == kind])
                facts[at] = replace(facts[at], step=step, day=self._day())
        return facts

    def _write(self, after: list[Movement]) -> None:
        before = {movement.fact_id: movement for movement in self.movements()}
        now = {movement.fact_id: movement for movement in after}
        changed = [(-1, m) for m in reversed(self.movements()) if now.get(m.fact_id) != m]
        changed += [(1, m) for m in after if before.get(m.fact_id) != m]
        self.version += 1
        events = tuple(Signed(index, sign, movement) for index, (sign, movement) in enumerate(changed, start=1))
        self.commands.append(Command(self.traeger, self.id, self.version, events))

    def _step(self) -> Step:
        return self.random.choice(STEP_NAMES)

    def _day(self) -> date:
        return FIRST_DAY + timedelta(days=self.random.randrange(6))

    def _id(self) -> UUID:
        return UUID(int=self.random.getrandbits(128))


def expected(movements: list[Movement], traeger: Traeger) -> Iterator[tuple[UUID, str, date, date | None]]:
    """The proposals that follow from a timeline, by walking it: fact, instrument, first and last day."""
    for at, movement in enumerate(movements):
        phase = instrument_of(movement, traeger)
        if phase is None:
            continue
        last = None
        for later in movements[at + 1 :]:
            left = later.before is not None and later.before.phase.value == phase
            if left and (later.after is None or later.after.phase.value != phase):
                last = later.effective_on - timedelta(days=1)
                break
        yield movement.fact_id, phase, movement.effective_on, last


def instrument_of(movement: Movement, traeger: Traeger) -> str | None:
    """Which grant a movement opens, in the words of the contract."""
    if movement.kind == "UEBERGANG":
        if movement.instrument == "BUDGET_FUER_ARBEIT":
            return "BUDGET_FUER_ARBEIT"
        if movement.instrument == "BUDGET_FUER_AUSBILDUNG":
            assert movement.before is not None
            return "BUDGET_FUER_AUSBILDUNG" if movement.before.phase is Phase.ARBEITSBEREICH else None
        return None
    if movement.kind == "FOLGEFOERDERUNG":
        return "BUDGET_FUER_ARBEIT"
    if movement.kind == "WERKSTATTALTERNATIVE":
        return "WERKSTATTALTERNATIVE"
    if movement.kind == "AUFNAHME_ZUVERDIENST" and traeger is Traeger.LVR:
        return "ZUVERDIENST"
    return None
