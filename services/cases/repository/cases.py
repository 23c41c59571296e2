"""Files: read whole with their facts, saved by one statement that a stale version leaves without effect.

These two statements answer every recorded movement, so they go to the driver directly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.domain.cell import Registration
from services.cases.domain.commands import Decision, History
from services.cases.domain.facts import Fact
from services.cases.domain.movement import Movement
from services.cases.domain.providers import Provider
from services.cases.repository.errors import ExternalRefTakenError
from services.cases.repository.providers import SHARE_VALIDITY, validity_lock
from services.cases.repository.rows import (
    FACT_COLUMNS,
    PROVIDER_COLUMNS,
    ReadFile,
    changed_rows,
    decode_file,
    decode_movements,
    encode_rows,
    fact_of,
    movement_of,
    provider_of,
)
from shared.contracts.envelope import encode_body
from shared.contracts.parts import part_of
from shared.db.idempotency import driver_of
from shared.events.outbox import OutboxCommand
from shared.kernel.mitgliedskoerperschaften import Traeger


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file as it is recorded now: what a command starts from. `providers` are those of its cells."""

    case_id: UUID
    external_ref: str
    version: int
    recorded_at: datetime
    history: History
    providers: Mapping[UUID, Provider] = field(default_factory=dict)

    @property
    def registration(self) -> Registration:
        """The attributes the case was registered with."""
        return self.history.registration

    def knows(self, fact_id: UUID) -> bool:
        """Whether the case has this fact, or has had it."""
        return fact_id in self.history.cancelled or any(fact.fact_id == fact_id for fact in self.history.facts)


@dataclass(frozen=True, slots=True)
class Entry:
    """How a command is entered: its act, the instant, who did it and why."""

    act: str
    recorded_at: datetime
    subject: str
    client_id: str
    reason: str | None = None


_LOAD = f"""
    SELECT json_build_array(
        c.external_ref, c.payer_mk, c.residence_mk, c.disability, c.kombi, c.version, c.recorded_at, recorded.facts,
        (SELECT json_agg(json_build_array({PROVIDER_COLUMNS}))
         FROM provider AS p
         WHERE p.tenant = c.tenant AND p.id = ANY(recorded.providers))
    )::text AS file
    FROM case_file AS c
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_array({FACT_COLUMNS}) ORDER BY f.effective_on, f.entry) AS facts,
               array_agg(f.to_provider_id) AS providers
        FROM fact AS f
        WHERE f.tenant = c.tenant AND f.case_id = c.id AND f.to_version IS NULL
    ) AS recorded ON true
    WHERE c.tenant = %(tenant)s AND c.id = %(case_id)s
"""  # noqa: S608 - constant lists of columns
_LOAD_TO_CHANGE = _LOAD.replace("AS file", f"AS file, {SHARE_VALIDITY}")

_MOVEMENTS_AS_KNOWN = text(
    """
    SELECT k.version,
           (SELECT json_agg(f.movement ORDER BY f.effective_on, f.entry)
            FROM fact AS f
            WHERE f.tenant = :tenant AND f.case_id = :case_id AND NOT f.cancelled
              AND f.from_version <= k.version AND (f.to_version IS NULL OR f.to_version > k.version)
           )::text AS movements
    FROM (SELECT max(version) AS version FROM command
          WHERE tenant = :tenant AND case_id = :case_id AND recorded_at < :before) AS k
    WHERE k.version IS NOT NULL
    """
)

_REGISTER = text(
    """
    WITH registered AS (
        INSERT INTO case_file (tenant, id, external_ref, payer_mk, residence_mk, disability, kombi, version,
                               recorded_at)
        VALUES (:tenant, :case_id, :external_ref, :payer_mk, :residence_mk, :disability, :kombi, 1, :recorded_at)
        ON CONFLICT (tenant, external_ref) DO NOTHING
        RETURNING tenant, id
    )
    INSERT INTO command (tenant, case_id, version, recorded_at, act, reason, subject, client_id)
    SELECT tenant, id, 1, :recorded_at, 'REGISTER', NULL, :subject, :client_id FROM registered
    """
)

