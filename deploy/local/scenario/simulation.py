"""Case histories of any number, for trying out and measuring: legal, invented, without a published figure in them.

Lines are written one after the other, so a file of any length needs the same memory.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from deploy.local.scenario.calendar import seeded
from deploy.local.scenario.country import INITIATORS
from deploy.local.scenario.people import Provider, write_lines
from deploy.local.scenario.werkstaetten import ANDERE_SINCE, FOUNDED
from shared.kernel.mitgliedskoerperschaften import OUTSIDE, Traeger, of_traeger

UNTIL = date(2025, 12, 31)
"""The last day of every simulated history, so that a seed alone decides what is in a file."""

_DISABILITIES = ("GEISTIG", "SEELISCH", "KOERPERLICH")
_PLACES = ("INTERN", "AAP_EINZEL", "AAP_GRUPPE")
_WAYS = ("FOERDERSCHULE", "ALLGEMEINE_SCHULE", "ARBEITSLOSIGKEIT", "ANDERER_REHATRAEGER", "AUSBILDUNG", "SONSTIGER")
_REASONS = ("RENTE", "KUENDIGUNG", "UMZUG", "TAGESSTRUKTUR", "VERZICHT", "SONSTIGE")
_JOBS = frozenset({"BUDGET_FUER_ARBEIT", "BUDGET_FUER_AUSBILDUNG", "ALLGEMEINER_ARBEITSMARKT"})
_DECIDED = frozenset({"UEBERGANG", "WERKSTATTALTERNATIVE", "FOLGEFOERDERUNG"})

Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class Habit:
    """How long somebody stays before the next fact (days, from and to), and how likely which kind comes next."""

    stay: tuple[int, int]
    next_kinds: Mapping[str, int]


HABITS: Mapping[str | None, Habit] = {
    "EV": Habit((28, 100), {"EINTRITT_BBB": 90, "ABGANG": 7, "UEBERGANG": 3}),
    "BBB": Habit((300, 730), {"ZUGANG_ARBEITSBEREICH": 85, "UEBERGANG": 8, "ABGANG": 7}),
    "ARBEITSBEREICH": Habit(
        (60, 900),
        {
            "MERKMALSAENDERUNG": 32,
            "PLATZWECHSEL": 32,
            "ANBIETERWECHSEL": 8,
            "UEBERGANG": 14,
            "ABGANG": 12,
            "AUFNAHME_ZUVERDIENST": 2,
        },
    ),
    "BUDGET_FUER_ARBEIT": Habit(
        (150, 900), {"RUECKKEHR": 25, "FOERDERENDE": 20, "MERKMALSAENDERUNG": 35, "ABGANG": 20}
    ),
    "BUDGET_FUER_AUSBILDUNG": Habit((300, 1100), {"FOLGEFOERDERUNG": 40, "FOERDERENDE": 35, "RUECKKEHR": 25}),
    "ALLGEMEINER_ARBEITSMARKT": Habit((200, 1500), {"RUECKKEHR": 30, "FOLGEFOERDERUNG": 30, "ABGANG": 40}),
    "WERKSTATTALTERNATIVE": Habit(
        (200, 1500), {"FOERDERENDE": 30, "ZUGANG_EV": 20, "MERKMALSAENDERUNG": 30, "ABGANG": 20}
    ),
    "ZUVERDIENST": Habit((200, 900), {"ABGANG": 50, "ZUGANG_ARBEITSBEREICH": 50}),
    None: Habit((100, 900), {}),
}
_FIRST = {"ZUGANG_EV": 60, "ZUGANG_BBB": 15, "WERKSTATTALTERNATIVE": 15, "ZUGANG_ARBEITSBEREICH": 10}
_COMES_AGAIN = 0.3


def simulated_providers(traeger: Traeger) -> list[Provider]:
    """Two WfbM in each Mitgliedskörperschaft, and an anderer Leistungsanbieter in every fifth."""
    found = []
    for index, mk in enumerate(of_traeger(traeger)):
        for number in (1, 2):
            name = f"Werkstatt {mk.name} {number}"
            found.append(Provider(f"SIM-{mk.ags}-{number}", name, "WFBM", mk.ags, FOUNDED, False, 1))
        if index % 5 == 0:
            kind = "ANDERER_LEISTUNGSANBIETER"
            found.append(Provider(f"SIM-{mk.ags}-A", f"Anbieter {mk.name}", kind, mk.ags, ANDERE_SINCE, False, 1))
    return found


class _Life:
    """One person, fact by fact; every next fact is legal after those before."""

    def __init__(self, random: Random, providers: Sequence[Provider], members: Sequence[str], day: date) -> None:
        self.random = random
        self._providers = providers
        self._members = members
        self.day = day
        home = random.choice(members)
        self.registration: Fields = {
            "payer_mk": home,
            "residence_mk": home if random.random() < 0.9 else random.choice((*members, OUTSIDE)),
            "disability": random.choices(_DISABILITIES, (68, 25, 7))[0],
            "kombi": random.random() < 0.5,
        }
        self._attributes = dict(self.registration)
        self._phase: str | None = None
        self._provider = ""
        self._place = ""
        self._left_werkstatt = False
        self._was_in_arbeitsbereich = False
        self._left_job = False

    def facts(self, until: date) -> Iterator[Fields]:
        """All facts up to a day."""
        kind: str | None = self.random.choices(list(_FIRST), list(_FIRST.values()))[0]
        while kind is not None and self.day <= until:
            yield self._fact(kind)
            kind = self._next()

    def _next(self) -> str | None:
        """Wait, then name the next kind; None when the story is over."""
        habit = HABITS[self._phase]
        self.day += timedelta(days=self.random.randint(*habit.stay))
        if self._phase is None:
            if self.random.random() > _COMES_AGAIN:
                return None
            if self._left_job and self._left_werkstatt:
                return "RUECKKEHR"
            return "ZUGANG_ARBEITSBEREICH" if self._was_in_arbeitsbereich else "ZUGANG_EV"
        kind = self.random.choices(list(habit.next_kinds), list(habit.next_kinds.values()))[0]
        if kind == "RUECKKEHR" and not self._left_werkstatt:
            return "ZUGANG_BBB"
        return kind

    def _fact(self, kind: str) -> Fields:
        fact: Fields = {"kind": kind, "effective_on": self.day.isoformat()}
        if kind in _DECIDED:
            fact["decided_on"] = (self.day - timedelta(days=self.random.randint(0, 60))).isoformat()
        fact |= self._more(kind)
        return fact

    def _more(self, kind: str) -> Fields:
        """The other attributes of a fact; what follows from it is remembered."""
        random = self.random
        if kind in ("ZUGANG_EV", "ZUGANG_BBB", "WERKSTATTALTERNATIVE"):
            self._phase = kind.removeprefix("ZUGANG_")
            way: Fields = {"zugangsweg": random.choice(_WAYS)} if random.random() < 0.5 else {}
            return way if kind == "WERKSTATTALTERNATIVE" else {"provider_ref": self._any_provider()} | way
        if kind == "EINTRITT_BBB":
            self._phase = "BBB"
            return {}
        if kind == "ZUGANG_ARBEITSBEREICH":
            return self._enter_arbeitsbereich()
        if kind == "PLATZWECHSEL":
            self._place = random.choice([place for place in _PLACES if place != self._place])
            return {"place": self._place}
        if kind == "ANBIETERWECHSEL":
            self._place = "INTERN"
            return {"provider_ref": self._any_provider()}
        if kind == "MERKMALSAENDERUNG":
            return self._change()
        if kind == "UEBERGANG":
            return self._leave_werkstatt()
        if kind == "RUECKKEHR":
            self._phase, self._place, self._was_in_arbeitsbereich = "ARBEITSBEREICH", "INTERN", True
            return {"provider_ref": self._any_provider()}
        if kind == "ABGANG":
            self._left_job, self._phase = self._phase in _JOBS, None
            left: Fields = {"reason": random.choice(_REASONS)}
            return left | {"initiator": random.choice(INITIATORS)} if left["reason"] == "KUENDIGUNG" else left
        self._phase = {
            "FOERDERENDE": "ALLGEMEINER_ARBEITSMARKT",
            "FOLGEFOERDERUNG": "BUDGET_FUER_ARBEIT",
            "AUFNAHME_ZUVERDIENST": "ZUVERDIENST",
        }[kind]
        return {}

    def _enter_arbeitsbereich(self) -> Fields:
        source, known = self._phase, self._was_in_arbeitsbereich
        self._phase, self._place, self._was_in_arbeitsbereich = "ARBEITSBEREICH", "INTERN", True
        if source == "BBB":
            return {}
        reason = "WIEDERAUFNAHME" if known else "AUFNAHME_VON_AUSSEN"
        return {"provider_ref": self._any_provider(), "reason": reason}

    def _leave_werkstatt(self) -> Fields:
        budgets = ("BUDGET_FUER_ARBEIT", "OHNE_BUDGET", "BUDGET_FUER_AUSBILDUNG")
        instrument = self.random.choices(budgets, (75, 15, 10))[0]
        self._phase = "ALLGEMEINER_ARBEITSMARKT" if instrument == "OHNE_BUDGET" else instrument
        self._left_werkstatt = True
        return {"instrument": instrument}

    def _change(self) -> Fields:
        name = self.random.choice(("residence_mk", "residence_mk", "kombi", "disability"))
        present = self._attributes[name]
        values: Sequence[object] = (True, False) if name == "kombi" else _DISABILITIES
        if name == "residence_mk":
            values = self._members
        self._attributes[name] = self.random.choice([value for value in values if value != present])
        return {name: self._attributes[name]}

    def _any_provider(self) -> str:
        """A provider that is not the present one and is there already."""
        while True:
            found = self.random.choice(self._providers)
            if found.ref != self._provider and found.valid_from <= self.day:
                self._provider = found.ref
                return found.ref


def write_simulation(
    path: Path, people: int, years: int, seed: int, tenant: str, *, dated: bool = False, until: date = UNTIL
) -> int:
    """Write histories of `people` persons over `years` years as import lines; return the number of lines.

    `dated` writes each fact as a command of the day it became known, mostly near its effect, and amends some later:
    figures as known on earlier days then differ. Such a file needs the scope `cases:migrate`.
    """
    random = seeded(f"{tenant}-{seed}")
    traeger = Traeger(tenant)
    providers = simulated_providers(traeger)
    members = [mk.ags for mk in of_traeger(traeger)]
    start = until - timedelta(days=365 * years)

    def lines() -> Iterator[str]:
        for provider in providers:
            yield provider.line()
        for number in range(1, people + 1):
            there_from_the_start = random.random() < 0.4
            day = start + timedelta(days=0 if there_from_the_start else random.randrange(365 * years))
            life = _Life(random, providers, members, day)
            facts = list(life.facts(until))
            told = {"commands": list(_commands(random, facts, until))} if dated else {"movements": facts}
            yield json.dumps({"external_ref": f"SIM-{number:07}"} | life.registration | told)

    return write_lines(path, lines())


def _commands(random: Random, facts: Sequence[Fields], until: date) -> Iterator[Fields]:
    """Each fact as it became known, and some dates corrected once the fact was known."""
    known = date.min
    for number, fact in enumerate(facts, start=1):
        day = date.fromisoformat(str(fact["effective_on"]))
        known = min(until, max(known, day + timedelta(days=random.randint(0, 45))))
        yield {"recorded_on": known.isoformat(), "changes": [{"add": fact | {"external_ref": str(number)}}]}
        if random.random() < 0.05:
            known = min(until, known + timedelta(days=random.randint(0, 200)))
            amended = {"ref": str(number), "effective_on": (day + timedelta(days=5)).isoformat()}
            yield {"recorded_on": known.isoformat(), "changes": [{"amend": amended}]}
