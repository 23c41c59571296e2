"""Providers: master data, and how long somebody stays."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.domain.providers import Provider, ProviderKind
from services.cases.repository.errors import ExternalRefTakenError
from shared.kernel.mitgliedskoerperschaften import Traeger

_COLUMNS = "id, version, name, kind, mitgliedskoerperschaft, external_ref, valid_from, valid_to"
_LOCK_SPACE = 2_026_001  # any constant
_LOCK_NUMBER = {Traeger.LVR: 0, Traeger.LWL: 1}

SHARE_VALIDITY = "pg_advisory_xact_lock_shared(%(lock_space)s::integer, %(lock_number)s::integer)"
"""Expression for the driver, with the parameters of `validity_lock`: the same lock as `share_validity`."""

_SHARE_VALIDITY = text("SELECT pg_advisory_xact_lock_shared(:lock_space, :lock_number)")
_OWN_VALIDITY = text("SELECT pg_advisory_xact_lock(:lock_space, :lock_number)")

_BY_IDS = text(f"SELECT {_COLUMNS} FROM provider WHERE tenant = :tenant AND id = ANY(:ids)")  # noqa: S608 - constants

_PAGE = text(
    f"SELECT {_COLUMNS} FROM provider WHERE tenant = :tenant"  # noqa: S608 - constants
    " AND (CAST(:after AS uuid) IS NULL OR id > :after)"
    " AND (CAST(:external_ref AS text) IS NULL OR external_ref = :external_ref)"
    " ORDER BY id LIMIT :limit"
)

_INSERT = text(
    f"INSERT INTO provider (tenant, {_COLUMNS}, recorded_at)"  # noqa: S608 - constants
    " VALUES (:tenant, :id, :version, :name, :kind, :mitgliedskoerperschaft, :external_ref, :valid_from, :valid_to,"
    " :recorded_at) ON CONFLICT (tenant, external_ref) DO NOTHING"
)

_UPDATE = text(
    "UPDATE provider SET version = :version, name = :name, external_ref = :external_ref, valid_to = :valid_to,"
    " recorded_at = :recorded_at"
    " WHERE tenant = :tenant AND id = :id AND version = :version - 1"
)

_RECORDED_AT = text("SELECT recorded_at FROM provider WHERE tenant = :tenant AND id = :id")

_REF_TAKEN = "Another provider of the Träger has this external_ref."

_LAST_DAY_IN_USE = text(
    """
    SELECT max(CASE WHEN next.effective_on IS NULL THEN greatest(f.effective_on, CAST(:today AS date))
                    ELSE next.effective_on - 1 END) AS last_day
    FROM fact AS f
    LEFT JOIN LATERAL (
        SELECT g.effective_on FROM fact AS g
        WHERE g.tenant = f.tenant AND g.case_id = f.case_id AND g.to_version IS NULL AND NOT g.cancelled
          AND (g.effective_on, g.entry) > (f.effective_on, f.entry)
        ORDER BY g.effective_on, g.entry LIMIT 1
    ) AS next ON true
    WHERE f.tenant = :tenant AND f.to_provider_id = :id AND f.to_version IS NULL
      AND (next.effective_on IS NULL OR next.effective_on > f.effective_on)
    """
)


def validity_lock(traeger: Traeger) -> dict[str, int]:
    """The parameters of the lock over the validity of all providers of a Träger."""
    return {"lock_space": _LOCK_SPACE, "lock_number": _LOCK_NUMBER[traeger]}


class ProviderRepository:
    """The providers of one Träger, through a transaction that is bound to it."""

    def __init__(self, connection: AsyncConnection, traeger: Traeger) -> None:
        self._connection = connection
        self._traeger = traeger

    async def share_validity(self) -> None:
        """Until the end of the transaction no provider of the Träger gets another validity. Many may hold this."""
        await self._lock(_SHARE_VALIDITY)

    async def own_validity(self) -> None:
        """Wait until nobody else relies on the validity of providers; others then wait for this transaction."""
        await self._lock(_OWN_VALIDITY)

    async def by_ids(self, ids: Collection[UUID]) -> dict[UUID, Provider]:
        """The providers among these ids that the Träger has."""
        rows = await self._connection.execute(_BY_IDS, {"tenant": self._traeger.value, "ids": list(ids)})
        return {row.id: _provider_of(row) for row in rows}

    async def page(self, *, external_ref: str | None, after: UUID | None, limit: int) -> Sequence[Provider]:
        """Providers by id, behind `after`."""
        parameters = {
            "tenant": self._traeger.value,
            "external_ref": external_ref,
            "after": after,
            "limit": limit,
        }
        return [_provider_of(row) for row in await self._connection.execute(_PAGE, parameters)]

    async def insert(self, provider: Provider, recorded_at: datetime) -> None:
        """Write a new provider. Raises `ExternalRefTakenError`."""
        result = await self._connection.execute(_INSERT, self._parameters(provider, recorded_at))
        if result.rowcount == 0:
            raise ExternalRefTakenError(_REF_TAKEN)

    async def update(self, provider: Provider, recorded_at: datetime) -> bool:
        """Write the provider as the version after the stored one; False if that is another one by now.

        Raises `ExternalRefTakenError` where another provider has its `external_ref`; the transaction is lost then.
        """
        try:
            result = await self._connection.execute(_UPDATE, self._parameters(provider, recorded_at))
        except IntegrityError as error:
            raise ExternalRefTakenError(_REF_TAKEN) from error
        return result.rowcount == 1

    async def recorded_at(self, provider_id: UUID) -> datetime | None:
        """The instant of the last change of a provider."""
        parameters = {"tenant": self._traeger.value, "id": provider_id}
        found: datetime | None = (await self._connection.execute(_RECORDED_AT, parameters)).scalar_one_or_none()
        return found

    async def last_day_in_use(self, provider_id: UUID, today: date) -> date | None:
        """The last day on which somebody stays there, open stays up to today; None where nobody ever does."""
        parameters = {"tenant": self._traeger.value, "id": provider_id, "today": today}
        found: date | None = (await self._connection.execute(_LAST_DAY_IN_USE, parameters)).scalar_one()
        return found

    async def _lock(self, statement: TextClause) -> None:
        await self._connection.execute(statement, validity_lock(self._traeger))

    def _parameters(self, provider: Provider, recorded_at: datetime) -> dict[str, object]:
        return {
            "tenant": self._traeger.value,
            "id": provider.provider_id,
            "version": provider.version,
            "name": provider.name,
            "kind": provider.kind.value,
            "mitgliedskoerperschaft": provider.mitgliedskoerperschaft,
            "external_ref": provider.external_ref,
            "valid_from": provider.valid_from,
            "valid_to": provider.valid_to,
            "recorded_at": recorded_at,
        }


def _provider_of(row: Row[Any]) -> Provider:
    return Provider(
        row.id,
        row.version,
        row.name,
        ProviderKind(row.kind),
        row.mitgliedskoerperschaft,
        row.external_ref,
        row.valid_from,
        row.valid_to,
    )
