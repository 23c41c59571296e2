"""Comparison groups: read a version, append a version."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.domain.comparison import (
    ComparisonGroup,
    ComparisonGroupNotFoundError,
    check_id,
    check_members,
)
from services.metrics.domain.sums import Member
from services.metrics.repository import rosters
from services.metrics.service.snapshots import Reader
from shared.kernel.clock import Clock
from shared.kernel.errors import StaleError

__all__ = ["ComparisonGroup", "Transaction", "current_group", "find_group", "put_group"]

Transaction = AsyncConnection
"""The transaction of the request, bound to the Träger."""


async def current_group(transaction: Transaction, group_id: str) -> ComparisonGroup | None:
    """The current version, None if there is no such group. `InvalidComparisonGroupError` for what cannot be an id."""
    check_id(group_id)
    return await rosters.comparison_group(transaction, group_id)


async def find_group(transaction: Transaction, group_id: str, version: int | None = None) -> ComparisonGroup:
    """A version, by default the current one. Raises `ComparisonGroupNotFoundError`."""
    found = await rosters.comparison_group(transaction, group_id, version)
    if found is None:
        raise ComparisonGroupNotFoundError("The Träger has no comparison group of this id, or not in this version.")
    return found


async def put_group(
    transaction: Transaction,
    *,
    reader: Reader,
    clock: Clock,
    group_id: str,
    current: ComparisonGroup | None,
    expected: int | None,
    title: str,
    members: Sequence[Member],
) -> ComparisonGroup:
    """Append a version to the one that `expected` names, if it names one.

    Raises `InvalidComparisonGroupError`, and `StaleError` unless `expected` is the current version.
    """
    check_members(members)
    actual = None if current is None else current.version
    if expected is not None and expected != actual:
        raise StaleError("Read the comparison group again; its ETag has changed.")
    group = ComparisonGroup(group_id, (actual or 0) + 1, title, tuple(members))
    added = await rosters.add_version(
        transaction, group, traeger=reader.traeger, subject=reader.subject, recorded_at=clock.now()
    )
    if not added:
        raise StaleError("Somebody else has just changed the comparison group.")
    return group
