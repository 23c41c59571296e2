"""From movements to what they add to each sum: the one compiler from conditions to SQL.

`contributions` turns rows of `movement` into rows (code, attribution, key, disability, net, moment). The
compactor adds them up by months, a read by the days it is asked for, `verify` over everything, an explanation not at
all; so all four count the same. Attribution follows movements §4:

- a movement belongs to the cell it leaves if that has a provider, else to the one it enters; without any provider to
  the payer of the latter, else of the former. By payer or residence: of the cell left, else of the one entered;
- a stay belongs to its own cell;
- a RUECKKEHR counted by its Übergang belongs to the cell that the Übergang left.

Only numbers of our own tables are written into the text of a statement, everything else is bound.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from services.metrics.domain.measures import Base, Condition, Measure, Moves, Stays
from services.metrics.domain.sums import Attribution
from services.metrics.repository.codes import ATTRIBUTION, INSTRUMENT, KIND, PHASE, PLACE

EPOCH = "DATE '2000-01-01'"
"""Day 0 of `moment` (`axis.day_number`)."""

_STAY = {
    Attribution.PROVIDER: "coalesce(cell.provider, cell.payer)",
    Attribution.PAYER: "cell.payer",
    Attribution.RESIDENCE: "cell.residence",
}
_MOVE = {
    Attribution.PROVIDER: "coalesce(m.from_provider, m.to_provider, m.to_payer, m.from_payer)",
    Attribution.PAYER: "coalesce(m.from_payer, m.to_payer)",
    Attribution.RESIDENCE: "coalesce(m.from_residence, m.to_residence)",
}
_UEBERGANG = {
    Attribution.PROVIDER: "coalesce(m.uebergang_provider, m.uebergang_payer)",
    Attribution.PAYER: "m.uebergang_payer",
    Attribution.RESIDENCE: "m.uebergang_residence",
}
_MOVE_COLUMNS = ("instrument", "from_phase", "from_place", "uebergang_phase")
_MOVE_DISABILITY = "coalesce(m.from_disability, m.to_disability)"


@dataclass(frozen=True, slots=True)
class Coded:
    """A condition to be summed under a base, and the number its rows carry."""

    code: int
    base: Base
    condition: Condition


def coded(measures: Iterable[Measure]) -> tuple[Coded, ...]:
    """Measures under their own numbers, as in the cube."""
    return tuple(Coded(measure.number, measure.base, measure.condition) for measure in measures)


def contributions(
    source: str, wanted: Sequence[Coded], attributions: Collection[Attribution], carried: Sequence[str]
) -> str:
    """The SELECT over `source` (a table or CTE with the columns of `movement`) that yields one row per effect.

    Columns: those of `source` named in `carried`, then code, attribution, key, disability, net, moment. `net` is the
    signed effect in movements, people or days; `moment`, for stays, the same times the day number.
    """
    carry = "".join(f"m.{column}, " for column in carried)
    return "\nUNION ALL\n".join(_blocks(source, wanted, attributions, carry))


def _blocks(source: str, wanted: Sequence[Coded], attributions: Collection[Attribution], carry: str) -> Iterator[str]:
    stays = [(entry.code, entry.condition) for entry in wanted if isinstance(entry.condition, Stays)]
    if stays:
        yield _stay_block(source, stays, _keys(_STAY, attributions), carry)
    for base, net in ((Base.FLOW, "m.sign"), (Base.DURATION, "m.sign * (m.effective_on - m.from_since)")):
        for keys, disability, by_uebergang in (
            (_MOVE, _MOVE_DISABILITY, False),
            (_UEBERGANG, "m.uebergang_disability", True),
        ):
            moves = [
                (entry.code, entry.condition)
                for entry in wanted
                if entry.base is base and isinstance(entry.condition, Moves)
                if (entry.condition.uebergang_phases is not None) is by_uebergang
            ]
            if moves:
                yield _move_block(source, moves, _keys(keys, attributions), carry, disability, net)


def _stay_block(source: str, stays: Sequence[tuple[int, Stays]], keys: str, carry: str) -> str:
    cells = ", ".join(
        f"({direction}, m.{side}_phase, m.{side}_place, m.{side}_kombi, m.{side}_provider, m.{side}_payer,"
        f" m.{side}_residence, m.{side}_disability)"
        for direction, side in ((1, "to"), (-1, "from"))
    )
    codes = ", ".join(f"({code}::smallint, {_stay_predicate(condition)})" for code, condition in stays)
    return f"""
        SELECT {carry}code.code, by.attribution, by.key, cell.disability, m.sign * cell.direction AS net,
            m.sign * cell.direction * (m.effective_on - {EPOCH}) AS moment
        FROM {source} m
        CROSS JOIN LATERAL (VALUES {cells})
            AS cell (direction, phase, place, kombi, provider, payer, residence, disability)
        CROSS JOIN LATERAL (VALUES {codes}) AS code (code, matches)
        CROSS JOIN LATERAL (VALUES {keys}) AS by (attribution, key)
        WHERE cell.phase IS NOT NULL AND code.matches"""  # noqa: S608 - codes of our own, no input


def _move_block(
    source: str, moves: Sequence[tuple[int, Moves]], keys: str, carry: str, disability: str, net: str
) -> str:
    rows = ", ".join(f"({code}::smallint, {row})" for code, condition in moves for row in _move_rows(condition))
    same = " AND ".join(f"(code.{name} IS NULL OR code.{name} = m.{name})" for name in _MOVE_COLUMNS)
    return f"""
        SELECT {carry}code.code, by.attribution, by.key, {disability} AS disability, {net} AS net, 0 AS moment
        FROM {source} m
        JOIN (VALUES {rows}) AS code (code, kind, late, {", ".join(_MOVE_COLUMNS)}) ON code.kind = m.kind
            AND {same} AND (NOT code.late OR m.alternative_on IS NOT NULL)
        CROSS JOIN LATERAL (VALUES {keys}) AS by (attribution, key)"""  # noqa: S608 - codes of our own, no input


def _move_rows(condition: Moves) -> Iterator[str]:
    """The condition as rows, of which a movement matches at most one: kind, late, then `_MOVE_COLUMNS`."""
    for values in product(
        _numbers(KIND, condition.kinds),
        (str(condition.after_alternative).lower(),),
        _numbers(INSTRUMENT, condition.instruments),
        _numbers(PHASE, condition.from_phases),
        _numbers(PLACE, condition.from_places),
        _numbers(PHASE, condition.uebergang_phases),
    ):
        yield ", ".join(values)


def _numbers(codes: Mapping[str, int], names: Collection[str] | None) -> list[str]:
    if names is None:
        return ["NULL::smallint"]
    return [f"{codes[name]}::smallint" for name in sorted(names)]


def _keys(keys: Mapping[Attribution, str], attributions: Collection[Attribution]) -> str:
    return ", ".join(f"({ATTRIBUTION[attribution]}::smallint, {keys[attribution]})" for attribution in attributions)


def _stay_predicate(condition: Stays) -> str:
    parts = [_one_of("cell.phase", PHASE, condition.phases), _one_of("cell.place", PLACE, condition.places)]
    if condition.kombi is not None:
        parts.append("cell.kombi" if condition.kombi else "NOT cell.kombi")
    return " AND ".join(filter(None, parts))


def _one_of(column: str, codes: Mapping[str, int], names: Collection[str] | None) -> str:
    if names is None:
        return ""
    numbers = sorted(codes[name] for name in names)
    if len(numbers) == 1:
        return f"{column} = {numbers[0]}"
    return f"{column} IN ({', '.join(map(str, numbers))})" if numbers else "false"
