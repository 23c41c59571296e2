"""A person with the facts of an import line, and where they are on a day."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

_PHASE_AFTER: Mapping[str, str | None] = {
    "ZUGANG_EV": "EV",
    "ZUGANG_BBB": "BBB",
    "EINTRITT_BBB": "BBB",
    "ZUGANG_ARBEITSBEREICH": "ARBEITSBEREICH",
    "WERKSTATTALTERNATIVE": "WERKSTATTALTERNATIVE",
    "FOERDERENDE": "ALLGEMEINER_ARBEITSMARKT",
    "FOLGEFOERDERUNG": "BUDGET_FUER_ARBEIT",
    "RUECKKEHR": "ARBEITSBEREICH",
    "AUFNAHME_ZUVERDIENST": "ZUVERDIENST",
    "ABGANG": None,
}
_AT_PROVIDER = frozenset({"EV", "BBB", "ARBEITSBEREICH"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of an import line; `more` are its other members."""

    day: date
    kind: str
    more: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person is at the end of a day."""

    phase: str | None = None
    provider: str | None = None
    place: str | None = None


@dataclass(slots=True)
class Person:
    """An invented person. Facts are added in the order of their days."""

    facts: list[Fact] = field(default_factory=list)
    payer_mk: str = ""
    residence_mk: str = ""
    disability: str = ""
    kombi: bool = False

    def add(self, day: date, kind: str, **more: str) -> None:
        """Add the next fact."""
        self.facts.append(Fact(day, kind, more))

    def standing(self, day: date) -> Standing:
        """Where the person is at the end of a day by the facts added so far."""
        phase = provider = place = None
        for fact in self.facts:
            if fact.day > day:
                break
            phase, provider, place = _after(fact, phase, provider, place)
        return Standing(phase, provider, place)

    def line(self, external_ref: str) -> str:
        """The import line."""
        movements = [{"kind": fact.kind, "effective_on": fact.day.isoformat(), **fact.more} for fact in self.facts]
        return json.dumps(
            {
                "external_ref": external_ref,
                "payer_mk": self.payer_mk,
                "residence_mk": self.residence_mk,
                "disability": self.disability,
                "kombi": self.kombi,
                "movements": [_typed(movement) for movement in movements],
            }
        )


def _after(
    fact: Fact, phase: str | None, provider: str | None, place: str | None
) -> tuple[str | None, str | None, str | None]:
    """Phase, provider and place once a fact has become effective."""
    if fact.kind == "MERKMALSAENDERUNG":
        return phase, provider, place
    if fact.kind == "UEBERGANG":
        budget = fact.more["instrument"]
        phase = "ALLGEMEINER_ARBEITSMARKT" if budget == "OHNE_BUDGET" else budget
    else:
        phase = _PHASE_AFTER.get(fact.kind, phase)
    if phase not in _AT_PROVIDER:
        return phase, None, None
    provider = fact.more.get("provider_ref", provider)
    if phase != "ARBEITSBEREICH":
        return phase, provider, None
    if fact.kind in ("ZUGANG_ARBEITSBEREICH", "RUECKKEHR", "ANBIETERWECHSEL", "PLATZWECHSEL"):
        place = fact.more.get("place", "INTERN")
    return phase, provider, place


def _typed(movement: dict[str, str]) -> dict[str, str | bool]:
    """Truth values as JSON writes them."""
    if "kombi" in movement:
        return {**movement, "kombi": movement["kombi"] == "true"}
    return dict(movement)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of the scenario; `modell` tells whether it took part in the evaluated model."""

    ref: str
    name: str
    kind: str
    mk: str
    valid_from: date
    modell: bool
    weight: int

    def line(self) -> str:
        """The import line."""
        body = {
            "external_ref": self.ref,
            "name": self.name,
            "kind": self.kind,
            "mitgliedskoerperschaft": self.mk,
            "valid_from": self.valid_from.isoformat(),
            "valid_to": None,
        }
        return json.dumps({"provider": body}, ensure_ascii=False)


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write import lines to a file and return how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line + "\n")
            count += 1
    return count


def numbered(people: Iterable[Person], prefix: str) -> Iterator[str]:
    """The lines of people, who get a file number in the order given."""
    for number, person in enumerate(people, start=1):
        yield person.line(f"{prefix}-{number:06}")
