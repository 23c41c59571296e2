"""A fast count over import lines with the rules and definitions of the recount: it stands in for the two services.

Spells instead of days, because fifty thousand people over forty years are too many days to walk through.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.recount import periods
from tests.recount.book import Book
from tests.recount.definitions import FIGURES, Figure, Flow, Part, Stock
from tests.recount.figures import rounded
from tests.recount.model import Add, Cell, Command, Fact, Movement, Provider, Registration

ALWAYS = date.max


@dataclass(frozen=True, slots=True)
class Spell:
    """Days in one cell, both named days in it."""

    first: date
    last: date
    cell: Cell


class Counted:
    """Everything import lines tell, made into movements and spells by the rules of the recount."""

    def __init__(self, lines: Iterable[str], traeger: str, recorded_on: date) -> None:
        self.providers: dict[str, Provider] = {}
        self.people: list[list[Movement]] = []
        for line in lines:
            told = json.loads(line)
            if "provider" in told:
                found = provider_told(told["provider"])
                self.providers[found.ref] = found
            else:
                self.people.append(self._movements(told, traeger, recorded_on))
        self.movements = [movement for person in self.people for movement in person]
        self.spells = [spell for person in self.people for spell in _spells(person)]

    def _movements(self, told: Mapping[str, Any], traeger: str, recorded_on: date) -> list[Movement]:
        start = Registration(told["payer_mk"], told["residence_mk"], told["disability"], told["kombi"])
        facts = [fact_told(str(index), body) for index, body in enumerate(told["movements"])]
        command = Command(recorded_on, tuple(Add(fact) for fact in facts))
        return Book(start).apply(command, self.providers, traeger)[1]


def provider_told(told: Mapping[str, Any]) -> Provider:
    """A provider from its import line."""
    until = None if told["valid_to"] is None else date.fromisoformat(told["valid_to"])
    since = date.fromisoformat(told["valid_from"])
    return Provider(told["external_ref"], told["name"], told["kind"], told["mitgliedskoerperschaft"], since, until)


def fact_told(ref: str, told: Mapping[str, Any]) -> Fact:
    """A fact from an import line."""
    more = dict(told)
    for name in ("effective_on", "decided_on"):
        if name in more:
            more[name] = date.fromisoformat(more[name])
    if "provider_ref" in more:
        more["provider"] = more.pop("provider_ref")
    return Fact(ref, **more)


def _spells(movements: list[Movement]) -> Iterable[Spell]:
    for index, movement in enumerate(movements):
        last = ALWAYS
        if index + 1 < len(movements):
            last = movements[index + 1].effective_on - timedelta(days=1)
        if movement.target is not None and movement.effective_on <= last:
            yield Spell(movement.effective_on, last, movement.target)


class Answers:
    """Answers the questions of the table: totals, one comparison group, a disability, nothing else."""

    def __init__(self, counted: Counted, group: str, members: Iterable[Mapping[str, Any]]) -> None:
        self._counted = counted
        self._group = group
        self._members = {member.get("provider_id") or member["mitgliedskoerperschaft"] for member in members}

    def ask(self, path: str, params: Mapping[str, str]) -> Any:
        """The items of an answer of the metrics API."""
        if path == "/v1/stocks":
            on = date.fromisoformat(params["on"])
            spells = self._counted.spells
            count = sum(s.first <= on <= s.last and s.cell.phase == params["phase"] for s in spells)
            return {"items": [{"group": "TOTAL", "count": count}]}
        kpi = path.split("/")[3]
        return {"items": self._values(FIGURES[kpi], params)}

    def _values(self, figure: Figure, params: Mapping[str, str]) -> list[dict[str, object]]:
        end = periods.parse(params["period"]).last
        start = end
        if not figure.stocks_only:
            window = params.get("window", figure.window)
            start = periods.window_start(window, end, periods.parse("2020-Q1"))
        basis = params.get("date_basis", "EFFECTIVE")
        grouped = params.get("group_by") == "COMPARISON_GROUP"
        above = self._sums(figure.above, start, end, basis, grouped, params.get("disability"))
        below = Counter[str]()
        if figure.below is not None:
            narrowed = None if figure.share else params.get("disability")
            below = self._sums(figure.below, start, end, basis, grouped, narrowed)
        items = []
        for group in (self._group, "base") if grouped else ("TOTAL",):
            divisor = Fraction(below[group])
            if figure.below is None:
                divisor = Fraction(1)
            elif not isinstance(figure.below, Flow | Stock):
                divisor /= (end - start).days + 1
            value = rounded(figure.scale * above[group] / divisor, 4)
            items.append({"group": group, "numerator": above[group], "value": value})
        return items

    def _sums(
        self, part: Part, start: date, end: date, basis: str, grouped: bool, disability: str | None
    ) -> Counter[str]:
        sums: Counter[str] = Counter()
        if isinstance(part, Flow):
            for movement in self._counted.movements:
                on = movement.effective_on
                if basis == "DECIDED" and movement.decided_on is not None:
                    on = movement.decided_on
                if start <= on <= end and (weight := part.rule(movement)):
                    sums[self._group_of(_counting(movement, part.like_uebergang), grouped)] += weight
            return sums
        first = end if isinstance(part, Stock) else start
        for spell in self._counted.spells:
            days = (min(spell.last, end) - max(spell.first, first)).days + 1
            if days > 0 and part.rule(spell.cell) and disability in (None, spell.cell.disability):
                sums[self._group_of(spell.cell, grouped)] += days
        return sums

    def _group_of(self, cell: Cell, grouped: bool) -> str:
        if not grouped:
            return "TOTAL"
        return self._group if (cell.provider or cell.payer_mk) in self._members else "base"


def _counting(movement: Movement, like_uebergang: bool) -> Cell:
    """The cell a movement is counted by."""
    cells = [movement.uebergang_from] if like_uebergang else [movement.source, movement.target]
    told = [cell for cell in cells if cell is not None]
    return next((cell for cell in told if cell.provider is not None), told[-1])
