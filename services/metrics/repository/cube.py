"""The cube as SQL: which rows movements add to it, by months and by years."""

from services.metrics.domain.measures import MEASURES, Base, Moves
from services.metrics.domain.sums import Attribution
from services.metrics.repository.codes import (
    ALWAYS,
    BOTH_BASES,
    DECIDED_ONLY,
    EFFECTIVE_ONLY,
    MONTHS,
    MONTHS_BY_MONTH,
    NO_COHORT,
    TRAEGER,
    YEARS,
    YEARS_BY_YEAR,
)
from services.metrics.repository.expansion import coded, contributions

CUBE_KEY = "traeger, measure, attribution, level, month, recorded_month, key, disability, basis, cohort_month"

CUBE_ORDER = (
    "((((traeger * 1024 + measure) * 8 + attribution) * 8 + level)::bigint << 32) + (month::bigint << 16)"
    " + recorded_month, (key::bigint << 32) + (disability::bigint << 24) + (basis::bigint << 16) + cohort_month"
)
"""The order of the key, packed into two numbers: sorting takes half the time."""

_OF_TENANT = " ".join(f"WHEN '{name}' THEN {number}" for name, number in TRAEGER.items())
_TO_TENANT = " ".join(f"WHEN {number} THEN '{name}'" for name, number in TRAEGER.items())
TENANT = f"CASE traeger {_TO_TENANT} END"
"""The Träger of a row as row-level security knows it."""

_STAYS = [measure for measure in MEASURES if measure.base is Base.STOCK]
_MOVES = [measure for measure in MEASURES if measure.base is not Base.STOCK]
_COHORT_CODES = ", ".join(
    str(measure.number)
    for measure in _MOVES
    if isinstance(measure.condition, Moves) and measure.condition.uebergang_phases is not None
)
_CARRIED = ("traeger", "effective_month", "decided_month", "recorded_month", "uebergang_month")


def _month(column: str) -> str:
    return f"(date_part('year', {column}) * 12 + date_part('month', {column}) - 1)::smallint"


def cube_rows(source: str) -> str:
    """The SELECT of the rows (`CUBE_KEY`, net, moment) that the movements of `source` add to the cube.

    Every sum stands there over everything recorded, for reads of what is known now, and apart by recorded month, for
    reads of what was known then. Stays count on `effective_on`; whole years stand beside their months, as a stock
    needs all the past. Movements have a row for each date basis where their two dates fall in different months.
    """
    return f"""
        WITH movements AS MATERIALIZED (
            SELECT moved.*, (CASE tenant {_OF_TENANT} END)::smallint AS traeger,
                {_month("effective_on")} AS effective_month, {_month("basis_on")} AS decided_month,
                {_month("recorded_on")} AS recorded_month, {_month("uebergang_on")} AS uebergang_month
            FROM {source} AS moved
        ),
        stays AS MATERIALIZED (
            SELECT traeger, code AS measure, attribution, effective_month AS month, recorded_month, key, disability,
                sum(net)::integer AS net, sum(moment)::integer AS moment
            FROM ({contributions("movements", coded(_STAYS), tuple(Attribution), _CARRIED)}) AS effect
            GROUP BY 1, 2, 3, 4, 5, 6, 7
        ),
        moves AS MATERIALIZED (
            SELECT traeger, code AS measure, attribution, by.month, recorded_month, key, disability, by.basis,
                CASE WHEN code IN ({_COHORT_CODES}) THEN uebergang_month ELSE {NO_COHORT} END AS cohort_month,
                sum(net)::integer AS net
            FROM ({contributions("movements", coded(_MOVES), tuple(Attribution), _CARRIED)}) AS effect
            CROSS JOIN LATERAL (VALUES
                ({BOTH_BASES}::smallint, effective_month, effective_month = decided_month),
                ({EFFECTIVE_ONLY}::smallint, effective_month, effective_month <> decided_month),
                ({DECIDED_ONLY}::smallint, decided_month, effective_month <> decided_month))
                AS by (basis, month, applies)
            WHERE by.applies
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        )
        {_stay_rows(MONTHS, "month", str(ALWAYS))}
        UNION ALL {_stay_rows(YEARS, "month / 12 * 12", str(ALWAYS))}
        UNION ALL {_stay_rows(MONTHS_BY_MONTH, "month", "recorded_month")}
        UNION ALL {_stay_rows(YEARS_BY_YEAR, "month / 12 * 12", "recorded_month / 12 * 12")}
        UNION ALL {_move_rows(MONTHS, str(ALWAYS))}
        UNION ALL {_move_rows(MONTHS_BY_MONTH, "recorded_month")}"""  # noqa: S608 - codes of our own, no input


def _stay_rows(level: int, month: str, recorded_month: str) -> str:
    return f"""
        SELECT traeger, measure, attribution, {level}::smallint AS level, ({month})::smallint AS month,
            ({recorded_month})::smallint AS recorded_month, key, disability, {BOTH_BASES}::smallint AS basis,
            {NO_COHORT}::smallint AS cohort_month, sum(net)::integer AS net, sum(moment)::integer AS moment
        FROM stays GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
        HAVING sum(net) <> 0 OR sum(moment) <> 0"""  # noqa: S608 - codes of our own, no input


def _move_rows(level: int, recorded_month: str) -> str:
    return f"""
        SELECT traeger, measure, attribution, {level}::smallint, month, ({recorded_month})::smallint, key, disability,
            basis, cohort_month::smallint, sum(net)::integer, 0
        FROM moves GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
        HAVING sum(net) <> 0"""  # noqa: S608 - codes of our own, no input
