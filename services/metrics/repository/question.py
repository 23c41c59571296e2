"""A question for sums taken apart: its axis, and per term the measures or movements that answer it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from services.metrics.domain.measures import Base, Condition, cover
from services.metrics.domain.sums import Aggregate, DateBasis, GroupBy, Span, SumRequest, Term
from services.metrics.repository.axis import Axis, axis_of, month_number
from services.metrics.repository.membership import Membership, membership_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Strand:
    """One condition to be summed along the axis. `decided`: by the day of the decision. Terms may share it."""

    base: Base
    condition: Condition
    decided: bool
    cohort: Span | None

    @property
    def from_slot(self) -> int:
        """The first slot that matters: a stock needs everything before the first bound as well."""
        return 0 if self.base is Base.STOCK else 1

    @property
    def measures(self) -> tuple[int, ...]:
        """The numbers of the measures that add up to it; empty if it must be counted from all movements."""
        return tuple(measure.number for measure in cover(self.base, self.condition))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was known at the end of a day (None: everything)."""

    until: date | None

    @property
    def whole_months(self) -> int | None:
        """The first recorded month that is not known to its end (None: all are)."""
        return None if self.until is None else month_number(self.until + _DAY)

    @property
    def broken_from(self) -> date | None:
        """The first day of the month of which only the beginning is known, if there is one."""
        if self.until is None or (self.until + _DAY).day == 1:
            return None
        return self.until.replace(day=1)


@dataclass(frozen=True, slots=True)
class Question:
    """A request with everything its statement and its folding need."""

    request: SumRequest
    axis: Axis
    knowledge: Knowledge
    strands: tuple[Strand, ...]
    cohort_axes: Mapping[Span, Axis]
    membership: Membership

    def strand_of(self, term: Term) -> Strand:
        """The strand that answers a term."""
        return _strand(self.request, term)


def question_of(request: SumRequest) -> Question | None:
    """Take a request apart; None if there is nothing to sum."""
    membership = membership_of(request.members if request.group_by is GroupBy.COMPARISON_GROUP else ())
    bounds = set(_bounds(request))
    if not bounds:
        return None
    axis = axis_of({*bounds, *membership.changes(min(bounds), max(bounds))})
    cohorts = {term.cohort for term in request.terms if term.cohort is not None}
    return Question(
        request,
        axis,
        Knowledge(request.known_on),
        tuple(dict.fromkeys(_strand(request, term) for term in request.terms)),
        {cohort: _cohort_axis(cohort, membership) for cohort in cohorts},
        membership,
    )


def _bounds(request: SumRequest) -> Iterator[date]:
    stocks = any(term.aggregate is Aggregate.STOCK for term in request.terms)
    others = any(term.aggregate is not Aggregate.STOCK for term in request.terms)
    for span in request.spans:
        if stocks or (others and span.days):
            yield span.last + _DAY
        if others and span.days:
            yield span.first


def _cohort_axis(cohort: Span, membership: Membership) -> Axis:
    end = cohort.last + _DAY
    return axis_of({cohort.first, end, *membership.changes(cohort.first, end)})


def _strand(request: SumRequest, term: Term) -> Strand:
    base = term.aggregate.base
    decided = request.date_basis is DateBasis.DECIDED and base is not Base.STOCK and term.cohort is None
    return Strand(base, term.condition, decided, term.cohort)


def by_block(strands: Iterable[Strand]) -> list[tuple[Strand, ...]]:
    """Strands that are read from the cube alike."""
    blocks: dict[tuple[object, ...], list[Strand]] = {}
    for strand in strands:
        blocks.setdefault((strand.from_slot, strand.decided, strand.cohort), []).append(strand)
    return [tuple(block) for block in blocks.values()]


def codes_of(block: int, strands: Sequence[Strand]) -> Iterator[tuple[int, Strand]]:
    """The codes under which the cube answers the strands of a block."""
    for strand in strands:
        for number in strand.measures:
            yield block * BLOCK + number, strand


BLOCK = 1_000
"""Codes of the cube: the block's place times this, plus the number of the measure."""
