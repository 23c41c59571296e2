"""Every key figure, counted by going through people, movements and days one after the other."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from tests.recount import model, periods, query, reference
from tests.recount.definitions import FIGURES, Figure, Flow, Part, Stock
from tests.recount.known import NOWHERE, Chronicle, Person
from tests.recount.model import Cell, Movement
from tests.recount.periods import Period
from tests.recount.query import Filters, Params, Query
from tests.recount.worlds import Books

Row = dict[str, object]
Sums = Counter[str]
WITHOUT_PROVIDER = "OHNE_ANBIETER"
BASE = "base"


@dataclass(frozen=True, slots=True)
class Where:
    """The keys a movement or a stay is counted under."""

    provider: str | None
    mk: str
    disability: str


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a window, both named days in it, up to the last day that can be known."""

    start: date
    last: date

    @property
    def days(self) -> int:
        return max(0, (self.last - self.start).days + 1)


def rounded(value: Fraction, digits: int) -> str:
    """A fraction not below zero as decimal text, half away from zero."""
    units, rest = divmod(value.numerator * 10**digits, value.denominator)
    if 2 * rest >= value.denominator:
        units += 1
    whole, part = divmod(units, 10**digits)
    return f"{whole}.{part:0{digits}}"


class Recount:
    """Figures of one Träger on a day. `ids` gives the ids the providers have at the outside, by reference."""

    def __init__(self, books: Books, today: date, ids: Mapping[str, str] | None = None) -> None:
        self._books = books
        self._today = today
        self._ids = dict(ids) if ids is not None else {ref: ref for ref in books.providers}
        self._refs = {outside: ref for ref, outside in self._ids.items()}
        self._chronicle = Chronicle(books, today)

    @property
    def today(self) -> date:
        """The day on which is asked."""
        return self._today

    def values(self, kpi: str, params: Params) -> dict[str, object]:
        """The answer of `/v1/kpis/{kpi}/values` as far as it can be recounted. Raises query.UnanswerableError."""
        figure = FIGURES[kpi]
        asked = query.read(params, figure, kpi, self._books, self._today, self._refs)
        items: list[Row] = []
        for period in asked.periods:
            rows = self._rows(figure, asked, _start(figure, asked, period), period.last)
            items += [row | {"period": period.text} for row in rows]
        known_on = None if asked.known_on is None else asked.known_on.isoformat()
        return {"kpi": kpi, "window": asked.window, "known_on": known_on, "items": items}

    def counted(self, figure: Figure, params: Params, start: date, end: date) -> list[Row]:
        """Rows of a plain count from a day to a day (a stock: on `end`). Raises query.UnanswerableError."""
        known_on = query.read_known_on(params, self._today)
        group_by, attribution, members = query.read_grouping(params, self._books)
        filters = query.read_filters(params, attribution, self._books, self._refs)
        basis = query.read_date_basis(params)
        since = query.DEFAULT_SINCE
        asked = Query(group_by, (), figure.window, since, attribution, basis, known_on, filters, members, None)
        return self._rows(figure, asked, start, end)

    def _rows(self, figure: Figure, asked: Query, start: date, end: date) -> list[Row]:
        """The rows of a window that begins with `start` and belongs to a period that ends with `end`."""
        horizon = min(end, asked.known_on or self._today)
        last = horizon if asked.cohort is None else min(horizon, asked.cohort[1].last)
        span = Span(start, last)
        above = self._sums(figure.above, asked, span, horizon, asked.filters)
        below = self._below(figure, asked, span, horizon)
        groups = set(self.fixed_groups(asked, start, end))
        groups |= {group for sums in (above, below) for group, count in sums.items() if count}
        return [
            {"group": self.outside(group), "provisional": horizon < end}
            | _numbers(figure, above[group], below[group], span.days)
            for group in self.sorted_groups(groups, asked)
        ]

    def _below(self, figure: Figure, asked: Query, span: Span, horizon: date) -> Sums:
        if figure.below is None:
            return Counter()
        filters = asked.filters
        if figure.share:
            filters = Filters(filters.provider, filters.provider_kind, filters.mk, None)
        below = self._sums(figure.below, asked, span, horizon, filters)
        if figure.share and asked.group_by == "DISABILITY":
            whole = sum(below.values())
            return Counter(dict.fromkeys(model.DISABILITIES, whole))
        return below

    def _sums(self, part: Part, asked: Query, span: Span, horizon: date, filters: Filters) -> Sums:
        """One part of a figure by group."""
        sums: Sums = Counter()
        people = self._chronicle.people(asked.known_on)
        if isinstance(part, Flow):
            for movement, month in _flows(part, asked, people, span, horizon):
                where = self.where_moved(movement, asked.attribution, part.like_uebergang)
                if self.passes(where, filters):
                    sums[self.group(where, month, asked)] += part.rule(movement)
            return sums
        first = horizon if isinstance(part, Stock) else span.start
        last = horizon if isinstance(part, Stock) else span.last
        for person in people:
            for number, month, days in self._days_in(person, first, last):
                cell = self._chronicle.cells[number]
                where = self.where_staying(cell, asked.attribution)
                if part.rule(cell) and self.passes(where, filters):
                    sums[self.group(where, month, asked)] += days
        return sums

    def _days_in(self, person: Person, first: date, last: date) -> Iterator[tuple[int, int, int]]:
        """(cell, month, days): on how many days of each month of a span a person was in which cell."""
        day = max(first, self._chronicle.first_day)
        while day <= last:
            month = periods.month_number(day)
            until = min(last, periods.month_first(month + 1) - timedelta(days=1))
            slept = person.days[self._chronicle.index(day) : self._chronicle.index(until) + 1]
            for number, days in Counter(slept).items():
                if number != NOWHERE:
                    yield number, month, days
            day = until + timedelta(days=1)

    def where_moved(self, movement: Movement, attribution: str, like_uebergang: bool) -> Where:
        """The keys of a movement: where it comes from, else where it leads."""
        source, target = movement.source, movement.target
        if like_uebergang:
            source, target = movement.uebergang_from, None
        told = [cell for cell in (source, target) if cell is not None]
        disability = told[0].disability
        if attribution != "PROVIDER":
            return Where(None, told[0].payer_mk if attribution == "PAYER" else told[0].residence_mk, disability)
        for cell in told:
            if cell.provider is not None and cell.provider_mk is not None:
                return Where(cell.provider, cell.provider_mk, disability)
        return Where(None, (target or told[0]).payer_mk, disability)

    def where_staying(self, cell: Cell, attribution: str) -> Where:
        """The keys of a stay: those of its own cell."""
        if attribution == "PAYER":
            return Where(None, cell.payer_mk, cell.disability)
        if attribution == "RESIDENCE":
            return Where(None, cell.residence_mk, cell.disability)
        return Where(cell.provider, cell.provider_mk or cell.payer_mk, cell.disability)

    def passes(self, where: Where, filters: Filters) -> bool:
        """Whether a row of the books is asked for."""
        provider = None if where.provider is None else self._books.providers[where.provider]
        return (
            (filters.provider is None or where.provider == filters.provider)
            and (filters.provider_kind is None or (provider is not None and provider.kind == filters.provider_kind))
            and (filters.mk is None or where.mk == filters.mk)
            and (filters.disability is None or where.disability == filters.disability)
        )

    def group(self, where: Where, month: int, asked: Query) -> str:
        """The group a row of the books belongs to in a month."""
        if asked.group_by == "TOTAL":
            return "TOTAL"
        if asked.group_by == "MITGLIEDSKOERPERSCHAFT":
            return where.mk
        if asked.group_by == "PROVIDER":
            return where.provider or WITHOUT_PROVIDER
        if asked.group_by == "DISABILITY":
            return where.disability
        for member in asked.members:
            belongs = member.mk == where.mk if where.provider is None else member.provider == where.provider
            if belongs and member.valid_in(month):
                return self._books.group
        return BASE

    def fixed_groups(self, asked: Query, start: date, end: date) -> list[str]:
        """Groups that have a row whatever is in it."""
        if asked.group_by == "MITGLIEDSKOERPERSCHAFT":
            return list(reference.MEMBERS[self._books.traeger])
        if asked.group_by == "PROVIDER":
            return [
                ref
                for ref, provider in self._books.providers.items()
                if provider.valid_from <= end and (provider.valid_to is None or start <= provider.valid_to)
            ]
        if asked.group_by == "DISABILITY":
            return list(model.DISABILITIES)
        return [self._books.group, BASE] if asked.group_by == "COMPARISON_GROUP" else ["TOTAL"]

    def sorted_groups(self, groups: set[str], asked: Query) -> list[str]:
        if asked.group_by == "COMPARISON_GROUP":
            return [self._books.group, BASE]
        return sorted(groups, key=self.outside)

    def outside(self, group: str) -> str:
        """The name a group has in an answer."""
        return self._ids.get(group, group)


