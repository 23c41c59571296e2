"""Movements into their table: appended, never changed, and taken apart into small numbers on the way."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID

import msgspec
import psycopg
from psycopg import AsyncConnection as Driver
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.domain.measures import PHASES_WITH_PROVIDER
from services.metrics.repository.codes import AGS, DISABILITY, INSTRUMENT, KIND, PHASE, PLACE, SOURCE
from services.metrics.tables import movement as table
from shared.contracts.cases_v1 import Cell, Movement
from shared.kernel.clock import berlin_day
from shared.kernel.mitgliedskoerperschaften import Traeger

_COPY = f"COPY movement ({', '.join(column.name for column in table.columns)}) FROM STDIN"
_AT_ONCE = 128
"""So many rows are sent at once: the server takes them in while we write the next ones."""

_NOTHING = "\\N"
_NO_CELL = "\t".join([_NOTHING] * 7)
_PRESENT = text(
    "SELECT EXISTS (SELECT FROM movement"
    " WHERE source = :source AND part = :part AND seq = ANY(CAST(:seqs AS bigint[])))"
)


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """A movement with its place in the log it came from; `time` is that of the event.

    A struct without garbage collection like what it holds: batches are large, and none of it ever forms a cycle.
    """

    source: str
    part: int
    seq: int
    tenant: Traeger
    time: datetime
    movement: Movement


class UncountableMovementError(Exception):
    """A movement that the measures have no place for: it would be left out or counted wrongly, so it is refused."""


async def copy_movements(
    connection: AsyncConnection, arrived: Sequence[Arrived], providers: Mapping[tuple[Traeger, UUID], int]
) -> None:
    """Append movements; `providers` are the numbers of all providers they name. The role must bypass RLS.

    Raises `UncountableMovementError`; nothing has been appended then.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Driver), "movements are copied by psycopg"
    try:
        async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            for start in range(0, len(arrived), _AT_ONCE):
                some = arrived[start : start + _AT_ONCE]
                await copy.write("".join([movement_row(entry, providers) for entry in some]))
    except psycopg.Error as error:
        # As if SQLAlchemy had sent it, so that its pool and whoever judges failures know this one too.
        lost = driver.closed
        if lost:
            await connection.invalidate(error)
        raise DBAPIError.instance(_COPY, None, error, psycopg.Error, connection_invalidated=lost) from error


async def any_present(connection: AsyncConnection, source: str, part: int, seqs: Sequence[int]) -> bool:
    """Whether one of these numbers is in the table already."""
    values = {"source": SOURCE[source], "part": part, "seqs": list(seqs)}
    return bool((await connection.execute(_PRESENT, values)).scalar_one())


def movement_row(arrived: Arrived, providers: Mapping[tuple[Traeger, UUID], int]) -> str:
    """The line of COPY text for one movement. Raises `UncountableMovementError`."""
    moved, tenant = arrived.movement, arrived.tenant
    decided, instrument = moved.decided_on, moved.instrument
    basis = moved.effective_on if decided is None else decided
    _check(moved)
    try:
        return (
            f"{SOURCE[arrived.source]}\t{arrived.part}\t{arrived.seq}\t{tenant.value}\t{moved.sign}\t"
            f"{KIND[moved.kind]}\t{_NOTHING if instrument is None else INSTRUMENT[instrument]}\t"
            f"{_day(moved.effective_on)}\t{_day(basis)}\t{_day(decided)}\t"
            f"{_day(berlin_day_of(arrived.time))}\t{_day(moved.from_since)}\t{_day(moved.alternative_on)}\t"
            f"{_day(moved.uebergang_on)}\t{_cell(moved.from_, tenant, providers)}\t"
            f"{_cell(moved.to, tenant, providers)}\t{_cell(moved.uebergang_from, tenant, providers)}\t"
            f"{moved.case_id.hex}\t{moved.fact_id.hex}\t{moved.case_version}\t{moved.index}\t{moved.of}\t"
            f"{_instant(arrived.time)}\n"
        )
    except KeyError as error:
        raise UncountableMovementError(f"{error} is no category that is counted") from error


def _check(moved: Movement) -> None:
    """Refuse what contradicts itself (movements §1-2): the conditions of the measures rely on it."""
    from_, to, uebergang = moved.from_, moved.to, moved.uebergang_from
    if moved.sign not in (1, -1):
        raise UncountableMovementError("the sign is neither 1 nor -1")
    if from_ is None and to is None:
        raise UncountableMovementError("the movement begins and ends nowhere")
    if (from_ is None) is not (moved.from_since is None):
        raise UncountableMovementError("from_since stands with from, and only there")
    for cell in (from_, to, uebergang):
        if cell is not None:
            _check_cell(cell)
    leaves = from_ is not None and from_.provider_id is not None
    if (moved.kind == "UEBERGANG") is not (moved.instrument is not None) or (
        moved.kind == "UEBERGANG" and not leaves
    ):
        raise UncountableMovementError("an UEBERGANG has an instrument and leaves a provider; nothing else has one")
    returns = uebergang is not None and uebergang.provider_id is not None and moved.uebergang_on is not None
    if (moved.kind == "RUECKKEHR") is not returns or (moved.uebergang_on is None) is not (uebergang is None):
        raise UncountableMovementError("a RUECKKEHR tells of the Übergang before it; nothing else does")


def _check_cell(cell: Cell) -> None:
    if (cell.phase in PHASES_WITH_PROVIDER) is not (cell.provider_id is not None):
        raise UncountableMovementError("a provider stands in EV, BBB and ARBEITSBEREICH, and only there")
    if (cell.provider_id is None) is not (cell.provider_mk is None):
        raise UncountableMovementError("provider_id and provider_mk stand together")
    if (cell.phase == "ARBEITSBEREICH") is not (cell.place is not None):
        raise UncountableMovementError("a place stands in ARBEITSBEREICH, and only there")


def _cell(cell: Cell | None, tenant: Traeger, providers: Mapping[tuple[Traeger, UUID], int]) -> str:
    if cell is None:
        return _NO_CELL
    provider, place = cell.provider_id, cell.place
    return (
        f"{PHASE[cell.phase]}\t{_NOTHING if provider is None else providers[tenant, provider]}\t"
        f"{_NOTHING if place is None else PLACE[place]}\t{AGS[cell.payer_mk]}\t{AGS[cell.residence_mk]}\t"
        f"{DISABILITY[cell.disability]}\t{'t' if cell.kombi else 'f'}"
    )


@lru_cache(maxsize=32_768)
def _day(day: date | None) -> str:
    return _NOTHING if day is None else day.isoformat()


@lru_cache(maxsize=4_096)
def berlin_day_of(instant: datetime) -> date:
    """The day in Berlin; all events of a command ask for the same instant."""
    return berlin_day(instant)


@lru_cache(maxsize=4_096)
def _instant(instant: datetime) -> str:
    return instant.isoformat()
