"""Westfalen-Lippe as the generator sees it: two groups of providers, and people who come to them."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from random import Random

from deploy.local.scenario.calendar import day_between, months_later
from deploy.local.scenario.people import Person, Provider, Standing
from deploy.local.scenario.quotas import BASIS, FIRST, MODELL
from deploy.local.scenario.werkstaetten import WHOLE_MODEL_MKS
from shared.kernel.mitgliedskoerperschaften import MITGLIEDSKOERPERSCHAFTEN, OUTSIDE, Traeger, of_traeger

_ABROAD = (*(mk.ags for mk in MITGLIEDSKOERPERSCHAFTEN if mk.traeger is Traeger.LVR), *[OUTSIDE] * 10)
_OWN = tuple(mk.ags for mk in of_traeger(Traeger.LWL))
REASONS = ("RENTE", "TOD", "KUENDIGUNG", "TAGESSTRUKTUR", "UMZUG", "SONSTIGE", "VERZICHT")
FOR_AGE = (55, 12, 8, 9, 6, 6, 4)
"""How likely each reason is in the Arbeitsbereich and after."""
TOO_EARLY = (0, 2, 40, 10, 14, 12, 22)
"""And for those who break off EV or BBB."""
INITIATORS = ("PERSON", "ANBIETER", "TRAEGER")


class Country:
    """Providers by group, and the chances all people share."""

    def __init__(self, random: Random, providers: Sequence[Provider]) -> None:
        self.random = random
        self.providers = tuple(providers)
        self._by_ref = {provider.ref: provider for provider in providers}
        self._wfbm = {
            group: [p for p in providers if p.kind == "WFBM" and p.modell == (group == MODELL)]
            for group in (MODELL, BASIS)
        }

    def andere(self) -> list[Provider]:
        """The andere Leistungsanbieter."""
        return [provider for provider in self.providers if provider.kind != "WFBM"]

    def group_of(self, standing: Standing) -> str | None:
        """The group a person at a provider counts in; None without a provider."""
        if standing.provider is None:
            return None
        return MODELL if self._by_ref[standing.provider].modell else BASIS

    def wfbm(self, group: str) -> Provider:
        """A WfbM of a group, the bigger the likelier."""
        choices = self._wfbm[group]
        return self.random.choices(choices, [provider.weight for provider in choices])[0]

    def other_wfbm(self, group: str, present: str) -> Provider:
        """A WfbM of a group that is not the present one."""
        while (found := self.wfbm(group)).ref == present:
            pass
        return found

    def mk_of(self, group: str) -> str:
        """A Mitgliedskörperschaft that pays where no provider decides about the group."""
        members = WHOLE_MODEL_MKS if group == MODELL else [ags for ags in _OWN if ags not in WHOLE_MODEL_MKS]
        return self.random.choice(members)

    def person(self, home: str) -> Person:
        """Somebody whose home is a Mitgliedskörperschaft; one in ten lives or is paid for elsewhere."""
        person = Person(payer_mk=home, residence_mk=home)
        if self.random.random() < 0.06:
            person.payer_mk = self.random.choice(_OWN)
        self.move(person)
        return person

    def move(self, person: Person) -> None:
        """Let one in twelve live elsewhere."""
        if self.random.random() < 0.08:
            person.residence_mk = self.random.choice(_ABROAD if self.random.random() < 0.25 else _OWN)

    def in_arbeitsbereich(self, group: str, before: date) -> Person:
        """Somebody who came to the Arbeitsbereich at some time since 1985, on the way of the law, before a day."""
        provider = self.wfbm(group)
        person = self.person(provider.mk)
        latest = before - timedelta(days=900)
        start = day_between(self.random, date(self.random.randint(1985, latest.year - 1), 1, 1), latest)
        if self.random.random() < 0.12:
            reason = self.random.choice(("AUFNAHME_VON_AUSSEN", "VORBESCHAEFTIGUNG"))
            person.add(start, "ZUGANG_ARBEITSBEREICH", provider_ref=provider.ref, reason=reason)
            return person
        person.add(start, "ZUGANG_BBB", provider_ref=provider.ref)
        person.add(months_later(start, self.random.randint(22, 27)), "ZUGANG_ARBEITSBEREICH")
        return person

    def leave(self, person: Person, day: date, weights: Sequence[int] = FOR_AGE) -> None:
        """Add an Abgang for a likely reason."""
        reason = self.random.choices(REASONS, weights)[0]
        if reason in ("KUENDIGUNG", "SONSTIGE", "VERZICHT"):
            person.add(day, "ABGANG", reason=reason, initiator=self.random.choice(INITIATORS))
        else:
            person.add(day, "ABGANG", reason=reason)

    def to_aap(self, person: Person, day: date) -> None:
        """Add the move to an ausgelagerter Arbeitsplatz."""
        place = self.random.choices(("AAP_EINZEL", "AAP_GRUPPE"), (6, 4))[0]
        person.add(day, "PLATZWECHSEL", place=place)


def last_day(person: Person) -> date:
    """The day of the newest fact."""
    return person.facts[-1].day


def untouched(people: Iterable[Person]) -> list[Person]:
    """People who are in a cell and of whom nothing is told since the scenario begins."""
    return [p for p in people if last_day(p) < FIRST.first and p.standing(FIRST.first).phase is not None]
