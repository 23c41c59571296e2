"""Which facts are legal one after the other, and what cells and movements they give (one person, in order)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from tests.recount import model
from tests.recount.model import Cell, Fact, Movement, Provider, Registration

JOBS = frozenset({model.BUDGET_FUER_ARBEIT, model.BUDGET_FUER_AUSBILDUNG, model.ALLGEMEINER_ARBEITSMARKT})
_STARTS_JOB = {
    "BUDGET_FUER_ARBEIT": model.BUDGET_FUER_ARBEIT,
    "BUDGET_FUER_AUSBILDUNG": model.BUDGET_FUER_AUSBILDUNG,
    "OHNE_BUDGET": model.ALLGEMEINER_ARBEITSMARKT,
}


class BrokenError(Exception):
    """A fact that cannot stand where it stands; `ref` names it."""

    def __init__(self, ref: str, why: str, *, attributes: bool = False) -> None:
        super().__init__(f"{ref}: {why}")
        self.ref = ref
        self.attributes = attributes


class UndecidedError(Exception):
    """The definitions can be read in two ways here, so no test may rest on it."""


@dataclass(slots=True)
class _Person:
    """What is known of a person while the facts are gone through."""

    registration: Registration
    movements: list[Movement] = field(default_factory=list)
    since: date | None = None

    @property
    def cell(self) -> Cell | None:
        return self.movements[-1].target if self.movements else None

    def last(self, kind: str) -> Movement | None:
        return next((m for m in reversed(self.movements) if m.kind == kind), None)

    def ever_in(self, *phases: str) -> bool:
        return any(m.target is not None and m.target.phase in phases for m in self.movements)

    def last_attributes(self) -> tuple[str, str, str, bool]:
        for movement in reversed(self.movements):
            known = movement.target or movement.source
            if known is not None:
                return known.payer_mk, known.residence_mk, known.disability, known.kombi
        start = self.registration
        return start.payer_mk, start.residence_mk, start.disability, start.kombi

    def may_return(self) -> bool:
        """Whether a RUECKKEHR could stand here."""
        if self.last("UEBERGANG") is None:
            return False
        if self.cell is not None:
            return self.cell.phase in JOBS
        left = self.last("ABGANG")
        return left is not None and left.source is not None and left.source.phase in JOBS

    def pending_alternative(self) -> date | None:
        """The day of the last WERKSTATTALTERNATIVE if no ZUGANG_EV or ZUGANG_BBB has followed it yet."""
        for movement in reversed(self.movements):
            if movement.kind in ("ZUGANG_EV", "ZUGANG_BBB"):
                return None
            if movement.kind == "WERKSTATTALTERNATIVE":
                return movement.effective_on
        return None


def _need(condition: bool, fact: Fact, why: str) -> None:
    if not condition:
        raise BrokenError(fact.ref, why)


def _given_attributes(fact: Fact) -> bool:
    return any(value is not None for value in (fact.payer_mk, fact.residence_mk, fact.disability, fact.kombi))


def _cell(person: _Person, fact: Fact, providers: Mapping[str, Provider], phase: str, **where: str | None) -> Cell:
    """A cell of the phase with the attributes last known, or those the fact brings from nowhere."""
    payer, residence, disability, kombi = person.last_attributes()
    provider = where.get("provider")
    return Cell(
        phase=phase,
        provider=provider,
        provider_mk=None if provider is None else providers[provider].mk,
        place=where.get("place"),
        payer_mk=fact.payer_mk or payer,
        residence_mk=fact.residence_mk or residence,
        disability=fact.disability or disability,
        kombi=kombi if fact.kombi is None else fact.kombi,
    )


def _zugang(person: _Person, fact: Fact, phase: str | None) -> None:
    open_phases = (None, model.WERKSTATTALTERNATIVE, model.ZUVERDIENST)
    jobs = (model.BUDGET_FUER_ARBEIT, model.ALLGEMEINER_ARBEITSMARKT)
    fine = phase in open_phases or (phase in jobs and person.last("UEBERGANG") is None)
    _need(fine, fact, "no Zugang from here")


def _zugang_arbeitsbereich(person: _Person, fact: Fact, phase: str | None) -> None:
    reason = fact.reason
    if phase == model.BBB:
        _need(reason is None, fact, "no reason from BBB")
    elif phase == model.EV:
        _need(reason == "VORBESCHAEFTIGUNG", fact, "from EV only with VORBESCHAEFTIGUNG")
    elif phase is None:
        known = ("VORBESCHAEFTIGUNG", "AUFNAHME_VON_AUSSEN", "WIEDERAUFNAHME")
        _need(reason in known, fact, "from none only with a reason")
        _need(not person.may_return(), fact, "this is a Rückkehr")
    else:
        _need(phase == model.ZUVERDIENST and reason == "WIEDERAUFNAHME", fact, "no Zugang from here")
    if reason == "WIEDERAUFNAHME":
        _need(person.ever_in(model.ARBEITSBEREICH), fact, "never was in the Arbeitsbereich")


def _target(person: _Person, fact: Fact, providers: Mapping[str, Provider]) -> Cell | None:
    """The cell a fact leads to. Raises BrokenError."""
    cell = person.cell
    phase = None if cell is None else cell.phase
    kind = fact.kind
    if _given_attributes(fact) and kind != "MERKMALSAENDERUNG" and phase is not None:
        raise BrokenError(fact.ref, "attributes only from none", attributes=True)
    if kind in ("ZUGANG_EV", "ZUGANG_BBB"):
        _zugang(person, fact, phase)
        return _cell(person, fact, providers, kind.removeprefix("ZUGANG_"), provider=fact.provider)
    if kind == "EINTRITT_BBB":
        _need(phase == model.EV, fact, "only from EV")
        assert cell is not None
        return _cell(person, fact, providers, model.BBB, provider=fact.provider or cell.provider)
    if kind == "ZUGANG_ARBEITSBEREICH":
        _zugang_arbeitsbereich(person, fact, phase)
        provider = fact.provider or (cell.provider if cell is not None else None)
        _need(provider is not None, fact, "a provider is needed from here")
        return _cell(person, fact, providers, model.ARBEITSBEREICH, provider=provider, place=fact.place or "INTERN")
    if kind in ("PLATZWECHSEL", "ANBIETERWECHSEL", "MERKMALSAENDERUNG"):
        return _change_in_phase(person, fact, providers)
    if kind == "UEBERGANG":
        _need(phase in model.WERKSTATT, fact, "only from EV, BBB, ARBEITSBEREICH")
        assert fact.instrument is not None
        return _cell(person, fact, providers, _STARTS_JOB[fact.instrument])
    if kind == "WERKSTATTALTERNATIVE":
        _need(phase in (None, model.ZUVERDIENST), fact, "only from none or ZUVERDIENST")
        _need(not person.ever_in(*model.WERKSTATT), fact, "was in a Werkstatt before")
        return _cell(person, fact, providers, model.WERKSTATTALTERNATIVE)
    if kind == "FOERDERENDE":
        funded = (model.BUDGET_FUER_ARBEIT, model.BUDGET_FUER_AUSBILDUNG, model.WERKSTATTALTERNATIVE)
        _need(phase in funded, fact, "only from a budget")
        return _cell(person, fact, providers, model.ALLGEMEINER_ARBEITSMARKT)
    if kind == "FOLGEFOERDERUNG":
        _need(phase in (model.BUDGET_FUER_AUSBILDUNG, model.ALLGEMEINER_ARBEITSMARKT), fact, "not from here")
        return _cell(person, fact, providers, model.BUDGET_FUER_ARBEIT)
    if kind == "RUECKKEHR":
        return _return(person, fact, providers)
    if kind == "AUFNAHME_ZUVERDIENST":
        _need(phase in (None, model.ARBEITSBEREICH), fact, "only from none or ARBEITSBEREICH")
        return _cell(person, fact, providers, model.ZUVERDIENST)
    assert kind == "ABGANG"
    _need(cell is not None, fact, "nowhere to leave")
    return None


def _change_in_phase(person: _Person, fact: Fact, providers: Mapping[str, Provider]) -> Cell:
    cell = person.cell
    _need(cell is not None, fact, "in no cell")
    assert cell is not None
    provider, place = cell.provider, cell.place
    if fact.kind == "PLATZWECHSEL":
        _need(cell.phase == model.ARBEITSBEREICH, fact, "only in ARBEITSBEREICH")
        place = fact.place
    elif fact.kind == "ANBIETERWECHSEL":
        _need(cell.phase in model.WERKSTATT, fact, "only in EV, BBB, ARBEITSBEREICH")
        _need(fact.provider != cell.provider, fact, "the present provider")
        provider = fact.provider
        if cell.phase == model.ARBEITSBEREICH:
            place = fact.place or "INTERN"
        else:
            _need(fact.place is None, fact, "a place only in ARBEITSBEREICH")
    target = _cell(person, fact, providers, cell.phase, provider=provider, place=place)
    _need(target != cell, fact, "changes nothing")
    return target


def _return(person: _Person, fact: Fact, providers: Mapping[str, Provider]) -> Cell:
    _need(person.may_return(), fact, "no way back from here")
    left = person.last("UEBERGANG")
    assert left is not None
    assert left.source is not None
    if fact.to_phase == model.BBB:
        _need(left.source.phase in (model.EV, model.BBB), fact, "to BBB only after an Übergang from EV or BBB")
        return _cell(person, fact, providers, model.BBB, provider=fact.provider)
    return _cell(person, fact, providers, model.ARBEITSBEREICH, provider=fact.provider, place=fact.place or "INTERN")


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Facts as they apply: by day, on one day by their first recording."""
    return sorted(facts, key=lambda fact: (fact.effective_on, fact.entry))


