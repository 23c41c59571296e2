"""The nTA scenario: about 50,000 invented histories of Westfalen-Lippe whose sums are the published ones."""

from pathlib import Path

from deploy.local.scenario.alternatives import Alternatives
from deploy.local.scenario.attributes import deal_disabilities, deal_kombi, tell_kombi_changes
from deploy.local.scenario.calendar import seeded
from deploy.local.scenario.country import Country, untouched
from deploy.local.scenario.entrants import entrants
from deploy.local.scenario.people import Person, numbered, write_lines
from deploy.local.scenario.quotas import GROUPS
from deploy.local.scenario.stayers import leavers, stayers
from deploy.local.scenario.transitions import Transitions
from deploy.local.scenario.werkstaetten import providers

SEED = 2022
TRAEGER = "LWL"
_KOMBI_CHANGES = 60
"""Every sixtieth of those of whom nothing else is told."""


def nta_people(country: Country) -> list[Person]:
    """Everybody of the scenario, in the order of their file numbers."""
    alternatives = Alternatives(country)
    alternatives.begin()
    people: list[Person] = []
    for group in GROUPS:
        people += entrants(country, alternatives, group)
    late = {id(person) for person in people}
    alternatives.finish()
    people += [person for person in alternatives.people if id(person) not in late]
    transitions = Transitions(country)
    transitions.create()
    people += transitions.people
    for group in GROUPS:
        people += leavers(country, group)
    others = tuple(people)
    for group in GROUPS:
        people += stayers(country, group, others)
    deal_disabilities(country, people)
    deal_kombi(country, people)
    tell_kombi_changes(country, untouched(people)[::_KOMBI_CHANGES])
    country.random.shuffle(people)
    return people


def write_nta(path: Path, seed: int = SEED) -> int:
    """Write the scenario as import lines, providers first; return the number of lines."""
    country = Country(seeded(seed), providers())
    people = nta_people(country)
    return write_lines(path, [*(p.line() for p in country.providers), *numbered(people, "NTA")])
