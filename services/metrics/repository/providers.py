"""Providers: their numbers in our tables, and the newest that is known of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.repository.codes import AGS, PROVIDER_KIND
from shared.contracts.cases_v1 import ProviderChanged
from shared.kernel.mitgliedskoerperschaften import Traeger

ProviderName = tuple[Traeger, UUID]
"""A provider belongs to the Träger that registered it."""

_NUMBERS = text(
    "SELECT p.tenant, p.provider_id, p.no FROM provider p"
    " JOIN unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])) AS wanted(tenant, provider_id)"
    " USING (tenant, provider_id)"
)
_ADD = text(
    "INSERT INTO provider (tenant, provider_id, mitgliedskoerperschaft, version)"
    " SELECT tenant, provider_id, mk, 0"
    " FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:mks AS integer[]))"
    " AS named(tenant, provider_id, mk) ORDER BY tenant, provider_id ON CONFLICT (tenant, provider_id) DO NOTHING"
)
_DESCRIBE = text(
    "INSERT INTO provider AS p"
    " (tenant, provider_id, mitgliedskoerperschaft, version, name, kind, valid_from, valid_to)"
    " VALUES (:tenant, :id, :mk, :version, :name, :kind, :valid_from, :valid_to)"
    " ON CONFLICT (tenant, provider_id) DO UPDATE SET version = excluded.version, name = excluded.name,"
    " kind = excluded.kind, valid_from = excluded.valid_from, valid_to = excluded.valid_to"
    " WHERE p.version < excluded.version"
)


class UnknownCategoryError(Exception):
    """A provider is of a kind or of a Mitgliedskörperschaft that is not known here."""


@dataclass(frozen=True, slots=True)
class Described:
    """The master data of a provider as its event tells them."""

    tenant: Traeger
    changed: ProviderChanged


async def numbers_of(connection: AsyncConnection, named: Mapping[ProviderName, str]) -> dict[ProviderName, int]:
    """The numbers of providers that movements name, with their AGS; those met for the first time get one."""
    known = await _numbers(connection, named)
    missing = sorted(named.keys() - known.keys())
    if missing:
        await connection.execute(_ADD, {**_names(missing), "mks": [_ags(named[name]) for name in missing]})
        known |= await _numbers(connection, missing)
    return known


async def describe(connection: AsyncConnection, described: Sequence[Described]) -> None:
    """Take over master data; the newest version of a provider wins, in whatever order they come."""
    ordered = sorted(described, key=lambda entry: (entry.tenant, entry.changed.provider_id))
    if ordered:
        await connection.execute(_DESCRIBE, [_row(entry) for entry in ordered])


async def _numbers(connection: AsyncConnection, names: Collection[ProviderName]) -> dict[ProviderName, int]:
    rows = (await connection.execute(_NUMBERS, _names(names))).all()
    return {(Traeger(tenant), provider_id): number for tenant, provider_id, number in rows}


def _names(names: Iterable[ProviderName]) -> dict[str, list[object]]:
    listed = list(names)
    return {"tenants": [tenant.value for tenant, _ in listed], "ids": [provider_id for _, provider_id in listed]}


def _row(described: Described) -> dict[str, object]:
    changed = described.changed
    if changed.kind not in PROVIDER_KIND:
        raise UnknownCategoryError("a kind of provider that is not known here")
    return {
        "tenant": described.tenant.value,
        "id": changed.provider_id,
        "mk": _ags(changed.mitgliedskoerperschaft),
        "version": changed.provider_version,
        "name": changed.name,
        "kind": PROVIDER_KIND[changed.kind],
        "valid_from": changed.valid_from,
        "valid_to": changed.valid_to,
    }


def _ags(ags: str) -> int:
    if ags not in AGS:
        raise UnknownCategoryError("a Mitgliedskörperschaft that is not known here")
    return AGS[ags]
