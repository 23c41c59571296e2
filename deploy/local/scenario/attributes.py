"""Primary disability and Kombi cases, dealt out so that the shares of the published quarters come out."""

from collections.abc import Iterable, Sequence
from datetime import date

from deploy.local.scenario.calendar import day_between
from deploy.local.scenario.country import Country
from deploy.local.scenario.people import Person
from deploy.local.scenario.quotas import (
    BASIS,
    BFA_MODELL,
    BFA_WL,
    KOMBI_2020,
    KOMBI_JOINING,
    KOMBI_MODELL_2022,
    MODELL,
    REPORT_DAY,
    WFBM_MODELL,
    WFBM_WL,
    Shares,
)
from deploy.local.scenario.werkstaetten import WHOLE_MODEL_MKS

KINDS = ("GEISTIG", "SEELISCH", "KOERPERLICH")
_KOMBI_START = date(2020, 3, 31)
_BUDGETS = ("BUDGET_FUER_ARBEIT", "WERKSTATTALTERNATIVE")


def deal_disabilities(country: Country, people: Sequence[Person]) -> None:
    """Give everybody a primary disability; the stocks of 2022-Q1 get exactly their shares."""
    in_wfbm: dict[str, list[Person]] = {MODELL: [], BASIS: []}
    funded: list[Person] = []
    others: list[Person] = []
    for person in people:
        standing = person.standing(REPORT_DAY)
        group = country.group_of(standing)
        if standing.phase == "ARBEITSBEREICH" and group is not None:
            in_wfbm[group].append(person)
        else:
            (funded if standing.phase in _BUDGETS else others).append(person)
    _deal(country, in_wfbm[MODELL], in_wfbm[BASIS], WFBM_WL, WFBM_MODELL)
    modell, basis = _by_payer(country, funded)
    _deal(country, modell, basis, BFA_WL, BFA_MODELL)
    for person in others:
        person.disability = country.random.choices(KINDS, (68, 25, 7))[0]


def _by_payer(country: Country, funded: Iterable[Person]) -> tuple[list[Person], list[Person]]:
    """Where nobody is at a provider the payer decides. The model's number must allow its printed share exactly."""
    modell: list[Person] = []
    basis: list[Person] = []
    for person in funded:
        (modell if person.payer_mk in WHOLE_MODEL_MKS else basis).append(person)
    movable = [person for person in modell if person.facts[0].kind != "WERKSTATTALTERNATIVE"]
    while not _divisible(len(modell), BFA_MODELL.geistig):
        person = movable.pop()
        person.payer_mk = country.mk_of(BASIS)
        modell.remove(person)
        basis.append(person)
    return modell, basis


def _divisible(number: int, per_mille: int) -> bool:
    """Whether some part of `number` is the share when rounded to one decimal of a percent."""
    part = _part(number, per_mille)
    return abs(1000 * part - per_mille * number) * 2 < number


def _part(number: int, per_mille: int) -> int:
    return (number * per_mille + 500) // 1000


def _deal(country: Country, modell: list[Person], basis: list[Person], whole: Shares, of_modell: Shares) -> None:
    total = len(modell) + len(basis)
    geistig, seelisch = _part(total, whole.geistig), _part(total, whole.seelisch)
    first = (_part(len(modell), of_modell.geistig), _part(len(modell), of_modell.seelisch))
    for people, (some, others) in ((modell, first), (basis, (geistig - first[0], seelisch - first[1]))):
        country.random.shuffle(people)
        for index, person in enumerate(people):
            person.disability = KINDS[(index >= some) + (index >= some + others)]


def deal_kombi(country: Country, people: Sequence[Person]) -> None:
    """Give everybody Kombi or not, part by part of those who are there in 2020-Q1 and in 2022-Q1."""
    parts: dict[tuple[str, bool, bool], list[Person]] = {}
    for person in people:
        before, after = person.standing(_KOMBI_START), person.standing(REPORT_DAY)
        was, is_there = before.phase == "ARBEITSBEREICH", after.phase == "ARBEITSBEREICH"
        group = country.group_of(after if is_there else before) or BASIS
        parts.setdefault((group, was, is_there), []).append(person)
    modell = sum(len(found) for (group, was, _), found in parts.items() if was and group == MODELL)
    basis = sum(len(found) for (group, was, _), found in parts.items() if was and group == BASIS)
    of_basis = (KOMBI_2020 * (modell + basis) - KOMBI_MODELL_2022 * modell) / basis
    for (group, was, _), found in sorted(parts.items()):
        rate = KOMBI_MODELL_2022 if group == MODELL else of_basis if was else KOMBI_JOINING
        country.random.shuffle(found)
        for index, person in enumerate(found):
            person.kombi = index < round(len(found) * rate / 1000)


def tell_kombi_changes(country: Country, people: Iterable[Person]) -> None:
    """Let the Kombi of people have begun or ended in 2018 or 2019; from then on it is as dealt."""
    for person in people:
        day = day_between(country.random, date(2018, 1, 1), date(2019, 12, 31))
        person.add(day, "MERKMALSAENDERUNG", kombi="true" if person.kombi else "false")
        person.kombi = not person.kombi
