"""People with a Werkstattalternative: new ones by quota, those of the years before, what becomes of them."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from deploy.local.scenario.calendar import Quarter, day_between, day_in, decided_before, months_later
from deploy.local.scenario.country import Country, last_day
from deploy.local.scenario.people import Person
from deploy.local.scenario.quotas import ALTERNATIVEN, ALTERNATIVEN_2020, BASIS, END_OF_2020, FIRST, GROUPS, LAST

_WAYS = ("FOERDERSCHULE", "ARBEITSLOSIGKEIT", "ANDERER_REHATRAEGER", "AUSBILDUNG", "SONSTIGER")
_WAY_WEIGHTS = (40, 25, 20, 10, 5)
PHASE = "WERKSTATTALTERNATIVE"


@dataclass(slots=True)
class Alternatives:
    """All people with a Werkstattalternative; `open` are those who may still enter a Werkstatt, by group."""

    country: Country
    people: list[Person] = field(default_factory=list)
    open: dict[str, list[Person]] = field(default_factory=lambda: {group: [] for group in GROUPS})

    def begin(self) -> None:
        """Create the new ones of every quarter."""
        for group in GROUPS:
            for quarter, number in ALTERNATIVEN[group].items():
                for _ in range(number):
                    person = self._person(group, day_in(self.country.random, quarter))
                    self.open[group].append(person)

    def _person(self, group: str, day: date) -> Person:
        random = self.country.random
        home = self.country.mk_of(group)
        person = Person(payer_mk=home, residence_mk=home)
        self.country.move(person)
        way = random.choices(_WAYS, _WAY_WEIGHTS)[0]
        person.add(day, PHASE, decided_on=decided_before(random, day).isoformat(), zugangsweg=way)
        self.people.append(person)
        return person

    def take_late_entrant(self, group: str, quarter: Quarter) -> Person:
        """Somebody who enters EV or BBB in the quarter after all, at least four months after the Alternative."""
        waiting = [p for p in self.open[group] if last_day(p) < quarter.first - timedelta(days=120)]
        person = self.country.random.choice(waiting)
        self.open[group].remove(person)
        return person

    def finish(self) -> None:
        """End some Alternativen, then add as many of the years before 2018 as the stock of 2020 needs."""
        random = self.country.random
        for people in self.open.values():
            for person in people:
                self._perhaps_end(person, months_later(last_day(person), random.randint(8, 40)))
        missing = ALTERNATIVEN_2020 - sum(person.standing(END_OF_2020).phase == PHASE for person in self.people)
        for _ in range(missing):
            group = random.choices(GROUPS, (16, 84))[0]
            person = self._person(group, day_between(random, date(2009, 1, 1), date(2017, 12, 31)))
            self._perhaps_end(person, day_between(random, date(2021, 1, 1), LAST.last))
        for _ in range(40):
            person = self._person(BASIS, day_between(random, date(2012, 1, 1), date(2015, 12, 31)))
            person.add(day_between(random, FIRST.first, END_OF_2020), "FOERDERENDE")

    def _perhaps_end(self, person: Person, day: date) -> None:
        chance = self.country.random.random()
        if day > LAST.last or chance > 0.15:
            return
        if chance < 0.08:
            person.add(day, "FOERDERENDE")
        else:
            person.add(day, "ABGANG", reason=self.country.random.choice(("KUENDIGUNG", "UMZUG", "SONSTIGE")))
