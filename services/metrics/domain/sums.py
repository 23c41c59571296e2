"""The one question that every key figure asks of the movements, and the shape of its answer.

A key figure is made of *terms*; a term is a condition (which movements or stays count) under an aggregate (flow over
a span, stock on its last day, person-days over it, summed duration). All that a figure needs is a sum of such terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.metrics.domain.measures import CONDITIONS, Base, Condition, Stays
from shared.kernel.mitgliedskoerperschaften import Traeger


class Attribution(StrEnum):
    """Whose movement or stay it is: the provider's, the payer's (§ 98 SGB IX) or the residence's."""

    PROVIDER = "PROVIDER"
    PAYER = "PAYER"
    RESIDENCE = "RESIDENCE"


class DateBasis(StrEnum):
    """Which date puts a flow into a window: the day it takes effect, or the day it was decided."""

    EFFECTIVE = "EFFECTIVE"
    DECIDED = "DECIDED"


class GroupBy(StrEnum):
    """What the rows of an answer stand for."""

    TOTAL = "TOTAL"
    MITGLIEDSKOERPERSCHAFT = "MITGLIEDSKOERPERSCHAFT"
    PROVIDER = "PROVIDER"
    DISABILITY = "DISABILITY"
    COMPARISON_GROUP = "COMPARISON_GROUP"


class Aggregate(StrEnum):
    """How the movements of a condition are summed over a span.

    FLOW: the signed movements of its days. STOCK: who is there on its last day. PERSON_DAYS: the stock of every day,
    added up. DURATION: like FLOW, each movement with the days since its person entered the phase it ends.
    """

    FLOW = "FLOW"
    STOCK = "STOCK"
    PERSON_DAYS = "PERSON_DAYS"
    DURATION = "DURATION"

    @property
    def base(self) -> Base:
        """What is added up underneath."""
        return _BASE_OF[self]


_BASE_OF = {
    Aggregate.FLOW: Base.FLOW,
    Aggregate.STOCK: Base.STOCK,
    Aggregate.PERSON_DAYS: Base.STOCK,
    Aggregate.DURATION: Base.DURATION,
}


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both counted, already cut at the horizon; empty when `last < first`.

    A STOCK is the one on `last`; it ignores `first` (so it exists for an empty span as well).
    """

    first: date
    last: date

    @property
    def days(self) -> int:
        """Calendar days of the span; 0 when it is empty."""
        return max(0, (self.last - self.first).days + 1)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition under one aggregate: by its name in `measures.CONDITIONS`, or a condition of its own.

    `cohort` confines flows of RUECKKEHR to Übergänge of these days; they then always count by `effective_on`, and
    belong to a comparison group by the month of their Übergang.
    """

    measure: str | Condition
    aggregate: Aggregate
    cohort: Span | None = None

    def __post_init__(self) -> None:
        if isinstance(self.condition, Stays) is not (self.aggregate.base is Base.STOCK):
            raise ValueError(f"{self.aggregate} does not fit {self.measure}")
        if self.cohort is not None and self.aggregate is not Aggregate.FLOW:
            raise ValueError("only flows have a cohort")

    @property
    def condition(self) -> Condition:
        """What counts. Raises `KeyError` for a name that is none."""
        return CONDITIONS[self.measure] if isinstance(self.measure, str) else self.measure


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a comparison group: a provider, or, for rows without one, a Mitgliedskörperschaft.

    It counts during whole months: from the month of `valid_from` to that of `valid_to`, None = always.
    """

    provider_id: UUID | None
    mitgliedskoerperschaft: str | None
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Filters:
    """What the rows are confined to; the key is the one of the attribution. None = no restriction."""

    provider_id: UUID | None = None
    provider_kind: str | None = None
    mitgliedskoerperschaft: str | None = None
    disability: str | None = None


@dataclass(frozen=True, slots=True)
class SumRequest:
    """Terms × spans × groups of one Träger, as known at the end of `known_on` (None = everything known)."""

    traeger: Traeger
    terms: Sequence[Term]
    spans: Sequence[Span]
    attribution: Attribution = Attribution.PROVIDER
    date_basis: DateBasis = DateBasis.EFFECTIVE
    known_on: date | None = None
    group_by: GroupBy = GroupBy.TOTAL
    filters: Filters = Filters()
    members: Sequence[Member] = ()


@dataclass(frozen=True, slots=True)
class SumRow:
    """One non-zero sum of a span and a term (their places in the request).

    `group` is "TOTAL", an AGS, a provider id or "OHNE_ANBIETER", a disability, "GROUP" or "BASE".
    """

    span: int
    term: int
    group: str
    value: int
