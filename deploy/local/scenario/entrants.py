"""People who enter EV or BBB: by quota, with exactly the published stock left at the end of 2021."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from deploy.local.scenario.alternatives import Alternatives
from deploy.local.scenario.calendar import Quarter, day_between, day_in, months_later, quarters
from deploy.local.scenario.country import TOO_EARLY, Country, last_day
from deploy.local.scenario.people import Person, Provider
from deploy.local.scenario.quotas import END_OF_2021, FIRST, LAST, SPAETZUGAENGE, STOCKS, ZUGAENGE

_WAYS = ("FOERDERSCHULE", "ALLGEMEINE_SCHULE", "ARBEITSLOSIGKEIT", "ANDERER_REHATRAEGER", "AUSBILDUNG", "SONSTIGER")
_WAY_WEIGHTS = (46, 9, 20, 10, 5, 10)
_BEFORE = quarters(Quarter.of(2015, 4), Quarter.of(2017, 4))
_CROWDED = quarters(Quarter.of(2020, 1), Quarter.of(2021, 4))
"""Those who enter in these quarters make up the whole stock at the end of 2021."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The way into EV or BBB: the day, the day BBB begins, and the day it is over as a rule."""

    person: Person
    provider: Provider
    entered_on: date
    bbb_on: date

    @property
    def over_on(self) -> date:
        return months_later(self.bbb_on, 24)


def entrants(country: Country, alternatives: Alternatives, group: str) -> list[Person]:
    """Everybody of a group who enters EV or BBB from 2015-Q4 to 2022-Q2, until where they are in 2022."""
    entries: dict[Quarter, list[Entry]] = {}
    for quarter in _BEFORE:
        number = ZUGAENGE[group][Quarter(FIRST.number + quarter.number % 4)]
        entries[quarter] = [_entry(country, None, group, quarter) for _ in range(number)]
    for quarter, number in ZUGAENGE[group].items():
        late = [alternatives.take_late_entrant(group, quarter) for _ in range(SPAETZUGAENGE[group][quarter])]
        new = [_entry(country, None, group, quarter) for _ in range(number - len(late))]
        entries[quarter] = [_entry(country, person, group, quarter) for person in late] + new
    for quarter, found in entries.items():
        if quarter < _CROWDED[0]:
            for entry in found:
                _go_on(country, entry)
    crowded = [entry for quarter in _CROWDED for entry in entries[quarter]]
    _leave_exactly(country, crowded, len(crowded) - STOCKS[group].ev_bbb)
    young = [entry for quarter, found in entries.items() if quarter > _CROWDED[-1] for entry in found]
    for entry in young:
        _enter(country, entry, LAST.last)
    return [entry.person for found in entries.values() for entry in found]


def _entry(country: Country, person: Person | None, group: str, quarter: Quarter) -> Entry:
    random = country.random
    provider = country.wfbm(group)
    day = day_in(random, quarter)
    chance = random.random()
    length = timedelta(days=0 if chance < 0.08 else 28 if chance < 0.16 else 91)
    return Entry(person or country.person(provider.mk), provider, day, day + length)


def _enter(country: Country, entry: Entry, until: date) -> None:
    """Add the Zugang, and the Eintritt into BBB if it happens before a day."""
    way = {}
    if not entry.person.facts:
        way["zugangsweg"] = country.random.choices(_WAYS, _WAY_WEIGHTS)[0]
    if entry.bbb_on == entry.entered_on:
        entry.person.add(entry.entered_on, "ZUGANG_BBB", provider_ref=entry.provider.ref, **way)
        return
    entry.person.add(entry.entered_on, "ZUGANG_EV", provider_ref=entry.provider.ref, **way)
    if entry.bbb_on < until:
        entry.person.add(entry.bbb_on, "EINTRITT_BBB")


def _go_on(country: Country, entry: Entry) -> None:
    """The usual way of those who entered before 2020: none of them is left in BBB at the end of 2021."""
    random = country.random
    over_on = entry.over_on
    if over_on > END_OF_2021:
        over_on = day_between(random, over_on - timedelta(days=100), END_OF_2021)
    if random.random() < 0.12:
        _break_off(country, entry, day_between(random, entry.entered_on + timedelta(days=30), over_on))
        return
    _enter(country, entry, over_on)
    _arrive(country, entry.person, over_on)


def _break_off(country: Country, entry: Entry, day: date) -> None:
    """End EV or BBB before its time: mostly an Abgang, sometimes a job or a training."""
    _enter(country, entry, day)
    chance = country.random.random()
    if entry.bbb_on < day and chance < 0.12:
        instrument = "OHNE_BUDGET" if chance < 0.09 else "BUDGET_FUER_AUSBILDUNG"
        decided = {} if instrument == "OHNE_BUDGET" else {"decided_on": day.isoformat()}
        entry.person.add(day, "UEBERGANG", instrument=instrument, **decided)
    else:
        country.leave(entry.person, day, TOO_EARLY)


def _arrive(country: Country, person: Person, day: date) -> None:
    """Enter the Arbeitsbereich from BBB; a few soon work outside or leave."""
    random = country.random
    person.add(day, "ZUGANG_ARBEITSBEREICH")
    chance = random.random()
    soon = day + timedelta(days=60)
    if chance > 0.07 or soon > LAST.last:
        return
    if chance < 0.045:
        country.to_aap(person, day_between(random, soon, LAST.last))
    else:
        country.leave(person, day_between(random, soon, LAST.last))


def _leave_exactly(country: Country, entries: Sequence[Entry], number: int) -> None:
    """Let `number` of them leave EV and BBB by the end of 2021; the others stay, some until 2022."""
    random = country.random
    able = [entry for entry in entries if entry.entered_on <= date(2021, 8, 31)]
    leaving = {id(entry) for entry in random.sample(able, k=number)}
    for entry in entries:
        if id(entry) not in leaving:
            _stay_on(country, entry)
            continue
        early = entry.entered_on + timedelta(days=455)
        if early < END_OF_2021 and random.random() < 0.35:
            day = day_between(random, early, END_OF_2021)
            _enter(country, entry, day)
            _arrive(country, entry.person, day)
        else:
            _break_off(country, entry, day_between(random, entry.entered_on + timedelta(days=30), END_OF_2021))


def _stay_on(country: Country, entry: Entry) -> None:
    _enter(country, entry, LAST.last)
    if last_day(entry.person) <= END_OF_2021 < entry.over_on <= LAST.last:
        entry.person.add(entry.over_on, "ZUGANG_ARBEITSBEREICH")
