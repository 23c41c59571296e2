"""How every answer comes about: what is read in one snapshot, and the rows that are made of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.domain.definitions import Formula
from services.metrics.domain.figures import Inquiry, Layout, Table, inquiries, mean_days, measured
from services.metrics.domain.groups import ComparedGroup, Roster
from services.metrics.domain.questions import MAX_ROWS, Grouping, TooManyRowsError, unknown
from services.metrics.domain.sums import GroupBy, Member
from services.metrics.domain.values import Value, evaluate
from services.metrics.repository import rosters
from services.metrics.repository.freshness import AsOf, as_of
from services.metrics.repository.reading import sums
from services.metrics.service.snapshots import Reader


@dataclass(frozen=True, slots=True)
class Asked:
    """A formula over days, grouped and confined, for one Träger."""

    reader: Reader
    formula: Formula
    days: Layout
    grouping: Grouping


@dataclass(frozen=True, slots=True)
class Row:
    """One group in one period (by its place). `provisional`: the period was not over when this was known."""

    place: int
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
class Sheet:
    """What one snapshot says to a question: the requests for sums, and their answers by period and group."""

    asked: Asked
    as_of: AsOf
    roster: Roster
    always: Sequence[Sequence[str]]
    inquiries: Sequence[Inquiry]
    table: Table

    def answer(self) -> Answer:
        """The rows of the sheet. Raises `TooManyRowsError`."""
        return Answer(self.asked.days.window, self.asked.grouping.known_on, self.as_of, _bounded(_rows(self)))


async def read_sheet(connection: AsyncConnection, asked: Asked) -> Sheet:
    """Read everything a question needs. Raises `UnknownValueError`, `TooManyRowsError`."""
    reader, days = asked.reader, asked.days
    current = await as_of(connection, reader.traeger)
    roster, members = await _roster(connection, reader, asked.grouping)
    always = _always(roster, days)
    table = Table(len(days.reaches), roster.group_of_sum)
    wanted = [
        inquiry for inquiry in inquiries(asked.formula, days, asked.grouping, reader.traeger, members) if inquiry.uses
    ]
    for inquiry in wanted:
        table.add(inquiry, await sums(connection, inquiry.request))
    return Sheet(asked, current, roster, always, wanted, table)


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
            raise too_many_rows()
    return always


def _rows(sheet: Sheet) -> Iterator[Row]:
    formula, table, names = sheet.asked.formula, sheet.table, sheet.roster.names()
    for place, reach in enumerate(sheet.asked.days.reaches):
        days, provisional = mean_days(formula, reach), reach.provisional
        for group in sheet.roster.groups(sheet.always[place], table.found(place)):
            value = evaluate(measured(formula, table, place, group, days), formula.scale)
            yield Row(place, group, names.get(group), reach.period, value, provisional)


def _bounded(rows: Iterator[Row]) -> Sequence[Row]:
    bounded: list[Row] = []
    for row in rows:
        if len(bounded) == MAX_ROWS:
            raise too_many_rows()
        bounded.append(row)
    return bounded


def too_many_rows() -> TooManyRowsError:
    """The refusal of an answer that is too long."""
    return TooManyRowsError(f"At most {MAX_ROWS} rows; ask for fewer periods or groups, or confine them by filters.")
