"""What a line does to a file: pure decisions, through the same `decide` as every other command.

A line with `movements` is the state of the book: the facts that imports created are brought to it. A line with
`commands` tells how the book came to its state, day by day; it can only open a file.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from msgspec import UNSET

from services.cases.domain.cell import Registration
from services.cases.domain.checks import EARLIEST, check_registration
from services.cases.domain.commands import Add, Amend, Cancel, Change, Decision, History, decide, next_recorded_at
from services.cases.domain.facts import ATTRIBUTES, Fact
from services.cases.domain.providers import Provider
from services.cases.repository.imports.batch import File
from services.cases.service.imports.errors import RefusedLineError
from services.cases.service.imports.lines import CaseLine, ChangeLine, CommandLine, MovementLine
from shared.kernel.clock import berlin_day, berlin_noon
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id

_REGISTRATION = ("payer_mk", "residence_mk", "disability", "kombi")


@dataclass(frozen=True, slots=True)
class Desk:
    """What all lines of a chunk share: who may do what, the providers, and the present instant."""

    traeger: Traeger
    now: datetime
    today: date
    may_correct: bool
    may_migrate: bool
    providers: Mapping[UUID, Provider]
    provider_ids: Mapping[str, UUID]

    def provider_id(self, ref: str | None, pointer: str) -> UUID | None:
        """The provider a line names by its reference. Raises `RefusedLineError`."""
        if ref is None:
            return None
        found = self.provider_ids.get(ref)
        if found is None:
            detail = "No provider of the Träger has this external_ref."
            raise RefusedLineError("unknown-provider", detail, f"{pointer}/provider_ref")
        return found


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a line: what it decided, and what is entered with it."""

    recorded_at: datetime
    decision: Decision
    reason: str | None = None


def digest_of(raw: bytes, line: CaseLine, provider_ids: Mapping[str, UUID]) -> bytes:
    """What an equal line is known by: its bytes, and for a state of the book the providers its references mean."""
    digest = hashlib.blake2b(raw, digest_size=16)
    for movement in line.movements or ():
        if movement.provider_ref is not None:
            found = provider_ids.get(movement.provider_ref)
            digest.update(found.bytes if found is not None else b"?")
    return digest.digest()


def is_unchanged(file: File, line: CaseLine, digest: bytes) -> bool:
    """Whether the file is as this very line left it. Dated commands are taken over once, whatever came later."""
    return file.line_hash == digest and (line.commands is not None or file.line_version == file.version)


def registration_of(line: CaseLine) -> Registration:
    """The attributes a line registers a case with."""
    return Registration(line.payer_mk, line.residence_mk, line.disability, line.kombi)


def open_file(line: CaseLine, desk: Desk) -> tuple[datetime, list[Step]]:
    """The instant of the registration and the commands of a line for a case that is not known yet."""
    registration = registration_of(line)
    check_registration(registration, desk.traeger)
    history = History(desk.traeger, registration)
    if line.commands is not None:
        return _dated_commands(line.commands, history, desk)
    movements = line.movements or []
    _check_told_apart(movements)
    changes = [
        Add(_fact_of(movement, number + 1, f"/movements/{number}", desk), f"/movements/{number}")
        for number, movement in enumerate(movements)
    ]
    decision = decide(history, changes, providers=desk.providers, recorded_at=desk.now, day=desk.today)
    return desk.now, [Step(desk.now, decision)]


def bring_up_to(file: File, line: CaseLine, desk: Desk) -> list[Step]:
    """The command that brings a known file to the state of the line; one that changes nothing has no effect."""
    history = file.history
    assert history is not None, "the file was loaded without its facts"
    if line.commands is not None:
        detail = "Dated commands open a file; this case is known, and the line is not the one it was taken over with."
        raise RefusedLineError("commands-differ", detail, "/commands")
    _check_registration(file.registration, registration_of(line))
    movements = line.movements or []
    _check_told_apart(movements)
    changes = list(_changes(file, history, movements, desk))
    if not desk.may_correct:
        _refuse_corrections(changes)
    recorded_at = next_recorded_at(desk.now, file.recorded_at)
    day = desk.today if recorded_at == desk.now else berlin_day(recorded_at)
    return [Step(recorded_at, decide(history, changes, providers=desk.providers, recorded_at=recorded_at, day=day))]


def _dated_commands(commands: Sequence[CommandLine], history: History, desk: Desk) -> tuple[datetime, list[Step]]:
    if not desk.may_migrate:
        raise RefusedLineError("migration-not-allowed", "Dated commands need the scope cases:migrate.", "/commands")
    if not commands:
        raise RefusedLineError("invalid-line", "At least one command is needed.", "/commands")
    refs: dict[str, UUID] = {}
    steps: list[Step] = []
    earlier = EARLIEST
    for number, command in enumerate(commands):
        pointer = f"/commands/{number}"
        if not earlier <= command.recorded_on <= desk.today:
            detail = f"The days ascend, from {EARLIEST} to today."
            raise RefusedLineError("invalid-line", detail, f"{pointer}/recorded_on")
        earlier = command.recorded_on
        recorded_at = min(berlin_noon(command.recorded_on), desk.now)
        changes = [
            _dated_change(change, f"{pointer}/changes/{place}", refs, history.next_entry, desk)
            for place, change in enumerate(command.changes)
        ]
        decision = decide(
            history, changes, providers=desk.providers, recorded_at=recorded_at, day=command.recorded_on
        )
        history = after(history, decision)
        reasons = [change.cancel.reason for change in command.changes if change.cancel is not None]
        steps.append(Step(recorded_at, decision, "; ".join(reasons)[:500] or None))
    return steps[0].recorded_at, steps