def _start(figure: Figure, asked: Query, period: Period) -> date:
    """The first day of the window of a period; stocks have none but their day."""
    if asked.cohort is not None:
        return asked.cohort[0].first
    if figure.stocks_only:
        return period.last
    return periods.window_start(asked.window, period.last, asked.since)


def _flows(
    part: Flow, asked: Query, people: list[Person], span: Span, horizon: date
) -> Iterator[tuple[Movement, int]]:
    """(movement, month of its date) of every movement that counts in the window."""
    for person in people:
        for movement in person.movements:
            if part.rule(movement) == 0:
                continue
            on = movement.effective_on
            if asked.cohort is not None and part.like_uebergang and movement.uebergang_on is not None:
                if on > horizon:
                    continue
                on = movement.uebergang_on
            elif asked.cohort is None and asked.date_basis == "DECIDED" and movement.decided_on is not None:
                on = movement.decided_on
            if span.start <= on <= span.last:
                yield movement, periods.month_number(on)


def _numbers(figure: Figure, above: int, below: int, days: int) -> Row:
    """Numerator, denominator and value of a row, as the contract writes them."""
    person_days: int | None = None
    divisor = Fraction(below)
    denominator = str(below)
    if figure.below is None:
        divisor, denominator = Fraction(1), "1"
    elif not isinstance(figure.below, Flow | Stock):
        person_days = below
        divisor = Fraction(below, days) if days else Fraction(0)
        denominator = rounded(divisor, 6)
    value = None if divisor == 0 else rounded(figure.scale * above / divisor, 4)
    return {
        "numerator": above,
        "denominator": denominator,
        "person_days": person_days,
        "days": None if person_days is None else days,
        "value": value,
    }
