"""One step along a timeline: what a fact does to the cell, by the rule table and the past of the case."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from services.cases.domain.cell import JOB_PHASES, Cell, Phase, Place, Registration
from services.cases.domain.errors import InvalidMovementError, NothingChangesError, TimelineError
from services.cases.domain.facts import PERSON_ATTRIBUTES, Fact, Kind, Reason
from services.cases.domain.movement import Movement
from services.cases.domain.providers import Provider
from services.cases.domain.rules import (
    PAST_BITS,
    RULE_INDEX,
    SELECTOR_OF,
    CompiledRule,
    Past,
    PlaceRule,
    ProviderRule,
    Rule,
    Target,
    allowed_kinds,
)
from shared.kernel.errors import FieldError

_PERSON_OF = attrgetter(*PERSON_ATTRIBUTES)
_NO_PERSON = (None,) * len(PERSON_ATTRIBUTES)
_UEBERGANG = PAST_BITS[Past.UEBERGANG]
_FROM_EV_BBB = PAST_BITS[Past.UEBERGANG_FROM_EV_BBB]
_RUECKKEHR_OPEN = PAST_BITS[Past.RUECKKEHR_OPEN]
_TOD = PAST_BITS[Past.TOD]
_PHASE_BITS = {
    Phase.EV: PAST_BITS[Past.WERKSTATT],
    Phase.BBB: PAST_BITS[Past.WERKSTATT],
    Phase.ARBEITSBEREICH: PAST_BITS[Past.WERKSTATT] | PAST_BITS[Past.ARBEITSBEREICH],
}


@dataclass(frozen=True, slots=True)
class Touched:
    """A fact that the command names: its place in the request, and the patch (`None` = the fact is added)."""

    pointer: str
    patch: Mapping[str, Any] | None

    def carries(self, name: str) -> bool:
        """Whether the request gives this attribute on an amended fact; an added one carries all it has."""
        return self.patch is None or self.patch.get(name) is not None


class Path:
    """A person's path up to a fact. `step` goes on by one fact, or refuses it and stays where it is."""

    __slots__ = (
        "_alternative_on", "_cell", "_past", "_person", "_providers", "_recorded_at", "_since", "_touched",
        "_uebergang_from", "_uebergang_on",
    )  # fmt: skip

    def __init__(
        self,
        registration: Registration,
        providers: Mapping[UUID, Provider],
        recorded_at: datetime,
        touched: Mapping[UUID, Touched],
    ) -> None:
        self._providers = providers
        self._recorded_at = recorded_at
        self._touched = touched
        self._cell: Cell | None = None
        self._since: date | None = None
        self._person: Registration | Cell = registration
        self._past = 0
        self._alternative_on: date | None = None
        self._uebergang_on: date | None = None
        self._uebergang_from: Cell | None = None

    def step(self, fact: Fact) -> Movement:
        """The movement of the next fact. Raises `TimelineError` or `InvalidMovementError`."""
        cell, kind = self._cell, fact.kind
        if cell is not None and kind is not Kind.MERKMALSAENDERUNG:
            self._refuse_person_attributes(fact)
        row = self._row(fact)
        to = self._target(fact, row.rule)
        is_return = kind is Kind.RUECKKEHR
        is_zugang = kind is Kind.ZUGANG_EV or kind is Kind.ZUGANG_BBB
        movement = Movement(
            fact.fact_id,
            kind,
            fact.effective_on,
            fact.decided_on,
            cell,
            to,
            self._since,
            fact.instrument,
            fact.reason,
            fact.zugangsweg,
            fact.initiator,
            self._alternative_on if is_zugang else None,
            self._uebergang_on if is_return else None,
            self._uebergang_from if is_return else None,
            self._recorded_at,
        )
        self._advance(fact, to)
        return movement

    def refusal(
        self, fact: Fact, detail: str, error: type[TimelineError] = TimelineError, name: str = "kind"
    ) -> TimelineError:
        """The typed refusal of a fact at this place of the path."""
        touched = self._touched.get(fact.fact_id)
        added = touched is not None and touched.patch is None
        phase = self._cell.phase if self._cell is not None else None
        return error(
            detail,
            errors=[] if touched is None else [FieldError(f"{touched.pointer}/{name}", error.code, detail)],
            extensions={
                "breaks_at": None if added else str(fact.fact_id),
                "allowed": [kind.value for kind in allowed_kinds(phase, self._past)],
            },
        )

    def _refuse_person_attributes(self, fact: Fact) -> None:
        if _PERSON_OF(fact) == _NO_PERSON:
            return
        given = [name for name in PERSON_ATTRIBUTES if getattr(fact, name) is not None]
        detail = "Attributes of the person stand only on a fact that starts from no cell and on MERKMALSAENDERUNG."
        touched = self._touched.get(fact.fact_id)
        if touched is not None:
            message = "only on a fact that starts from no cell and on MERKMALSAENDERUNG"
            errors = [
                FieldError(f"{touched.pointer}/{name}", "not-allowed", message)
                for name in given
                if touched.carries(name)
            ]
            if errors:
                raise InvalidMovementError(detail, errors=errors)
        raise self.refusal(fact, detail, name=given[0])

    def _row(self, fact: Fact) -> CompiledRule:
        kind, cell = fact.kind, self._cell
        phase = cell.phase if cell is not None else None
        if self._past & _TOD:
            raise self.refusal(fact, "Nothing may stand after an ABGANG with reason TOD.")
        rows = RULE_INDEX[kind].get(phase)
        if rows is None:
            raise self.refusal(fact, f"{kind} does not start from {phase or 'no cell'}.")
        name = SELECTOR_OF.get(kind)
        row = rows.get(None if name is None else getattr(fact, name))
        if row is None:
            raise self.refusal(fact, _selector_needed(kind, phase, rows), name=name or "kind")
        if self._past & row.needs != row.needs or self._past & row.forbids:
            raise self.refusal(fact, f"{kind} from {phase or 'no cell'} only if {self._unmet(row)}.")
        return row

    def _unmet(self, row: CompiledRule) -> str:
        return next(
            condition.text
            for condition in row.rule.conditions
            if bool(self._past & PAST_BITS[condition.past]) is not condition.present
        )

    def _target(self, fact: Fact, rule: Rule) -> Cell | None:
        target = rule.target
        if target is Target.NONE:
            return None
        cell = self._cell
        kept = cell if target is Target.SAME else None
        provider_id, provider_mk = self._provider(fact, rule.provider, kept)
        place = self._place(fact, rule.place, kept)
        phase = kept.phase if kept is not None else target
        assert isinstance(phase, Phase)
        person = self._person
        if cell is not None and fact.kind is not Kind.MERKMALSAENDERUNG:
            return Cell(
                phase, provider_id, provider_mk, place,
                person.payer_mk, person.residence_mk, person.disability, person.kombi,
            )  # fmt: skip
        to = Cell(
            phase,
            provider_id,
            provider_mk,
            place,
            fact.payer_mk if fact.payer_mk is not None else person.payer_mk,
            fact.residence_mk if fact.residence_mk is not None else person.residence_mk,
            fact.disability if fact.disability is not None else person.disability,
            fact.kombi if fact.kombi is not None else person.kombi,
        )
        if cell is not None and to == cell:
            detail = "MERKMALSAENDERUNG must change an attribute; all given ones are the present ones."
            raise self.refusal(fact, detail, NothingChangesError)
        return to

    def _provider(self, fact: Fact, rule: ProviderRule, kept: Cell | None) -> tuple[UUID | None, str | None]:
        if rule is ProviderRule.NONE:
            return (kept.provider_id, kept.provider_mk) if kept is not None else (None, None)
        named = fact.provider_id
        if named is None:
            if rule is not ProviderRule.NAMED_OR_PRESENT:
                raise self.refusal(fact, f"{fact.kind} must name a provider here.", name="provider_id")
            assert self._cell is not None
            return self._cell.provider_id, self._cell.provider_mk
        if rule is ProviderRule.OTHER and kept is not None and named == kept.provider_id:
            detail = "ANBIETERWECHSEL must name another provider; a new place alone is a PLATZWECHSEL."
            raise self.refusal(fact, detail, NothingChangesError, "provider_id")
        return named, self._providers[named].mitgliedskoerperschaft

    def _place(self, fact: Fact, rule: PlaceRule, kept: Cell | None) -> Place | None:
        given = fact.place
        if rule is PlaceRule.NONE:
            if given is not None:
                raise self.refusal(fact, "A place exists in ARBEITSBEREICH only.", name="place")
            return kept.place if kept is not None else None
        if rule is PlaceRule.OTHER:
            assert kept is not None
            if given == kept.place:
                detail = "PLATZWECHSEL must name another place than the present one."
                raise self.refusal(fact, detail, NothingChangesError, "place")
            return given
        return given if given is not None else Place.INTERN

    def _advance(self, fact: Fact, to: Cell | None) -> None:
        cell, kind = self._cell, fact.kind
        if to is None:
            assert cell is not None
            left_a_job = self._past & _UEBERGANG and cell.phase in JOB_PHASES
            self._past = self._past | _RUECKKEHR_OPEN if left_a_job else self._past & ~_RUECKKEHR_OPEN
            if fact.reason is Reason.TOD:
                self._past |= _TOD
            self._since = None
        else:
            if cell is None or to.phase is not cell.phase:
                self._since = fact.effective_on
                self._past |= _PHASE_BITS.get(to.phase, 0)
            self._person = to
        if kind is Kind.UEBERGANG:
            self._note_uebergang(fact)
        elif kind is Kind.WERKSTATTALTERNATIVE:
            self._alternative_on = fact.effective_on
        elif kind is Kind.ZUGANG_EV or kind is Kind.ZUGANG_BBB:
            self._alternative_on = None
        self._cell = to

    def _note_uebergang(self, fact: Fact) -> None:
        cell = self._cell
        assert cell is not None
        self._uebergang_on, self._uebergang_from = fact.effective_on, cell
        self._past |= _UEBERGANG
        if cell.phase is Phase.ARBEITSBEREICH:
            self._past &= ~_FROM_EV_BBB
        else:
            self._past |= _FROM_EV_BBB


def _selector_needed(kind: Kind, phase: Phase | None, rows: Mapping[Any, CompiledRule]) -> str:
    values = [str(value) for value in rows if value is not None]
    start = f"{kind} from {phase or 'no cell'}"
    if not values:
        return f"{start} has no {SELECTOR_OF[kind]}."
    return f"{start} needs {SELECTOR_OF[kind]} {' or '.join(values)}."
