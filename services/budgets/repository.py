"""Every SQL statement of `budgets`; rows and domain values in both directions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.budgets.domain.model import Act, Cell, Grant, HistoryEntry, Instrument, Phase, State
from services.budgets.domain.proposals import CaseFile, Told
from shared.kernel.mitgliedskoerperschaften import Traeger

CaseKey = tuple[Traeger, UUID]

# In ascending order, so that two transactions with several cases in common wait for each other and never both.
_LOCK = text(
    """
    INSERT INTO case_file (tenant, case_id, case_version)
    SELECT t.tenant, t.case_id, t.case_version
    FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[]), CAST(:versions AS int[]))
        AS t(tenant, case_id, case_version)
    ORDER BY t.tenant, t.case_id
    ON CONFLICT (tenant, case_id) DO UPDATE
    SET case_version = greatest(case_file.case_version, excluded.case_version)
    """
)
_TOLD = text(
    "SELECT f.* FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[])) AS t(tenant, case_id)"
    " JOIN told_fact AS f USING (tenant, case_id)"
)
_GRANTS = text(
    "SELECT g.* FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[])) AS t(tenant, case_id)"
    " JOIN grants AS g USING (tenant, case_id)"
)
_SAVE_TOLD = text(
    """
    INSERT INTO told_fact (tenant, fact_id, case_id, case_version, entry_version, entry_index, effective_on,
                           opens, enters, leaves, left_since)
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        tenant text, fact_id uuid, case_id uuid, case_version int, entry_version int, entry_index int,
        effective_on date, opens text, enters text, leaves text, left_since date)
    ON CONFLICT (tenant, fact_id) DO UPDATE SET
        case_version = excluded.case_version, entry_version = excluded.entry_version,
        entry_index = excluded.entry_index, effective_on = excluded.effective_on,
        opens = excluded.opens, enters = excluded.enters, leaves = excluded.leaves,
        left_since = excluded.left_since
    """
)
_SAVE_GRANTS = text(
    """
    INSERT INTO grants (tenant, id, case_id, opened_by_fact, instrument, state, start_on, end_on, decided_on,
                        cell_before, cell_after, version, case_version)
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        tenant text, id uuid, case_id uuid, opened_by_fact uuid, instrument text, state text, start_on date,
        end_on date, decided_on date, cell_before jsonb, cell_after jsonb, version int, case_version int)
    ON CONFLICT (tenant, id) DO UPDATE SET
        state = excluded.state, start_on = excluded.start_on, end_on = excluded.end_on,
        decided_on = excluded.decided_on, cell_before = excluded.cell_before, cell_after = excluded.cell_after,
        version = excluded.version, case_version = excluded.case_version
    """
)
_APPEND_HISTORY = text(
    """
    INSERT INTO grant_history (tenant, grant_id, version, at, by, act, comment, case_version)
    SELECT tenant, grant_id, version, :at, :by, act, NULL, case_version
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(
        tenant text, grant_id uuid, version int, act text, case_version int)
    """
)
_ONE = text("SELECT * FROM grants WHERE id = :id")
_FOUND = text(
    """
    SELECT * FROM grants
    WHERE (CAST(:case_id AS uuid) IS NULL OR case_id = :case_id)
      AND (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:instrument AS text) IS NULL OR instrument = :instrument)
      AND (CAST(:after AS uuid) IS NULL OR id > :after)
    ORDER BY id LIMIT :limit
    """
)
_HISTORY = text(
    "SELECT grant_id, version, at, by, act, comment FROM grant_history WHERE grant_id = ANY(:ids)"
    " ORDER BY grant_id, version"
)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history of a grant: when, by whom, what, and in whose words."""

    version: int
    at: datetime
    by: str
    act: Act
    comment: str | None


