"""Plain stocks and flows: a formula made on the spot from what the caller asks for, evaluated like every other."""

from dataclasses import dataclass
from datetime import date

from services.metrics.domain.definitions import FigureTerm, Formula
from services.metrics.domain.figures import Layout
from services.metrics.domain.measures import KINDS, PHASES, Moves, Stays
from services.metrics.domain.questions import (
    PeriodChoice,
    WindowChoice,
    chosen_periods,
    day_reach,
    refuse,
    window_reaches,
)
from services.metrics.domain.sums import Aggregate, DateBasis
from services.metrics.domain.windows import LAST_DAY, WINDOW_OF_FORM

_WITH_PLACE = frozenset({"ARBEITSBEREICH"})


@dataclass(frozen=True, slots=True)
class StockChoice:
    """Whom to count, and on which day (None: the day up to which things are known). No phases = all of them."""

    phases: frozenset[str] = frozenset()
    place: str | None = None
    kombi: bool | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class FlowChoice:
    """Which movements to count. No kinds = all of them."""

    kinds: frozenset[str] = frozenset()
    instrument: str | None = None
    from_phase: str | None = None
    from_place: str | None = None


def stock_formula(choice: StockChoice) -> Formula:
    """The count of people in these cells. `place` and `kombi` belong to the Arbeitsbereich alone."""
    for name, value in (("place", choice.place), ("kombi", choice.kombi)):
        if value is not None and choice.phases != _WITH_PLACE:
            raise refuse(name, "phase", "only with phase=ARBEITSBEREICH")
    places = None if choice.place is None else frozenset({choice.place})
    stays = Stays(choice.phases or frozenset(PHASES), places, choice.kombi)
    return Formula((FigureTerm(stays, Aggregate.STOCK, "S"),))


def stock_layout(choice: StockChoice, known: date) -> Layout:
    """The one day that is asked for."""
    on = choice.on or known
    return Layout((day_reach(on.isoformat(), on, known),), LAST_DAY, DateBasis.EFFECTIVE)


def flow_formula(choice: FlowChoice) -> Formula:
    """The count of such movements."""

    def only(value: str | None) -> frozenset[str] | None:
        return None if value is None else frozenset({value})

    moves = Moves(
        choice.kinds or frozenset(KINDS),
        instruments=only(choice.instrument),
        from_phases=only(choice.from_phase),
        from_places=only(choice.from_place),
    )
    return Formula((FigureTerm(moves, Aggregate.FLOW, "F"),))


def flow_layout(periods: PeriodChoice, windows: WindowChoice, known: date) -> Layout:
    """The days of each period; by default its own days, no more."""
    chosen = chosen_periods(periods, known)
    window = windows.window or WINDOW_OF_FORM[chosen[0].form]
    return Layout(window_reaches(chosen, window, windows.since, known), window.value, windows.date_basis)
