"""People in the Arbeitsbereich since before 2018: those who leave, and exactly as many others as the stock needs."""

from collections.abc import Sequence
from datetime import date, timedelta

from deploy.local.scenario.calendar import day_between
from deploy.local.scenario.country import Country, last_day
from deploy.local.scenario.people import Person, Provider
from deploy.local.scenario.quotas import ABGAENGE_PER_YEAR, END_OF_2021, FIRST, LAST, STOCKS
from shared.kernel.mitgliedskoerperschaften import Traeger, of_traeger

_AAP_SINCE = date(2006, 1, 1)
_OWN = tuple(mk.ags for mk in of_traeger(Traeger.LWL))
PHASE = "ARBEITSBEREICH"


def leavers(country: Country, group: str) -> list[Person]:
    """People who leave the Arbeitsbereich for good, year by year until the middle of 2022."""
    found = []
    for year in range(FIRST.year, LAST.year + 1):
        last = min(date(year, 12, 31), LAST.last)
        for _ in range(ABGAENGE_PER_YEAR[group] if last.month == 12 else ABGAENGE_PER_YEAR[group] // 2):
            person = country.in_arbeitsbereich(group, FIRST.first)
            if country.random.random() < 0.05:
                _once_outside(country, person, date(2017, 12, 31))
            day = day_between(country.random, date(year, 1, 1), last)
            if country.random.random() < 0.005:
                person.add(day, "AUFNAHME_ZUVERDIENST")
            else:
                country.leave(person, day)
            found.append(person)
    return found


def stayers(country: Country, group: str, others: Sequence[Person]) -> list[Person]:
    """As many people as the stocks of a group at the end of 2021 need beside `others`."""
    there = [person.standing(END_OF_2021) for person in others]
    there = [place for place in there if place.phase == PHASE and country.group_of(place) == group]
    missing = STOCKS[group].arbeitsbereich - len(there)
    missing_aap = STOCKS[group].aap - sum(place.place != "INTERN" for place in there)
    found = [country.in_arbeitsbereich(group, FIRST.first) for _ in range(missing)]
    for person in found[:missing_aap]:
        _once_outside(country, person, END_OF_2021)
    inside = found[missing_aap:]
    _move_on(country, group, inside)
    return found


def _once_outside(country: Country, person: Person, until: date) -> None:
    """Add a move to an ausgelagerter Arbeitsplatz by a day."""
    earliest = max(_AAP_SINCE, last_day(person) + timedelta(days=60))
    country.to_aap(person, day_between(country.random, min(earliest, until), until))


def _move_on(country: Country, group: str, people: Sequence[Person]) -> None:
    """What else happens to people who are inside at the end of 2021; nothing that changes the stock of that day."""
    random = country.random
    andere = [provider for provider in country.andere() if provider.modell == (group == "modell")]
    for index, provider in enumerate(andere):
        for person in people[index * 25 : (index + 1) * 25]:
            _change_provider(country, person, provider, provider.valid_from)
    for person in people[len(andere) * 25 :]:
        chance = random.random()
        if chance < 0.015:
            present = person.facts[0].more["provider_ref"]
            _change_provider(country, person, country.other_wfbm(group, present), last_day(person))
        elif chance < 0.021:
            _once_outside(country, person, date(2018, 12, 31))
            person.add(day_between(random, date(2019, 1, 1), END_OF_2021), "PLATZWECHSEL", place="INTERN")
        elif chance < 0.024:
            country.to_aap(person, day_between(random, date(2022, 1, 1), LAST.last))
        elif chance < 0.044:
            residence = random.choice([ags for ags in _OWN if ags != person.residence_mk])
            person.add(day_between(random, FIRST.first, LAST.last), "MERKMALSAENDERUNG", residence_mk=residence)


def _change_provider(country: Country, person: Person, provider: Provider, earliest: date) -> None:
    day = day_between(country.random, max(earliest, last_day(person)) + timedelta(days=60), END_OF_2021)
    person.add(day, "ANBIETERWECHSEL", provider_ref=provider.ref)
