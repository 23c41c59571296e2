"""Figures: every number of the API comes about here, along one path from a formula to rows."""

from collections.abc import Callable
from datetime import date

from services.metrics.domain.catalogue import KEY_FIGURES
from services.metrics.domain.definitions import Definition, Formula
from services.metrics.domain.figures import Layout, check_share, layout
from services.metrics.domain.listings import (
    FlowChoice,
    StockChoice,
    flow_formula,
    flow_layout,
    stock_formula,
    stock_layout,
)
from services.metrics.domain.questions import Grouping, PeriodChoice, WindowChoice, check_grouping, known_until
from services.metrics.service.answers import Answer, Asked, read_sheet
from services.metrics.service.arrivals import Arrivals
from services.metrics.service.explanations import Explanation, explain
from services.metrics.service.snapshots import Reader, Snapshots
from shared.contracts.position import Position
from shared.kernel.clock import Clock, berlin_day


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
        return await self._answer(
            reader, grouping, position, formula, lambda known: layout(formula, periods, windows, known)
        )

    async def explanation(
        self,
        *,
        reader: Reader,
        definition: Definition,
        grouping: Grouping,
        periods: PeriodChoice,
        windows: WindowChoice,
        position: Position | None,
    ) -> Explanation:
        """The values of a key figure with the movements behind them. Raises as `values` does."""
        formula = definition.formula
        asked = self._asked(reader, grouping, formula, lambda known: layout(formula, periods, windows, known))
        await self._arrivals.wait_for(reader=reader, position=position)
        async with self._snapshots.of(reader) as connection:
            return await explain(connection, await read_sheet(connection, asked))

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
        asked = self._asked(reader, grouping, formula, days_known)
        await self._arrivals.wait_for(reader=reader, position=position)
        async with self._snapshots.of(reader) as connection:
            sheet = await read_sheet(connection, asked)
        return sheet.answer()

    def _asked(
        self, reader: Reader, grouping: Grouping, formula: Formula, days_known: Callable[[date], Layout]
    ) -> Asked:
        check_grouping(grouping)
        check_share(formula, grouping)
        return Asked(reader, formula, days_known(known_until(grouping, self.today())), grouping)
