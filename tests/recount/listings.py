"""Plain stocks on a day and plain flows of a period, counted with the same steps as the key figures."""

from collections.abc import Sequence
from datetime import date

from tests.recount import model, periods, query
from tests.recount.definitions import Figure, Flow, Stock
from tests.recount.figures import Recount, Row
from tests.recount.model import Cell, Movement
from tests.recount.query import Params, UnanswerableError


def stocks(recount: Recount, phases: Sequence[str], params: Params) -> list[Row]:
    """The items of `/v1/stocks` for these phases; `on` is today by default. Raises UnanswerableError."""
    place, kombi = params.get("place"), params.get("kombi")
    if (place is not None or kombi is not None) and set(phases) != {model.ARBEITSBEREICH}:
        raise UnanswerableError("place and kombi only with ARBEITSBEREICH")

    def rule(cell: Cell) -> bool:
        fits = (place is None or cell.place == place) and (kombi is None or cell.kombi == (kombi == "true"))
        return cell.phase in phases and fits

    known_on = query.read_known_on(params, recount.today)
    on = date.fromisoformat(params["on"]) if "on" in params else known_on or recount.today
    rows = recount.counted(Figure(Stock(rule), None, 1, "LAST_DAY"), params, on, on)
    return [_listed(row) | {"on": on.isoformat()} for row in rows]


def flows(recount: Recount, kinds: Sequence[str], params: Params) -> list[Row]:
    """The items of `/v1/flows` for these kinds of movements. Raises UnanswerableError."""
    wanted = {name: params.get(name) for name in ("instrument", "from_phase", "from_place")}

    def rule(m: Movement) -> int:
        source = m.source
        fits = (
            (wanted["instrument"] is None or m.instrument == wanted["instrument"])
            and (wanted["from_phase"] is None or (source is not None and source.phase == wanted["from_phase"]))
            and (wanted["from_place"] is None or (source is not None and source.place == wanted["from_place"]))
        )
        return int(m.kind in kinds and fits)

    known_on = query.read_known_on(params, recount.today)
    figure = Figure(Flow(rule), None, 1, "QUARTER")
    found: list[Row] = []
    for period in query.read_periods(params, known_on or recount.today):
        start = period.first
        if "window" in params:
            since = query.read_since(params, params["window"], [period])
            start = periods.window_start(params["window"], period.last, since)
        rows = recount.counted(figure, params, start, period.last)
        found += [_listed(row) | {"period": period.text} for row in rows]
    return found


def _listed(row: Row) -> Row:
    return {"group": row["group"], "count": row["numerator"], "provisional": row["provisional"]}
