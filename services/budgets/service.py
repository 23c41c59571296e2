"""Use cases of `budgets`: let grants follow the commands of cases, and find them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.budgets.domain.model import Grant, HistoryEntry, Instrument, State
from services.budgets.domain.proposals import Command, follow
from services.budgets.repository import CaseKey, GrantRepository, HistoryRow
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFoundError
from shared.kernel.mitgliedskoerperschaften import Traeger

BY_MOVEMENTS = "cases"
"""Who acts on a grant when a movement does."""

Transaction = AsyncConnection


@dataclass(frozen=True, slots=True)
class GrantWithHistory:
    """A grant and how it came to be what it is."""

    grant: Grant
    history: Sequence[HistoryRow]


async def follow_commands(
    connection: Transaction, *, commands: Sequence[Command], clock: Clock, new_id: Callable[[], UUID]
) -> None:
    """Let grants follow the commands of any cases, in their order, inside the transaction of the consumer."""
    if not commands:
        return
    newest: dict[CaseKey, int] = {}
    for command in commands:
        key = (command.traeger, command.case_id)
        newest[key] = max(newest.get(key, 0), command.case_version)
    repository = GrantRepository(connection)
    before = await repository.lock_files(newest)
    after = dict(before)
    history: list[tuple[Traeger, HistoryEntry]] = []
    for command in commands:
        key = (command.traeger, command.case_id)
        after[key], entries = follow(after[key], command, new_id=new_id)
        history += [(command.traeger, entry) for entry in entries]
    await repository.save(before, after, history, at=clock.now(), by=BY_MOVEMENTS)


class GrantService:
    """Reading grants of one Träger, inside a transaction that is bound to it."""

    def __init__(self, connection: Transaction) -> None:
        self._repository = GrantRepository(connection)

    async def find(self, *, grant_id: UUID) -> GrantWithHistory:
        """One grant. Raises `NotFoundError`."""
        grant = await self._repository.find(grant_id)
        if grant is None:
            raise NotFoundError("There is no grant with this id.")
        histories = await self._repository.histories([grant_id])
        return GrantWithHistory(grant, histories[grant_id])

    async def find_all(
        self,
        *,
        case_id: UUID | None,
        state: State | None,
        instrument: Instrument | None,
        after: UUID | None,
        limit: int,
    ) -> list[GrantWithHistory]:
        """Grants that fit, oldest first, behind the one named by `after`."""
        grants = await self._repository.find_all(
            case_id=case_id, state=state, instrument=instrument, after=after, limit=limit
        )
        histories = await self._repository.histories([grant.id for grant in grants])
        return [GrantWithHistory(grant, histories[grant.id]) for grant in grants]