class GrantRepository:
    """Grants inside one transaction. The worker writes for both Träger, a request reads those of its own."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock_files(self, versions: Mapping[CaseKey, int]) -> dict[CaseKey, CaseFile]:
        """What is known of some cases, held until the end of the transaction; `versions` are the newest commands."""
        keys = list(versions)
        which = {"tenants": [key[0].value for key in keys], "cases": [key[1] for key in keys]}
        await self._connection.execute(_LOCK, {**which, "versions": list(versions.values())})
        told: dict[CaseKey, dict[UUID, Told]] = {key: {} for key in keys}
        grants: dict[CaseKey, dict[tuple[UUID, Instrument], Grant]] = {key: {} for key in keys}
        for row in await self._connection.execute(_TOLD, which):
            told[Traeger(row.tenant), row.case_id][row.fact_id] = _told(row)
        for row in await self._connection.execute(_GRANTS, which):
            grant = _grant(row)
            grants[grant.traeger, grant.case_id][grant.opened_by_fact, grant.instrument] = grant
        return {key: CaseFile(told[key], grants[key]) for key in keys}

    async def save(
        self,
        before: Mapping[CaseKey, CaseFile],
        after: Mapping[CaseKey, CaseFile],
        history: Iterable[tuple[Traeger, HistoryEntry]],
        *,
        at: datetime,
        by: str,
    ) -> None:
        """Write what has changed between two states of the same files, and why."""
        told, grants = [], []
        for key, file in after.items():
            known = before[key]
            told += [_told_row(key, f) for f in file.told.values() if f != known.told.get(f.fact_id)]
            grants += [_grant_row(g) for name, g in file.grants.items() if g != known.grants.get(name)]
        acts = [
            {
                "tenant": traeger,
                "grant_id": entry.grant_id,
                "version": entry.version,
                "act": entry.act,
                "case_version": entry.case_version,
            }
            for traeger, entry in history
        ]
        for statement, rows in ((_SAVE_TOLD, told), (_SAVE_GRANTS, grants)):
            if rows:
                await self._connection.execute(statement, {"rows": _json(rows)})
        if acts:
            await self._connection.execute(_APPEND_HISTORY, {"rows": _json(acts), "at": at, "by": by})

    async def find(self, grant_id: UUID) -> Grant | None:
        """One grant of the Träger that the transaction is bound to."""
        row = (await self._connection.execute(_ONE, {"id": grant_id})).one_or_none()
        return None if row is None else _grant(row)

    async def find_all(
        self,
        *,
        case_id: UUID | None,
        state: State | None,
        instrument: Instrument | None,
        after: UUID | None,
        limit: int,
    ) -> list[Grant]:
        """Grants that fit, in the order of their ids, that is of their creation."""
        parameters = {"case_id": case_id, "state": state, "instrument": instrument, "after": after, "limit": limit}
        return [_grant(row) for row in await self._connection.execute(_FOUND, parameters)]

    async def histories(self, grant_ids: Sequence[UUID]) -> dict[UUID, list[HistoryRow]]:
        """The history of each grant, oldest first."""
        found: dict[UUID, list[HistoryRow]] = {grant_id: [] for grant_id in grant_ids}
        for row in await self._connection.execute(_HISTORY, {"ids": list(grant_ids)}):
            found[row.grant_id].append(HistoryRow(row.version, row.at, row.by, Act(row.act), row.comment))
        return found


def _told(row: Row[Any]) -> Told:
    return Told(
        fact_id=row.fact_id,
        case_version=row.case_version,
        entry=(row.entry_version, row.entry_index),
        effective_on=row.effective_on,
        opens=None if row.opens is None else Instrument(row.opens),
        enters=None if row.enters is None else Phase(row.enters),
        leaves=None if row.leaves is None else Phase(row.leaves),
        left_since=row.left_since,
    )


def _told_row(key: CaseKey, told: Told) -> dict[str, Any]:
    return {
        "tenant": key[0],
        "case_id": key[1],
        "fact_id": told.fact_id,
        "case_version": told.case_version,
        "entry_version": told.entry[0],
        "entry_index": told.entry[1],
        "effective_on": told.effective_on,
        "opens": told.opens,
        "enters": told.enters,
        "leaves": told.leaves,
        "left_since": told.left_since,
    }


def _grant(row: Row[Any]) -> Grant:
    return Grant(
        id=row.id,
        traeger=Traeger(row.tenant),
        case_id=row.case_id,
        opened_by_fact=row.opened_by_fact,
        instrument=Instrument(row.instrument),
        state=State(row.state),
        start=row.start_on,
        end=row.end_on,
        decided_on=row.decided_on,
        before=None if row.cell_before is None else _cell(row.cell_before),
        after=_cell(row.cell_after),
        version=row.version,
        case_version=row.case_version,
    )


def _grant_row(grant: Grant) -> dict[str, Any]:
    return {
        "tenant": grant.traeger,
        "id": grant.id,
        "case_id": grant.case_id,
        "opened_by_fact": grant.opened_by_fact,
        "instrument": grant.instrument,
        "state": grant.state,
        "start_on": grant.start,
        "end_on": grant.end,
        "decided_on": grant.decided_on,
        "cell_before": None if grant.before is None else asdict(grant.before),
        "cell_after": asdict(grant.after),
        "version": grant.version,
        "case_version": grant.case_version,
    }


def _cell(value: Mapping[str, Any]) -> Cell:
    provider = value["provider_id"]
    return Cell(
        phase=Phase(value["phase"]),
        provider_id=None if provider is None else UUID(provider),
        provider_mk=value["provider_mk"],
        payer_mk=value["payer_mk"],
        residence_mk=value["residence_mk"],
        disability=value["disability"],
        kombi=value["kombi"],
    )


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=str)
