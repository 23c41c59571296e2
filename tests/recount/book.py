"""The facts of a case after each command, and what a command is refused for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum

from tests.recount import requests, rules, stays
from tests.recount.model import Add, Amend, Cancel, Change, Command, Fact, Movement, Provider, Registration


class Class(Enum):
    """How the HTTP contract answers a refused command."""

    INVALID = 422
    CONFLICT = 409


class RefusedError(Exception):
    """A command that is not taken; `breaks_at` is the reference of the fact that breaks, where one does."""

    def __init__(self, answer: Class, why: str, breaks_at: str | None = None) -> None:
        super().__init__(f"{answer.value}: {why}")
        self.answer = answer
        self.breaks_at = breaks_at


@dataclass(frozen=True, slots=True)
class Book:
    """One case as it stands: living facts by reference, cancelled references, facts ever told."""

    registration: Registration
    facts: Mapping[str, Fact] = field(default_factory=dict)
    cancelled: frozenset[str] = frozenset()
    told: int = 0

    def apply(
        self, command: Command, providers: Mapping[str, Provider], traeger: str
    ) -> tuple["Book", list[Movement]]:
        """The book after a command and its movements. Raises RefusedError, UndecidedError: nothing has changed."""
        result = self._changed(command.changes, providers, traeger, command.recorded_on)
        facts = list(result.facts.values())
        try:
            return result, stays.check(self.registration, facts, providers, command.recorded_on)
        except rules.BrokenError as broken:
            asked = broken.attributes and broken.ref in _carrying_attributes(command.changes)
            answer = Class.INVALID if asked else Class.CONFLICT
            raise RefusedError(answer, str(broken), broken.ref) from broken

    def _changed(
        self, changes: tuple[Change, ...], providers: Mapping[str, Provider], traeger: str, recorded_on: date
    ) -> "Book":
        facts = dict(self.facts)
        cancelled = set(self.cancelled)
        told = self.told
        named = [change.fact.ref if isinstance(change, Add) else change.ref for change in changes]
        if len(named) != len(set(named)):
            raise RefusedError(Class.INVALID, "a fact named twice")
        for change in changes:
            if isinstance(change, Add):
                told += 1
                touched: Fact | None = replace(change.fact, entry=told)
            else:
                touched = self._touched(change)
            if touched is None:
                del facts[named_by(change)]
                cancelled.add(named_by(change))
                continue
            why = requests.fault(touched, providers, traeger, recorded_on)
            if why is not None:
                raise RefusedError(Class.INVALID, why)
            facts[touched.ref] = touched
        return Book(self.registration, facts, frozenset(cancelled), told)

    def _touched(self, change: Amend | Cancel) -> Fact | None:
        if change.ref in self.cancelled:
            raise RefusedError(Class.CONFLICT, "cancelled before")
        if change.ref not in self.facts:
            raise RefusedError(Class.INVALID, "unknown fact")
        if isinstance(change, Cancel):
            return None
        return replace(self.facts[change.ref], **dict(change.values))  # type: ignore[arg-type] # names are attributes


def named_by(change: Change) -> str:
    """The reference of the fact a change is about."""
    return change.fact.ref if isinstance(change, Add) else change.ref


def _carrying_attributes(changes: tuple[Change, ...]) -> set[str]:
    """References of the facts on which the request itself puts payer, residence, disability or kombi."""
    found = set()
    for change in changes:
        if isinstance(change, Add):
            given = {name for name in requests.ATTRIBUTES if getattr(change.fact, name) is not None}
        elif isinstance(change, Amend):
            given = {name for name in requests.ATTRIBUTES if change.values.get(name) is not None}
        else:
            continue
        if given:
            found.add(named_by(change))
    return found
