"""Grants follow movements: from what was told of the facts of a case to its proposals.

Whatever the order in which commands arrive, the result is the same. A fact is what its newest command says; a grant
exists once any command has opened it; state and end are computed from all facts anew. So a command that was set
aside and comes late can neither undo nor repeat what younger ones have done.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from services.budgets.domain.model import Act, Grant, HistoryEntry, Instrument, Movement, Phase, State
from services.budgets.domain.openings import opened_by, phase_entered_by, phase_left_by
from shared.kernel.mitgliedskoerperschaften import Traeger

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Signed:
    """One event: the movement is added (+1) or, with exactly its values, taken back (-1)."""

    index: int
    sign: int
    movement: Movement


@dataclass(frozen=True, slots=True)
class Command:
    """All events of one command of a case that are of interest, in their order."""

    traeger: Traeger
    case_id: UUID
    case_version: int
    events: tuple[Signed, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What the newest command said of a fact: which funded phase it enters and leaves. Neither: it was taken back.

    `left_since` is the day on which the phase it leaves began, so it names the stay it ends. `entry` is where the
    fact was first told of; it orders facts of one day.
    """

    fact_id: UUID
    case_version: int
    entry: tuple[int, int]
    effective_on: date
    opens: Instrument | None
    enters: Phase | None
    leaves: Phase | None
    left_since: date | None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What is known of the money of one case."""

    told: Mapping[UUID, Told]
    grants: Mapping[tuple[UUID, Instrument], Grant]


EMPTY = CaseFile({}, {})


def is_of_interest(movement: Movement, traeger: Traeger) -> bool:
    """Whether a movement opens a grant, or leads into or out of a funded phase."""
    found = (opened_by(movement, traeger), phase_entered_by(movement), phase_left_by(movement))
    return any(each is not None for each in found)


def follow(
    file: CaseFile, command: Command, *, new_id: Callable[[], UUID]
) -> tuple[CaseFile, Sequence[HistoryEntry]]:
    """The file after a command, and why each changed grant has changed. A command twice changes nothing."""
    told = dict(file.told)
    grants = dict(file.grants)
    for fact_id, events in _by_fact(command).items():
        told[fact_id] = _newest(told.get(fact_id), _said_of(fact_id, events, command))
        for event in events:
            if event.sign > 0:
                _open(grants, event.movement, command, new_id)
    history: list[HistoryEntry] = []
    for key, grant in grants.items():
        before, now = file.grants.get(key), _settled(grant, told)
        if before is None or replace(now, case_version=before.case_version) != before:
            now = replace(now, version=now.version + 1)
            history.append(HistoryEntry(now.id, now.version, _act(before, now), command.case_version))
        grants[key] = now
    return CaseFile(told, grants), history


def _by_fact(command: Command) -> dict[UUID, list[Signed]]:
    facts: dict[UUID, list[Signed]] = {}
    for event in command.events:
        facts.setdefault(event.movement.fact_id, []).append(event)
    return {
        fact_id: events
        for fact_id, events in facts.items()
        if any(is_of_interest(event.movement, command.traeger) for event in events)
    }


def _said_of(fact_id: UUID, events: Sequence[Signed], command: Command) -> Told:
    last = events[-1]
    stands = last.sign > 0
    left = phase_left_by(last.movement) if stands else None
    return Told(
        fact_id=fact_id,
        case_version=command.case_version,
        entry=(command.case_version, last.index),
        effective_on=last.movement.effective_on,
        opens=opened_by(last.movement, command.traeger) if stands else None,
        enters=phase_entered_by(last.movement) if stands else None,
        leaves=left,
        left_since=last.movement.before_since if left is not None else None,
    )


def _newest(before: Told | None, now: Told) -> Told:
    if before is None:
        return now
    newest = now if now.case_version > before.case_version else before
    return replace(newest, entry=min(before.entry, now.entry))


def _open(
    grants: dict[tuple[UUID, Instrument], Grant], movement: Movement, command: Command, new_id: Callable[[], UUID]
) -> None:
    instrument = opened_by(movement, command.traeger)
    if instrument is None:
        return
    assert movement.after is not None, "what opens a grant leads into its phase"
    key = (movement.fact_id, instrument)
    known = grants.get(key)
    if known is not None and known.case_version >= command.case_version:
        return
    grants[key] = Grant(
        id=known.id if known else new_id(),
        traeger=command.traeger,
        case_id=command.case_id,
        opened_by_fact=movement.fact_id,
        instrument=instrument,
        state=known.state if known else State.VORSCHLAG,
        start=movement.effective_on,
        end=known.end if known else None,
        decided_on=movement.decided_on,
        before=movement.before,
        after=movement.after,
        version=known.version if known else 0,
        case_version=command.case_version,
    )


def _settled(grant: Grant, told: Mapping[UUID, Told]) -> Grant:
    """The grant as all facts together make it. A withdrawn one keeps the dates it had."""
    opening = told[grant.opened_by_fact]
    if opening.opens is not grant.instrument:
        return replace(grant, state=State.ZURUECKGEZOGEN)
    return replace(grant, state=State.VORSCHLAG, end=_end(opening, grant.instrument.phase, told.values()))


def _end(opening: Told, phase: Phase, told: Iterable[Told]) -> date | None:
    """The day before the movement that ends the stay. Several stays may begin on one day; all but one end on it."""
    facts = list(told)
    begun = [fact for fact in facts if fact.enters is phase and fact.effective_on == opening.effective_on]
    ended = [fact for fact in facts if fact.leaves is phase and fact.left_since == opening.effective_on]
    stay = sorted(begun, key=lambda fact: fact.entry).index(opening)
    in_order = sorted(ended, key=lambda fact: (fact.effective_on, fact.entry))
    return in_order[stay].effective_on - _ONE_DAY if stay < len(in_order) else None


def _act(before: Grant | None, now: Grant) -> Act:
    if now.state is State.ZURUECKGEZOGEN:
        return Act.WITHDRAWN if before is None or before.state is not State.ZURUECKGEZOGEN else Act.CHANGED
    if before is None:
        return Act.OPENED
    if before.state is State.ZURUECKGEZOGEN:
        return Act.RESTORED
    if replace(before, end=now.end, version=now.version, case_version=now.case_version) == now:
        return Act.UNBOUNDED if now.end is None else Act.BOUNDED
    return Act.CHANGED