# Where another command was faster, or a provider is no longer the one the decision saw, `moved` is empty and nothing
# below it is written. The new rows are joined to the count of closed ones, so that a row is closed before its
# successor meets the unique index of present rows.
_SAVE = """
    WITH moved AS (
    UPDATE case_file SET version = %(version)s + 1, recorded_at = %(recorded_at)s
    WHERE tenant = %(tenant)s AND id = %(case_id)s AND version = %(version)s
      AND NOT EXISTS (
          SELECT FROM unnest(CAST(%(provider_ids)b AS uuid[]), CAST(%(provider_versions)b AS integer[]))
              AS u(id, version)
          LEFT JOIN provider AS p ON p.tenant = %(tenant)s AND p.id = u.id
          WHERE p.version IS DISTINCT FROM u.version)
    RETURNING tenant, id, version
    ), entered AS (
    INSERT INTO command (tenant, case_id, version, recorded_at, act, reason, subject, client_id)
    SELECT tenant, id, version, %(recorded_at)s, %(act)s, %(reason)s, %(subject)s, %(client_id)s FROM moved
    ), closed AS (
    UPDATE fact SET to_version = moved.version
    FROM moved
    WHERE fact.tenant = %(tenant)s AND fact.case_id = %(case_id)s AND fact.to_version IS NULL
      AND fact.fact_id = ANY(CAST(%(closed)b AS uuid[]))
    RETURNING fact.fact_id
    ), written AS (
    INSERT INTO fact (tenant, case_id, from_version, fact_id, entry, kind, effective_on, attributes, cancelled,
                      origin, external_ref, movement, movement_recorded_at, to_phase, to_provider_id, to_payer_mk)
    SELECT moved.tenant, moved.id, moved.version, r.fact_id, r.entry, r.kind, r.effective_on, r.attributes,
           r.cancelled, r.origin, r.external_ref, r.movement, r.movement_recorded_at, r.to_phase,
           r.to_provider_id, r.to_payer_mk
    FROM moved, (SELECT count(*) FROM closed) AS done,
         jsonb_to_recordset(CAST(%(rows)s AS jsonb)) AS r(
             fact_id uuid, entry integer, kind text, effective_on date, attributes jsonb, cancelled boolean,
             origin text, external_ref text, movement jsonb, movement_recorded_at timestamptz, to_phase text,
             to_provider_id uuid, to_payer_mk text)
    ), told AS (
    INSERT INTO outbox_in (tenant, part, key, key_version, recorded_at, event_ids, types, bodies)
    SELECT tenant, CAST(%(part)s AS smallint), id, version, %(recorded_at)s, CAST(%(event_ids)b AS uuid[]),
           CAST(%(types)b AS text[]), CAST(%(bodies)b AS text[])
    FROM moved WHERE cardinality(CAST(%(event_ids)b AS uuid[])) > 0
    )
    SELECT count(*) AS moved FROM moved
"""


