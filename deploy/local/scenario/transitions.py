"""People who go from the Arbeitsbereich to a job: by quota, those of the years before, and those who come back."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from deploy.local.scenario.calendar import Quarter, day_between, day_in, decided_before, months_later
from deploy.local.scenario.country import Country, last_day
from deploy.local.scenario.people import Person
from deploy.local.scenario.quotas import (
    BUDGETS_2020,
    END_OF_2020,
    GROUPS,
    LAST,
    RUECKKEHREN,
    UEBERGAENGE,
    UEBERGAENGE_IN_AUSBILDUNG,
    UEBERGAENGE_OHNE_BUDGET,
    UEBERGAENGE_VON_AAP,
)

BUDGET = "BUDGET_FUER_ARBEIT"


@dataclass(slots=True)
class Transitions:
    """All people with an Übergang from the Arbeitsbereich; `away` are those still in the job, by group."""

    country: Country
    people: list[Person] = field(default_factory=list)
    away: dict[str, list[Person]] = field(default_factory=lambda: {group: [] for group in GROUPS})

    def create(self) -> None:
        """Create all of them and what becomes of them."""
        for group in GROUPS:
            for quarter, number in UEBERGAENGE[group].items():
                from_aap = UEBERGAENGE_VON_AAP[group][quarter]
                for index in range(number):
                    self._leave(group, quarter, BUDGET, from_aap=index < from_aap)
                for _ in range(UEBERGAENGE_OHNE_BUDGET[group][quarter]):
                    self._leave(group, quarter, "OHNE_BUDGET", from_aap=False)
                for _ in range(UEBERGAENGE_IN_AUSBILDUNG[group][quarter]):
                    self._leave(group, quarter, "BUDGET_FUER_AUSBILDUNG", from_aap=False)
                self._come_back(group, quarter)
            for person in self.away[group]:
                self._end(person)
        self._fill_budgets()

    def _leave(self, group: str, quarter: Quarter, instrument: str, *, from_aap: bool) -> None:
        random = self.country.random
        day = day_in(random, quarter)
        person = self.country.in_arbeitsbereich(group, months_later(quarter.first, -12))
        if from_aap:
            earliest = last_day(person) + timedelta(days=90)
            self.country.to_aap(person, day_between(random, earliest, quarter.first - timedelta(days=30)))
        decided = {} if instrument == "OHNE_BUDGET" else {"decided_on": decided_before(random, day).isoformat()}
        person.add(day, "UEBERGANG", instrument=instrument, **decided)
        self.people.append(person)
        self.away[group].append(person)

    def _come_back(self, group: str, quarter: Quarter) -> None:
        random = self.country.random
        for _ in range(RUECKKEHREN[group][quarter]):
            able = [p for p in self.away[group] if last_day(p) < quarter.first - timedelta(days=60)]
            person = random.choice(able)
            self.away[group].remove(person)
            before = person.standing(last_day(person) - timedelta(days=1)).provider
            assert before is not None
            provider = before if random.random() < 0.8 else self.country.other_wfbm(group, before).ref
            person.add(day_in(random, quarter), "RUECKKEHR", provider_ref=provider)

    def _end(self, person: Person) -> None:
        """End the funding of some, let some leave the job; some trainings lead to a Budget für Arbeit."""
        random = self.country.random
        instrument = person.facts[-1].more["instrument"]
        day = months_later(last_day(person), random.randint(12, 40))
        chance = random.random()
        if day > LAST.last or chance > 0.25:
            return
        if instrument == "BUDGET_FUER_AUSBILDUNG":
            person.add(day, "FOLGEFOERDERUNG", decided_on=decided_before(random, day).isoformat())
        elif chance < 0.12:
            self.country.leave(person, day)
        elif instrument == BUDGET:
            person.add(day, "FOERDERENDE")

    def _fill_budgets(self) -> None:
        """Add as many Übergänge of the years before 2018 as the stock at the end of 2020 needs."""
        random = self.country.random
        missing = BUDGETS_2020 - sum(person.standing(END_OF_2020).phase == BUDGET for person in self.people)
        for _ in range(missing):
            group = random.choices(GROUPS, (17, 83))[0]
            day = day_between(random, date(2009, 1, 1), date(2017, 12, 31))
            person = self.country.in_arbeitsbereich(group, months_later(day, -12))
            decided = decided_before(random, day).isoformat()
            person.add(day, "UEBERGANG", instrument=BUDGET, decided_on=decided)
            if random.random() < 0.05:
                self.country.leave(person, day_between(random, date(2021, 1, 1), LAST.last))
            self.people.append(person)
