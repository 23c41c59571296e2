"""Projection: movements are appended and nothing else; the rest is computed from them.

A command that was parked and is resolved later may bring movements that the compactor has already passed. Those are
added to the cube at once, so that what lies up to a mark is in the cube, always.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.metrics.repository import compacting, movements, providers
from services.metrics.repository.movements import Arrived, UncountableMovementError
from services.metrics.repository.providers import Described, ProviderName, UnknownCategoryError
from shared.events.checkpoint import CheckpointMovedError
from shared.events.ports import InvalidCommandError

__all__ = ["Arrived", "Described", "Transaction", "append"]

Transaction = AsyncConnection
"""The transaction that also moves the checkpoint."""


async def append(transaction: Transaction, *, arrived: Sequence[Arrived], described: Sequence[Described]) -> None:
    """Append movements and master data of providers.

    Raises `InvalidCommandError` for what cannot be counted, `CheckpointMovedError` for what is in the table already.
    """
    try:
        await providers.describe(transaction, described)
        if arrived:
            numbers = await providers.numbers_of(transaction, _providers(arrived))
            late = await _late_parts(transaction, arrived)
            await movements.copy_movements(transaction, arrived, numbers)
            for source, part in late:
                seqs = [entry.seq for entry in arrived if (entry.source, entry.part) == (source, part)]
                await compacting.add_late(transaction, source, part, seqs)
    except (UncountableMovementError, UnknownCategoryError) as error:
        raise InvalidCommandError(str(error)) from error


async def _late_parts(transaction: Transaction, arrived: Sequence[Arrived]) -> list[tuple[str, int]]:
    """The parts whose checkpoint has already passed a movement of these.

    The lock on the checkpoint keeps everybody else from appending to the part until we are done.
    """
    first: dict[tuple[str, int], int] = {}
    for entry in arrived:
        place = (entry.source, entry.part)
        first[place] = min(first.get(place, entry.seq), entry.seq)
    late = []
    for (source, part), seq in sorted(first.items()):
        if await compacting.lock_checkpoint(transaction, source, part) >= seq:
            seqs = [entry.seq for entry in arrived if (entry.source, entry.part) == (source, part)]
            if await movements.any_present(transaction, source, part, seqs):
                raise CheckpointMovedError(f"part {part} of {source} has these movements already")
            late.append((source, part))
    return late


def _providers(arrived: Sequence[Arrived]) -> dict[ProviderName, str]:
    named: dict[ProviderName, str] = {}
    for entry in arrived:
        moved = entry.movement
        for cell in (moved.from_, moved.to, moved.uebergang_from):
            if cell is not None and cell.provider_id is not None and cell.provider_mk is not None:
                named[entry.tenant, cell.provider_id] = cell.provider_mk
    return named