def _move(person: _Person, fact: Fact, providers: Mapping[str, Provider]) -> None:
    _need(not any(m.reason == "TOD" for m in person.movements), fact, "after death")
    source = person.cell
    target = _target(person, fact, providers)
    alternative = person.pending_alternative() if fact.kind in ("ZUGANG_EV", "ZUGANG_BBB") else None
    left = person.last("UEBERGANG") if fact.kind == "RUECKKEHR" else None
    person.movements.append(
        Movement(
            ref=fact.ref,
            kind=fact.kind,
            effective_on=fact.effective_on,
            decided_on=fact.decided_on,
            source=source,
            target=target,
            from_since=None if source is None else person.since,
            instrument=fact.instrument,
            reason=fact.reason,
            zugangsweg=fact.zugangsweg,
            initiator=fact.initiator,
            alternative_on=alternative,
            uebergang_on=None if left is None else left.effective_on,
            uebergang_from=None if left is None else left.source,
        )
    )
    if target is None or source is None or target.phase != source.phase:
        person.since = fact.effective_on


def movements_until_broken(
    registration: Registration, facts: Iterable[Fact], providers: Mapping[str, Provider]
) -> tuple[list[Movement], BrokenError | None]:
    """The movements of facts in order up to the first that cannot stand after those before it, and why not."""
    person = _Person(registration)
    for fact in in_order(facts):
        try:
            _move(person, fact, providers)
        except BrokenError as broken:
            return person.movements, broken
    return person.movements, None
