"""The one door to a case: facts and changes in, the new timeline and its signed movements out, or a typed refusal."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.cases.domain.cell import Registration
from services.cases.domain.checks import check_fact
from services.cases.domain.errors import FactCancelledError, InvalidMovementError, TooManyFactsError
from services.cases.domain.facts import AMENDABLE, Fact
from services.cases.domain.movement import Movement, SignedMovement
from services.cases.domain.path import Touched
from services.cases.domain.providers import Provider
from services.cases.domain.timeline import in_order, legal_movements
from shared.kernel.errors import FieldError
from shared.kernel.mitgliedskoerperschaften import Traeger

MAX_FACTS = 400


@dataclass(frozen=True, slots=True)
class Add:
    """Record a new fact. Its `entry` is given by `decide`; `pointer` is the place in the request, for problems."""

    fact: Fact
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Amend:
    """Change a recorded fact by a merge patch: typed values by attribute, `None` removes an optional one."""

    fact_id: UUID
    patch: Mapping[str, Any]
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take a recorded fact back for good."""

    fact_id: UUID
    pointer: str = ""


Change = Add | Amend | Cancel


@dataclass(frozen=True, slots=True)
class History:
    """A case as recorded: present facts and their movements, both in timeline order.

    `next_entry` is one more than the entries ever given, `cancelled` the cancelled facts (at least those a command
    names).
    """

    traeger: Traeger
    registration: Registration
    facts: Sequence[Fact] = ()
    movements: Sequence[Movement] = ()
    next_entry: int = 1
    cancelled: Container[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command does. Not `changed`: write nothing at all. Changed without `signed`: a version, no event."""

    changed: bool
    facts: Sequence[Fact]
    movements: Sequence[Movement]
    next_entry: int
    added: Sequence[Fact] = ()
    amended: Sequence[Fact] = ()
    cancelled: Sequence[UUID] = ()
    signed: Sequence[SignedMovement] = field(default=())


def next_recorded_at(now: datetime, last: datetime | None) -> datetime:
    """The `recorded_at` of a command: the clock's, but never before the last one of the case."""
    return now if last is None or now > last else last


def decide(
    history: History,
    changes: Sequence[Change],
    *,
    providers: Mapping[UUID, Provider],
    recorded_at: datetime,
    day: date,
) -> Decision:
    """Apply the changes of one command; `day` is the day of `recorded_at` in Berlin. All or nothing.

    Raises `InvalidMovementError` and `TooManyFactsError` (422), `FactCancelledError` and `TimelineError` (409).
    """
    plan = _Plan(history)
    for change in changes:
        plan.take(change)
    if not plan.added and not plan.amended and not plan.cancelled:
        return Decision(False, history.facts, history.movements, history.next_entry)
    errors: list[FieldError] = []
    for fact in (*plan.added, *plan.amended):
        errors += check_fact(fact, plan.touched[fact.fact_id].pointer, history.traeger, providers, day)
    if errors:
        raise InvalidMovementError("The movement cannot be recorded like this.", errors=errors)
    facts = in_order(plan.facts())
    if len(facts) > MAX_FACTS:
        raise TooManyFactsError(f"A case holds at most {MAX_FACTS} facts.")
    movements = legal_movements(
        history.registration, facts, providers=providers, recorded_at=recorded_at, day=day, touched=plan.touched
    )
    present, signed = _difference(history.movements, movements)
    return Decision(True, facts, present, plan.next_entry, plan.added, plan.amended, tuple(plan.cancelled), signed)


class _Plan:
    """The changes of one command, collected and checked against each other."""

    __slots__ = ("_by_id", "_history", "added", "amended", "cancelled", "next_entry", "touched")

    def __init__(self, history: History) -> None:
        self._history = history
        self._by_id = {fact.fact_id: fact for fact in history.facts}
        self.added: list[Fact] = []
        self.amended: list[Fact] = []
        self.cancelled: list[UUID] = []
        self.next_entry = history.next_entry
        self.touched: dict[UUID, Touched] = {}

    def take(self, change: Change) -> None:
        if isinstance(change, Add):
            fact = change.fact
            if fact.entry != self.next_entry:
                fact = replace(fact, entry=self.next_entry)
            self._touch(fact.fact_id, change.pointer, None)
            self.next_entry += 1
            self.added.append(fact)
        elif isinstance(change, Amend):
            self._touch(change.fact_id, change.pointer, change.patch)
            self._amend(self._known(change), change)
        else:
            self._touch(change.fact_id, change.pointer, {})
            self.cancelled.append(self._known(change).fact_id)

    def facts(self) -> list[Fact]:
        if not self.amended and not self.cancelled:
            return [*self._history.facts, *self.added]
        facts = {**self._by_id, **{fact.fact_id: fact for fact in self.amended}}
        for fact_id in self.cancelled:
            del facts[fact_id]
        return [*facts.values(), *self.added]

    def _touch(self, fact_id: UUID, pointer: str, patch: Mapping[str, Any] | None) -> None:
        if fact_id in self.touched:
            error = FieldError(f"{pointer}/fact_id", "named-twice", "a command names each fact at most once")
            raise InvalidMovementError("A fact is named twice in the command.", errors=[error])
        self.touched[fact_id] = Touched(pointer, patch)

    def _known(self, change: Amend | Cancel) -> Fact:
        fact = self._by_id.get(change.fact_id)
        if fact is not None:
            return fact
        if change.fact_id in self._history.cancelled:
            raise FactCancelledError("The fact has been cancelled; record a new one instead.")
        error = FieldError(f"{change.pointer}/fact_id", "unknown-fact", "a fact of this case")
        raise InvalidMovementError("The case has no such fact.", errors=[error])

    def _amend(self, fact: Fact, change: Amend) -> None:
        errors = [
            FieldError(f"{change.pointer}/{name}", "immutable", "cannot be amended; cancel the fact and add another")
            for name in change.patch
            if name not in AMENDABLE
        ]
        if "effective_on" in change.patch and change.patch["effective_on"] is None:
            errors.append(FieldError(f"{change.pointer}/effective_on", "required", "every fact has a date"))
        if errors:
            raise InvalidMovementError("The fact cannot be amended like this.", errors=errors)
        amended = replace(fact, **change.patch)
        if amended != fact:
            self.amended.append(amended)


def _difference(
    before: Sequence[Movement], after: Sequence[Movement]
) -> tuple[Sequence[Movement], Sequence[SignedMovement]]:
    """The movements that now hold (unchanged ones keep their `recorded_at`), and what to take back and write."""
    if not before:
        return after, [SignedMovement(1, movement) for movement in after]
    old = {movement.fact_id: movement for movement in before}
    present: list[Movement] = []
    written: list[SignedMovement] = []
    kept: set[UUID] = set()
    for movement in after:
        known = old.get(movement.fact_id)
        if known is not None and known == movement:
            kept.add(movement.fact_id)
            present.append(known)
        else:
            present.append(movement)
            written.append(SignedMovement(1, movement))
    taken_back = [SignedMovement(-1, movement) for movement in reversed(before) if movement.fact_id not in kept]
    return present, [*taken_back, *written]
