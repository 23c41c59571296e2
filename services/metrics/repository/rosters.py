"""What decides about the rows of an answer: the providers of the Träger, and its comparison groups."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.domain.comparison import ComparisonGroup
from services.metrics.domain.groups import KnownProvider
from services.metrics.domain.sums import Member
from shared.kernel.mitgliedskoerperschaften import Traeger

_PROVIDERS = text("SELECT provider_id, name, valid_from, valid_to FROM provider WHERE version > 0")
_PROVIDER = text("SELECT EXISTS (SELECT FROM provider WHERE provider_id = :id)")
_GROUP = text(
    "SELECT id, version, title, members FROM comparison_group"
    " WHERE id = :id AND (CAST(:version AS integer) IS NULL OR version = :version) ORDER BY version DESC LIMIT 1"
)
_ADD = text(
    "INSERT INTO comparison_group (tenant, id, version, title, members, recorded_at, recorded_by)"
    " VALUES (:tenant, :id, :version, :title, CAST(:members AS jsonb), :recorded_at, :recorded_by)"
    " ON CONFLICT DO NOTHING"
)

_encode = msgspec.json.Encoder().encode


async def providers(connection: AsyncConnection) -> list[KnownProvider]:
    """The providers whose own event has arrived, of the Träger that the transaction is bound to."""
    rows = (await connection.execute(_PROVIDERS)).all()
    return [KnownProvider(str(row.provider_id), row.name, row.valid_from, row.valid_to) for row in rows]


async def knows_provider(connection: AsyncConnection, provider_id: UUID) -> bool:
    """Whether the Träger has a provider of this id."""
    return bool((await connection.execute(_PROVIDER, {"id": provider_id})).scalar_one())


async def comparison_group(
    connection: AsyncConnection, group_id: str, version: int | None = None
) -> ComparisonGroup | None:
    """A comparison group of the Träger, by default its current version."""
    row = (await connection.execute(_GROUP, {"id": group_id, "version": version})).one_or_none()
    if row is None:
        return None
    return ComparisonGroup(row.id, row.version, row.title, msgspec.convert(row.members, tuple[Member, ...]))


async def add_version(
    connection: AsyncConnection, group: ComparisonGroup, *, traeger: Traeger, subject: str, recorded_at: datetime
) -> bool:
    """Append a version; False if somebody else has just appended one with its number."""
    values = {
        "tenant": traeger.value,
        "id": group.id,
        "version": group.version,
        "title": group.title,
        "members": _encode(group.members).decode(),
        "recorded_at": recorded_at,
        "recorded_by": subject,
    }
    return bool((await connection.execute(_ADD, values)).rowcount)