def _dated_change(change: ChangeLine, pointer: str, refs: dict[str, UUID], entry: int, desk: Desk) -> Change:
    if [change.add, change.amend, change.cancel].count(None) != 2:
        raise RefusedLineError("invalid-line", "A change is exactly one of add, amend, cancel.", pointer)
    if change.add is not None:
        pointer = f"{pointer}/add"
        fact = _fact_of(change.add, entry, pointer, desk)
        if fact.external_ref is not None:
            if fact.external_ref in refs:
                detail = "Another fact of the line has this external_ref."
                raise RefusedLineError("duplicate-fact", detail, f"{pointer}/external_ref")
            refs[fact.external_ref] = fact.fact_id
        return Add(fact, pointer)
    if change.cancel is not None:
        return Cancel(_named(change.cancel.ref, refs, f"{pointer}/cancel"), f"{pointer}/cancel")
    amend = change.amend
    assert amend is not None
    pointer = f"{pointer}/amend"
    patch = {
        name: getattr(amend, name)
        for name in ("effective_on", *ATTRIBUTES)
        if name != "provider_id" and getattr(amend, name) is not UNSET
    }
    if amend.provider_ref is not UNSET:
        patch["provider_id"] = desk.provider_id(amend.provider_ref, pointer)
    return Amend(_named(amend.ref, refs, pointer), patch, pointer)


def _named(ref: str, refs: Mapping[str, UUID], pointer: str) -> UUID:
    found = refs.get(ref)
    if found is None:
        raise RefusedLineError("invalid-line", "No earlier fact of the line has this external_ref.", f"{pointer}/ref")
    return found


def after(history: History, decision: Decision) -> History:
    """The history once a decision is carried out."""
    gone = frozenset(decision.cancelled)
    cancelled = history.cancelled | gone if isinstance(history.cancelled, frozenset) else gone
    return History(
        history.traeger,
        history.registration,
        decision.facts,
        decision.movements,
        decision.next_entry,
        cancelled,
    )


def _fact_of(line: MovementLine, entry: int, pointer: str, desk: Desk) -> Fact:
    return Fact(
        new_id(),
        entry,
        line.kind,
        line.effective_on,
        line.decided_on,
        desk.provider_id(line.provider_ref, pointer),
        line.place,
        line.instrument,
        line.reason,
        line.zugangsweg,
        line.initiator,
        line.to_phase,
        line.payer_mk,
        line.residence_mk,
        line.disability,
        line.kombi,
        True,
        line.external_ref,
    )


def _check_told_apart(movements: Sequence[MovementLine]) -> None:
    """Facts are known by their reference, else by kind and day; two with the same mark cannot be told apart."""
    seen: set[object] = set()
    for number, movement in enumerate(movements):
        mark = _mark(movement)
        if mark in seen:
            if movement.external_ref is not None:
                detail, member = "Another fact of the line has this external_ref.", "external_ref"
            else:
                detail, member = "Two facts of one kind and day each need an external_ref.", "effective_on"
            raise RefusedLineError("duplicate-fact", detail, f"/movements/{number}/{member}")
        seen.add(mark)


def _mark(fact: MovementLine | Fact) -> object:
    return fact.external_ref if fact.external_ref is not None else (fact.kind, fact.effective_on)


def _check_registration(present: Registration, wanted: Registration) -> None:
    for name in _REGISTRATION:
        if getattr(present, name) != getattr(wanted, name):
            detail = "The case was registered with another value; amend its first fact or record a MERKMALSAENDERUNG."
            raise RefusedLineError("registration-changed", detail, f"/{name}")


def _changes(file: File, history: History, movements: Sequence[MovementLine], desk: Desk) -> Iterator[Change]:
    own = {_mark(fact): fact for fact in history.facts if fact.imported}
    for number, movement in enumerate(movements):
        pointer = f"/movements/{number}"
        known = own.pop(_mark(movement), None)
        if known is None:
            _refuse_cancelled(file, movement, pointer)
            yield Add(_fact_of(movement, 0, pointer, desk), pointer)
            continue
        if known.kind is not movement.kind:
            detail = "A fact keeps its kind; leave it out and record another one with its own external_ref."
            raise RefusedLineError("kind-changed", detail, f"{pointer}/kind")
        wanted = _fact_of(movement, known.entry, pointer, desk)
        patch = {
            name: getattr(wanted, name)
            for name in ("effective_on", *ATTRIBUTES)
            if getattr(wanted, name) != getattr(known, name)
        }
        if patch:
            yield Amend(known.fact_id, patch, pointer)
    for fact in own.values():
        yield Cancel(fact.fact_id, "/movements")


def _refuse_cancelled(file: File, movement: MovementLine, pointer: str) -> None:
    if movement.external_ref is not None:
        if movement.external_ref not in file.cancelled_refs:
            return
        member = "external_ref"
    else:
        if (movement.kind, movement.effective_on) not in file.cancelled_days:
            return
        member = "effective_on"
    detail = "The fact has been cancelled and stays cancelled; leave it out of the book."
    raise RefusedLineError("external-ref-cancelled", detail, f"{pointer}/{member}")


def _refuse_corrections(changes: Sequence[Change]) -> None:
    for change in changes:
        if not isinstance(change, Add):
            detail = "The line would amend or cancel a recorded fact, which needs the scope cases:correct."
            raise RefusedLineError("correction-not-allowed", detail, change.pointer)
