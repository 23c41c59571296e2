"""Files as a list: each with the cell of a day, found by what holds on that day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.domain.cell import Cell, Disability, Phase, Registration
from shared.db.idempotency import driver_of
from shared.kernel.mitgliedskoerperschaften import Traeger


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What a list is asked for; `None` asks for nothing. Phase, provider and payer are those of the day's cell."""

    external_ref: str | None = None
    phase: Phase | None = None
    provider_id: UUID | None = None
    payer_mk: str | None = None
    changed_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A file without its timeline. `has_begun`: a fact is effective by the day, though `cell` may be none."""

    case_id: UUID
    external_ref: str
    registration: Registration
    version: int
    recorded_at: datetime
    cell: Cell | None
    has_begun: bool


_CELL_COLUMNS = {"phase": "to_phase", "provider_id": "to_provider_id", "payer_mk": "to_payer_mk"}

_CONDITIONS = {
    "external_ref": "c.external_ref = %(external_ref)s",
    "changed_from": "c.recorded_at >= %(changed_from)s",
    "after": "c.id > %(after)s",
    # The second look at `fact` only lets an index find candidates: whoever is in such a cell today has a present
    # fact that leads to one.
    **{
        name: f"today.{column} = %({name})s AND c.id IN (SELECT p.case_id FROM fact AS p"  # noqa: S608 - constants
        f" WHERE p.tenant = %(tenant)s AND p.{column} = %({name})s AND p.to_version IS NULL)"
        for name, column in _CELL_COLUMNS.items()
    },
}

_decode_cell = msgspec.json.Decoder(Cell).decode


class CaseList:
    """Lists of the files of one Träger, through a transaction that is bound to it."""

    def __init__(self, connection: AsyncConnection, traeger: Traeger) -> None:
        self._connection = connection
        self._traeger = traeger

    async def page(self, wanted: CaseFilter, *, today: date, after: UUID | None, limit: int) -> Sequence[ListedCase]:
        """Files by id, behind `after`."""
        given: dict[str, Any] = {
            "external_ref": wanted.external_ref,
            "phase": wanted.phase and wanted.phase.value,
            "provider_id": wanted.provider_id,
            "payer_mk": wanted.payer_mk,
            "changed_from": wanted.changed_from,
            "after": after,
        }
        given = {name: value for name, value in given.items() if value is not None}
        conditions = " AND ".join(["c.tenant = %(tenant)s", *(_CONDITIONS[name] for name in given)])
        statement = f"""
            SELECT c.id, c.external_ref, c.payer_mk, c.residence_mk, c.disability, c.kombi, c.version, c.recorded_at,
                   (today.movement -> 'to')::text AS cell, today.fact_id IS NOT NULL AS has_begun
            FROM case_file AS c
            LEFT JOIN LATERAL (
                SELECT f.fact_id, f.movement, f.to_phase, f.to_provider_id, f.to_payer_mk
                FROM fact AS f
                WHERE f.tenant = c.tenant AND f.case_id = c.id AND f.to_version IS NULL AND NOT f.cancelled
                  AND f.effective_on <= %(today)s
                ORDER BY f.effective_on DESC, f.entry DESC LIMIT 1
            ) AS today ON true
            WHERE {conditions}
            ORDER BY c.id LIMIT %(limit)s
            """  # noqa: S608 - the conditions are constants of this module
        parameters = {"tenant": self._traeger.value, "today": today, "limit": limit, **given}
        # Not prepared: a plan for all phases alike would be a bad one for the rare phases.
        cursor = await driver_of(self._connection).execute(statement, parameters, prepare=False)
        return [_listed(row) for row in await cursor.fetchall()]


def _listed(row: tuple[Any, ...]) -> ListedCase:
    case_id, external_ref, payer_mk, residence_mk, disability, kombi, version, recorded_at, cell, has_begun = row
    return ListedCase(
        case_id,
        external_ref,
        Registration(payer_mk, residence_mk, Disability(disability), kombi),
        version,
        recorded_at,
        None if cell is None or cell == "null" else _decode_cell(cell),
        has_begun,
    )
