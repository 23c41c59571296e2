"""Use cases on files: register, change, read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.cases.domain.cell import Registration
from services.cases.domain.checks import check_registration
from services.cases.domain.commands import Add, Amend, Change, Decision, History, decide, next_recorded_at
from services.cases.domain.providers import Provider
from services.cases.repository.cases import CaseFile, CaseRepository, Entry
from services.cases.repository.listing import CaseFilter, CaseList
from services.cases.repository.providers import ProviderRepository
from services.cases.service import events
from services.cases.service.actor import Actor
from services.cases.service.errors import in_the_future, stale, unknown_case
from services.cases.service.views import CaseView, TimelineView, case_view, listed_view, timeline_view
from shared.events.outbox import append
from shared.kernel.clock import BERLIN, Clock, berlin_day
from shared.kernel.errors import ConflictError
from shared.observability.identifiers import new_id


@dataclass(frozen=True, slots=True)
class Changed:
    """What a command left: the version now, the decision, and whether others hear of it."""

    case_id: UUID
    version: int
    decision: Decision
    has_events: bool

    def timeline(self) -> TimelineView:
        """The timeline after the command."""
        return timeline_view(self.case_id, self.version, self.decision.movements)


class CaseService:
    """The files of the actor's Träger, within one transaction."""

    def __init__(self, *, connection: AsyncConnection, actor: Actor, clock: Clock) -> None:
        self._connection = connection
        self._actor = actor
        self._clock = clock
        self._cases = CaseRepository(connection, actor.traeger)
        self._providers = ProviderRepository(connection, actor.traeger)

    async def find(self, *, case_id: UUID, to_change: bool = False) -> CaseFile:
        """A file with its facts. Raises `NotFoundError`."""
        file = await self._cases.load(case_id, to_change=to_change)
        if file is None:
            raise unknown_case()
        return file

    async def register(self, *, external_ref: str, registration: Registration) -> CaseView:
        """Open a file. Raises `InvalidRegistrationError` (422), `ExternalRefTakenError` (409)."""
        traeger = self._actor.traeger
        check_registration(registration, traeger)
        case_id, now = new_id(), self._clock.now()
        await self._cases.register(case_id, external_ref, registration, self._entry("REGISTER", now, None))
        await append(self._connection, events.registered(traeger, case_id, registration, now))
        file = CaseFile(case_id, external_ref, 1, now, History(traeger, registration))
        return case_view(file, berlin_day(now))

    async def change(
        self, *, file: CaseFile, expected: int | None, act: str, changes: Sequence[Change], reason: str | None = None
    ) -> Changed:
        """Carry out one command on a file found with `to_change`.

        Refuses in the order 422, 412, 409: `InvalidError`, then `StaleError` unless the file has the `expected`
        version (None: whatever it has), then what the timeline does not allow (`ConflictError`).
        """
        recorded_at = next_recorded_at(self._clock.now(), file.recorded_at)
        providers = await self._needed_providers(file, changes)
        is_stale = expected not in (file.version, None)
        try:
            decision = decide(
                file.history, changes, providers=providers, recorded_at=recorded_at, day=berlin_day(recorded_at)
            )
        except ConflictError as error:
            raise (stale() if is_stale else error) from None
        if is_stale:
            raise stale()
        if not decision.changed:
            return Changed(file.case_id, file.version, decision, False)
        if not await self._cases.save(file, decision, self._entry(act, recorded_at, reason)):
            raise stale()
        version = file.version + 1
        happened = events.moved(self._actor.traeger, file.case_id, version, decision.signed, recorded_at)
        await append(self._connection, happened)
        return Changed(file.case_id, version, decision, bool(decision.signed))

    async def timeline(self, *, file: CaseFile, known_on: date | None) -> TimelineView:
        """The timeline, or the one that was known at the end of a day. Raises `FutureKnowledgeError`."""
        if known_on is None:
            return timeline_view(file.case_id, file.version, file.history.movements)
        if known_on > self.today():
            raise in_the_future()
        before = datetime.combine(known_on + timedelta(days=1), time(), BERLIN).astimezone(UTC)
        version, movements = await self._cases.movements_as_known(file.case_id, before)
        return timeline_view(file.case_id, version, movements, known_on)

    async def page(self, *, wanted: CaseFilter, after: UUID | None, limit: int) -> Sequence[CaseView]:
        """Files by id, with their cells of today."""
        found = CaseList(self._connection, self._actor.traeger)
        return [
            listed_view(listed) for listed in await found.page(wanted, today=self.today(), after=after, limit=limit)
        ]

    def view(self, *, file: CaseFile) -> CaseView:
        """The file with the cell of today."""
        return case_view(file, self.today())

    def today(self) -> date:
        """The day it is in Berlin."""
        return berlin_day(self._clock.now())

    async def _needed_providers(self, file: CaseFile, changes: Sequence[Change]) -> dict[UUID, Provider]:
        ids = {fact.provider_id for fact in file.history.facts}
        ids |= {change.fact.provider_id for change in changes if isinstance(change, Add)}
        ids |= {change.patch.get("provider_id") for change in changes if isinstance(change, Amend)}
        known = {provider_id for provider_id in ids if provider_id is not None}
        return await self._providers.by_ids(known) if known else {}

    def _entry(self, act: str, recorded_at: datetime, reason: str | None) -> Entry:
        return Entry(act, recorded_at, self._actor.subject, self._actor.client_id, reason)
