"""Use cases on files: register, change, read."""

from collections.abc import Mapping, Sequence
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
        providers = await self._needed_providers(file, changes)
        attempt = _Attempt(self._clock.now(), file, changes, expected)
        changed, saved = await self._save(attempt.decide(providers), attempt, providers, act, reason)
        if not saved and providers:
            fresh = await self._providers.by_ids(providers)
            if fresh != providers:  # changed between our first look and our lock; now the lock holds them
                changed, saved = await self._save(attempt.decide(fresh), attempt, fresh, act, reason)
        if not saved:
            raise stale()
        return changed

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

    async def _save(
        self,
        decision: Decision,
        attempt: "_Attempt",
        providers: Mapping[UUID, Provider],
        act: str,
        reason: str | None,
    ) -> tuple[Changed, bool]:
        """What the command leaves, and whether it is written; a decision that changes nothing needs no writing."""
        file = attempt.file
        if not decision.changed:
            return Changed(file.case_id, file.version, decision, False), True
        version, traeger = file.version + 1, self._actor.traeger
        happened = events.moved(traeger, file.case_id, version, decision.signed, attempt.recorded_at)
        entry = self._entry(act, attempt.recorded_at, reason)
        saved = await self._cases.save(file, decision, entry, providers=providers, happened=happened)
        return Changed(file.case_id, version, decision, bool(decision.signed)), saved

    async def _needed_providers(self, file: CaseFile, changes: Sequence[Change]) -> Mapping[UUID, Provider]:
        """The providers of the file and those the changes name; one that nobody knows is missing."""
        named = {fact.provider_id for fact in file.history.facts}
        named |= {change.fact.provider_id for change in changes if isinstance(change, Add)}
        named |= {change.patch.get("provider_id") for change in changes if isinstance(change, Amend)}
        missing = [provider_id for provider_id in named if provider_id and provider_id not in file.providers]
        return {**file.providers, **await self._providers.by_ids(missing)} if missing else file.providers

    def _entry(self, act: str, recorded_at: datetime, reason: str | None) -> Entry:
        return Entry(act, recorded_at, self._actor.subject, self._actor.client_id, reason)


class _Attempt:
    """A command on a file as it was read: decides, and puts refusals into their order."""

    __slots__ = ("_changes", "_is_stale", "file", "recorded_at")

    def __init__(self, now: datetime, file: CaseFile, changes: Sequence[Change], expected: int | None) -> None:
        self.file = file
        self.recorded_at = next_recorded_at(now, file.recorded_at)
        self._changes = changes
        self._is_stale = expected not in (file.version, None)

    def decide(self, providers: Mapping[UUID, Provider]) -> Decision:
        """The decision with these providers. 422 comes before 412, and 412 before 409."""
        day = berlin_day(self.recorded_at)
        try:
            decision = decide(
                self.file.history, self._changes, providers=providers, recorded_at=self.recorded_at, day=day
            )
        except ConflictError as error:
            raise (stale() if self._is_stale else error) from None
        if self._is_stale:
            raise stale()
        return decision