class CaseRepository:
    """The files of one Träger, through a transaction that is bound to it."""

    def __init__(self, connection: AsyncConnection, traeger: Traeger) -> None:
        self._connection = connection
        self._traeger = traeger

    async def load(self, case_id: UUID, *, to_change: bool = False) -> CaseFile | None:
        """A file with its present facts and their providers, all of one instant; None where there is no such file.

        `to_change` also takes the shared lock of `ProviderRepository.share_validity`. The file itself is not
        locked: `save` finds out whether another command was faster.
        """
        parameters: dict[str, Any] = {"tenant": self._traeger.value, "case_id": case_id}
        if to_change:
            parameters |= validity_lock(self._traeger)
        cursor = await driver_of(self._connection).execute(_LOAD_TO_CHANGE if to_change else _LOAD, parameters)
        row = await cursor.fetchone()
        return None if row is None else _file_of(self._traeger, case_id, decode_file(row[0]))

    async def movements_as_known(self, case_id: UUID, before: datetime) -> tuple[int, list[Movement]]:
        """Version and movements as they were recorded before an instant; 0 and none before the registration."""
        parameters = {"tenant": self._traeger.value, "case_id": case_id, "before": before}
        row = (await self._connection.execute(_MOVEMENTS_AS_KNOWN, parameters)).one_or_none()
        if row is None:
            return 0, []
        return row.version, [movement_of(stored) for stored in decode_movements(row.movements or "[]")]

    async def register(self, case_id: UUID, external_ref: str, registration: Registration, entry: Entry) -> None:
        """Write a new file with version 1. Raises `ExternalRefTakenError`."""
        result = await self._connection.execute(
            _REGISTER,
            {
                "tenant": self._traeger.value,
                "case_id": case_id,
                "external_ref": external_ref,
                "payer_mk": registration.payer_mk,
                "residence_mk": registration.residence_mk,
                "disability": registration.disability.value,
                "kombi": registration.kombi,
                "recorded_at": entry.recorded_at,
                "subject": entry.subject,
                "client_id": entry.client_id,
            },
        )
        if result.rowcount == 0:
            raise ExternalRefTakenError("Another case of the Träger has this external_ref.")

    async def save(
        self,
        file: CaseFile,
        decision: Decision,
        entry: Entry,
        *,
        providers: Mapping[UUID, Provider],
        happened: OutboxCommand,
    ) -> bool:
        """Write what a command changed as version `file.version + 1`, with its events.

        False, and nothing written, if another command was faster or one of `providers` has changed since it was read.
        """
        known = {fact.fact_id: fact for fact in file.history.facts}
        written = {signed.movement.fact_id for signed in decision.signed if signed.sign > 0}
        written |= {fact.fact_id for fact in (*decision.added, *decision.amended)}
        rows = changed_rows(known, decision.facts, decision.movements, written=written, cancelled=decision.cancelled)
        cursor = await driver_of(self._connection).execute(
            _SAVE,
            {
                "tenant": self._traeger.value,
                "case_id": file.case_id,
                "version": file.version,
                "recorded_at": entry.recorded_at,
                "act": entry.act,
                "reason": entry.reason,
                "subject": entry.subject,
                "client_id": entry.client_id,
                "closed": [row.fact_id for row in rows if row.fact_id in known],
                "rows": encode_rows(rows),
                "provider_ids": list(providers),
                "provider_versions": [provider.version for provider in providers.values()],
                "part": part_of(self._traeger, file.case_id),
                "event_ids": [event.id for event in happened.events],
                "types": [event.type for event in happened.events],
                "bodies": [encode_body(event) for event in happened.events],
            },
        )
        row = await cursor.fetchone()
        assert row is not None, "an aggregate always has one row"
        return bool(row[0])


def _file_of(traeger: Traeger, case_id: UUID, stored: ReadFile) -> CaseFile:
    facts: list[Fact] = []
    movements: list[Movement] = []
    cancelled: list[UUID] = []
    entries = stored.facts or []
    for entry in entries:
        if entry.movement is None:
            cancelled.append(entry.fact_id)
        else:
            facts.append(fact_of(entry))
            movements.append(movement_of(entry.movement))
    registration = Registration(stored.payer_mk, stored.residence_mk, stored.disability, stored.kombi)
    next_entry = 1 + max((entry.entry for entry in entries), default=0)
    history = History(traeger, registration, facts, movements, next_entry, frozenset(cancelled))
    providers = {provider.provider_id: provider_of(provider) for provider in stored.providers or ()}
    return CaseFile(case_id, stored.external_ref, stored.version, stored.recorded_at, history, providers)
