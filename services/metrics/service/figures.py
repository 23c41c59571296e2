"""Figures: every number of the API comes about here, along one path from a formula to rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.domain.catalogue import KEY_FIGURES
from services.metrics.domain.definitions import Definition, Formula
from services.metrics.domain.figures import Layout, Table, check_share, inquiries, layout, mean_days, measured
from services.metrics.domain.groups import ComparedGroup, Roster
from services.metrics.domain.listings import (
    FlowChoice,
    StockChoice,
    flow_formula,
    flow_layout,
    stock_formula,
    stock_layout,
)
from services.metrics.domain.questions import (
    MAX_ROWS,
    Grouping,
    PeriodChoice,
    TooManyRowsError,
    WindowChoice,
    check_grouping,
    known_until,
    unknown,
)
from services.metrics.domain.sums import GroupBy, Member
from services.metrics.domain.values import Value, evaluate
from services.metrics.repository import rosters
from services.metrics.repository.freshness import AsOf, as_of
from services.metrics.repository.reading import sums
from services.metrics.service.arrivals import Arrivals
from services.metrics.service.snapshots import Reader, Snapshots
from shared.contracts.position import Position
from shared.kernel.clock import Clock, berlin_day


@dataclass(frozen=True, slots=True)
class Row:
    """One group in one period. `provisional`: the period was not over when this was known."""

    group: str
    group_name: str | None
    period: str
    value: Value
    provisional: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows in their order, the window they were taken over, and how current everything is."""

    window: str
    known_on: date | None
    as_of: AsOf
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class _Question:
    """A formula over days, grouped and confined."""

    formula: Formula
    days: Layout
    grouping: Grouping


class Figures:
    """Reads figures of one Träger at a time, each answer in one snapshot."""

    def __init__(self, snapshots: Snapshots, arrivals: Arrivals, clock: Clock) -> None:
        self._snapshots = snapshots
        self._arrivals = arrivals
        self._clock = clock

    def today(self) -> date:
        """The calendar day in Berlin on which is asked."""
        return berlin_day(self._clock.now())

    def definition(self, figure_id: str) -> Definition:
        """The version of a key figure in force today. Raises `UnknownFigureError`."""
        return KEY_FIGURES.find(figure_id, self.today())

    def definitions(self) -> list[Definition]:
        """The version of every key figure in force today."""
        return KEY_FIGURES.on(self.today())

    async def values(
        self,
        *,
        reader: Reader,
        definition: Definition,
        grouping: Grouping,
        periods: PeriodChoice,
        windows: WindowChoice,
        position: Position | None,
    ) -> Answer:
        """The values of a key figure. Raises `ParametersError`, `UnknownValueError`, `TooManyRowsError`."""
        formula = definition.formula
        check_share(formula, grouping)
        return await self._answer(
            reader, grouping, position, formula, lambda known: layout(formula, periods, windows, known)
        )

    async def stocks(
        self, *, reader: Reader, grouping: Grouping, choice: StockChoice, position: Position | None
    ) -> Answer:
        """How many people there are on a day. Raises as `values` does."""
        formula = stock_formula(choice)
        return await self._answer(reader, grouping, position, formula, lambda known: stock_layout(choice, known))

    async def flows(
        self,
        *,
        reader: Reader,
        grouping: Grouping,
        choice: FlowChoice,
        periods: PeriodChoice,
        windows: WindowChoice,
        position: Position | None,
    ) -> Answer:
        """How many movements there are in a period. Raises as `values` does."""
        formula = flow_formula(choice)
        return await self._answer(
            reader, grouping, position, formula, lambda known: flow_layout(periods, windows, known)
        )

    async def _answer(
        self,
        reader: Reader,
        grouping: Grouping,
        position: Position | None,
        formula: Formula,
        days_known: Callable[[date], Layout],
    ) -> Answer:
        check_grouping(grouping)
        days = days_known(known_until(grouping, self.today()))
        question = _Question(formula, days, grouping)
        await self._arrivals.wait_for(reader=reader, position=position)
        async with self._snapshots.of(reader) as connection:
            current = await as_of(connection, reader.traeger)
            roster, members = await _roster(connection, reader, grouping)
            always = _always(roster, days)
            table = Table(len(days.reaches), roster.group_of_sum)
            for inquiry in inquiries(formula, days, grouping, reader.traeger, members):
                if inquiry.uses:
                    table.add(inquiry, await sums(connection, inquiry.request))
        return Answer(days.window, grouping.known_on, current, _bounded(_rows(question, roster, always, table)))


async def _roster(connection: AsyncConnection, reader: Reader, grouping: Grouping) -> tuple[Roster, Sequence[Member]]:
    provider_id = grouping.filters.provider_id
    if provider_id is not None and not await rosters.knows_provider(connection, provider_id):
        raise unknown("provider_id", "the Träger has no provider of this id")
    if grouping.group_by is GroupBy.PROVIDER:
        return Roster(reader.traeger, grouping.group_by, await rosters.providers(connection)), ()
    if grouping.comparison_group is None:
        return Roster(reader.traeger, grouping.group_by), ()
    group = await rosters.comparison_group(connection, grouping.comparison_group, grouping.group_version)
    if group is None:
        name = "comparison_group" if grouping.group_version is None else "group_version"
        raise unknown(name, "the Träger has no such comparison group, or not in this version")
    compared = ComparedGroup(group.id, group.title)
    return Roster(reader.traeger, grouping.group_by, compared=compared), group.members


def _always(roster: Roster, days: Layout) -> list[list[str]]:
    """The rows that each period has in any case, refused before anything is summed if they are too many."""
    always = []
    least = 0
    for reach in days.reaches:
        always.append(roster.always(reach.first, reach.end))
        least += len(always[-1])
        if least > MAX_ROWS:
            raise _too_many()
    return always


def _rows(question: _Question, roster: Roster, always: Sequence[Sequence[str]], table: Table) -> Iterator[Row]:
    formula, names = question.formula, roster.names()
    for number, reach in enumerate(question.days.reaches):
        days, provisional = mean_days(formula, reach), reach.provisional
        for group in roster.groups(always[number], table.found(number)):
            value = evaluate(measured(formula, table, number, group, days), formula.scale)
            yield Row(group, names.get(group), reach.period, value, provisional)


def _bounded(rows: Iterator[Row]) -> Sequence[Row]:
    bounded: list[Row] = []
    for row in rows:
        if len(bounded) == MAX_ROWS:
            raise _too_many()
        bounded.append(row)
    return bounded


def _too_many() -> TooManyRowsError:
    return TooManyRowsError(f"At most {MAX_ROWS} rows; ask for fewer periods or groups.")
