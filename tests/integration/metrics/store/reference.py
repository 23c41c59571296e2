"""The slow truth: every sum counted movement by movement and day by day, from what the definitions say.

It shares the words of a request with the product and nothing else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.domain.measures import Moves, Stays
from services.metrics.domain.sums import SumRequest, Term
from shared.contracts.cases_v1 import Cell, Movement
from tests.integration.metrics.store.histories import Recorded

BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
AB = "ARBEITSBEREICH"
AAP = ("AAP_EINZEL", "AAP_GRUPPE")
PHASES = (
    "EV BBB ARBEITSBEREICH BUDGET_FUER_ARBEIT BUDGET_FUER_AUSBILDUNG WERKSTATTALTERNATIVE ALLGEMEINER_ARBEITSMARKT "
    "ZUVERDIENST"
)
KINDS = (
    "ZUGANG_EV ZUGANG_BBB EINTRITT_BBB ZUGANG_ARBEITSBEREICH PLATZWECHSEL ANBIETERWECHSEL MERKMALSAENDERUNG "
    "UEBERGANG WERKSTATTALTERNATIVE FOERDERENDE FOLGEFOERDERUNG RUECKKEHR AUFNAHME_ZUVERDIENST ABGANG"
)


def _in_phase(*phases: str) -> Callable[[Cell], bool]:
    return lambda cell: cell.phase in phases


def _of_kind(*kinds: str) -> Callable[[Movement], bool]:
    return lambda moved: moved.kind in kinds


def _uebergang(moved: Movement, *places: str, instrument: str | None = None) -> bool:
    return (
        moved.kind == "UEBERGANG"
        and moved.from_ is not None
        and moved.from_.phase == AB
        and (not places or moved.from_.place in places)
        and instrument in (None, moved.instrument)
    )


STAYS: dict[str, Callable[[Cell], bool]] = {
    **{f"S:{phase}": _in_phase(phase) for phase in PHASES.split()},
    "S:INTERN": lambda cell: cell.place == "INTERN",
    "S:AAP_EINZEL": lambda cell: cell.place == "AAP_EINZEL",
    "S:AAP_GRUPPE": lambda cell: cell.place == "AAP_GRUPPE",
    "S:EV_BBB": _in_phase("EV", "BBB"),
    "S:AAP": lambda cell: cell.place in AAP,
    "S:KOMBI": lambda cell: cell.phase == AB and cell.kombi,
    "S:BFA": _in_phase("BUDGET_FUER_ARBEIT", "WERKSTATTALTERNATIVE"),
}
BFA = "BUDGET_FUER_ARBEIT"
MOVES: dict[str, Callable[[Movement], bool]] = {
    **{f"F:{kind}": _of_kind(kind) for kind in KINDS.split()},
    "F:ZUGANG_EV_BBB": _of_kind("ZUGANG_EV", "ZUGANG_BBB"),
    "F:SPAETZUGANG": lambda m: m.kind in ("ZUGANG_EV", "ZUGANG_BBB") and m.alternative_on is not None,
    "F:UEBERGANG_AUS_AB": _uebergang,
    "F:UEBERGANG_BFA_AUS_AB": lambda m: _uebergang(m, instrument=BFA),
    "F:UEBERGANG_BFA_AUS_INTERN": lambda m: _uebergang(m, "INTERN", instrument=BFA),
    "F:UEBERGANG_BFA_AUS_AAP": lambda m: _uebergang(m, *AAP, instrument=BFA),
    "F:RUECKKEHR_NACH_UEBERGANG_AUS_AB": lambda m: m.uebergang_from is not None and m.uebergang_from.phase == AB,
}
BY_UEBERGANG = "F:RUECKKEHR_NACH_UEBERGANG_AUS_AB"


@dataclass(frozen=True, slots=True)
class Key:
    """Whose a movement or a stay is: a provider or, without one, a Mitgliedskörperschaft; and which disability."""

    provider: UUID | None
    mk: str
    disability: str


@dataclass(frozen=True, slots=True)
class Reference:
    """All movements, and the kinds of the providers that were told of."""

    recorded: Sequence[Recorded]
    kinds: Mapping[UUID, str]

    def answer(self, request: SumRequest) -> dict[tuple[int, int, str], int]:
        """Every sum that is not zero, by span, term and group."""
        total: Counter[tuple[int, int, str]] = Counter()
        known = [
            entry.movement
            for entry in self.recorded
            if entry.tenant is request.traeger
            and (request.known_on is None or entry.time.astimezone(BERLIN).date() <= request.known_on)
        ]
        for place, term in enumerate(request.terms):
            count = self._stays if term.aggregate in ("STOCK", "PERSON_DAYS") else self._moves
            for index, group, value in count(request, term, known):
                total[index, place, group] += value
        return {key: value for key, value in total.items() if value}

    def _moves(self, request: SumRequest, term: Term, known: Iterable[Movement]) -> Iterator[tuple[int, str, int]]:
        for moved in known:
            if not _counts(term.measure, moved):
                continue
            day = moved.effective_on
            if request.date_basis == "DECIDED" and term.cohort is None and moved.decided_on is not None:
                day = moved.decided_on
            month = day
            if term.cohort is not None:
                if moved.uebergang_on is None or not term.cohort.first <= moved.uebergang_on <= term.cohort.last:
                    continue
                month = moved.uebergang_on
            value = moved.sign
            if term.aggregate == "DURATION":
                assert moved.from_since is not None, "who leaves a phase has entered it"
                value *= (moved.effective_on - moved.from_since).days
            key = _move_key(request.attribution, term.measure, moved)
            for index, span in enumerate(request.spans):
                if span.first <= day <= span.last and self._passes(request, key):
                    yield index, self._group(request, key, month), value

    def _stays(self, request: SumRequest, term: Term, known: Sequence[Movement]) -> Iterator[tuple[int, str, int]]:
        ordered = sorted(known, key=lambda moved: moved.effective_on)
        present: Counter[Key] = Counter()
        days = {
            span.last if term.aggregate == "STOCK" else span.first + DAY * number
            for span in request.spans
            for number in range(1 if term.aggregate == "STOCK" else span.days)
        }
        place = 0
        for day in sorted(days):
            while place < len(ordered) and ordered[place].effective_on <= day:
                moved = ordered[place]
                for cell, direction in ((moved.to, 1), (moved.from_, -1)):
                    if cell is not None and _stands(term.measure, cell):
                        present[_stay_key(request.attribution, cell)] += direction * moved.sign
                place += 1
            groups: Counter[str] = Counter()
            for key, count in present.items():
                if count and self._passes(request, key):
                    groups[self._group(request, key, day)] += count
            for index, span in enumerate(request.spans):
                if day == span.last if term.aggregate == "STOCK" else span.first <= day <= span.last:
                    for group, count in groups.items():
                        yield index, group, count

    def _passes(self, request: SumRequest, key: Key) -> bool:
        filters = request.filters
        return (
            filters.provider_id in (None, key.provider)
            and filters.mitgliedskoerperschaft in (None, key.mk)
            and filters.disability in (None, key.disability)
            and (
                filters.provider_kind is None
                or (key.provider is not None and self.kinds.get(key.provider) == filters.provider_kind)
            )
        )

    def _group(self, request: SumRequest, key: Key, day: date) -> str:
        if request.group_by == "MITGLIEDSKOERPERSCHAFT":
            return key.mk
        if request.group_by == "PROVIDER":
            return "OHNE_ANBIETER" if key.provider is None else str(key.provider)
        if request.group_by == "DISABILITY":
            return key.disability
        if request.group_by == "TOTAL":
            return "TOTAL"
        month = (day.year, day.month)
        for member in request.members:
            same = (
                member.provider_id == key.provider
                if key.provider is not None
                else member.mitgliedskoerperschaft == key.mk
            )
            begun = member.valid_from is None or (member.valid_from.year, member.valid_from.month) <= month
            ended = member.valid_to is not None and (member.valid_to.year, member.valid_to.month) < month
            if same and begun and not ended:
                return "GROUP"
        return "BASE"


def _counts(measure: object, moved: Movement) -> bool:
    if isinstance(measure, str):
        return MOVES[measure](moved)
    assert isinstance(measure, Moves)
    from_ = moved.from_
    return (
        moved.kind in measure.kinds
        and (measure.instruments is None or moved.instrument in measure.instruments)
        and (measure.from_phases is None or (from_ is not None and from_.phase in measure.from_phases))
        and (measure.from_places is None or (from_ is not None and from_.place in measure.from_places))
    )


def _stands(measure: object, cell: Cell) -> bool:
    if isinstance(measure, str):
        return STAYS[measure](cell)
    assert isinstance(measure, Stays)
    return (
        cell.phase in measure.phases
        and (measure.places is None or cell.place in measure.places)
        and (measure.kombi is None or cell.kombi == measure.kombi)
    )


def _stay_key(attribution: str, cell: Cell) -> Key:
    if attribution == "PAYER":
        return Key(None, cell.payer_mk, cell.disability)
    if attribution == "RESIDENCE":
        return Key(None, cell.residence_mk, cell.disability)
    if cell.provider_id is None or cell.provider_mk is None:
        return Key(None, cell.payer_mk, cell.disability)
    return Key(cell.provider_id, cell.provider_mk, cell.disability)


def _move_key(attribution: str, measure: object, moved: Movement) -> Key:
    if measure == BY_UEBERGANG:
        assert moved.uebergang_from is not None, "counted by it"
        return _stay_key(attribution, moved.uebergang_from)
    from_, to = moved.from_, moved.to
    own = from_ or to
    assert own is not None, "a movement begins or ends somewhere"
    if attribution != "PROVIDER":
        return Key(None, own.payer_mk if attribution == "PAYER" else own.residence_mk, own.disability)
    for cell in (from_, to):
        if cell is not None and cell.provider_id is not None and cell.provider_mk is not None:
            return Key(cell.provider_id, cell.provider_mk, own.disability)
    payer = to or own
    return Key(None, payer.payer_mk, own.disability)
