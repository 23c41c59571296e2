"""A case as a test tells it: commands in, the present history out, everything kept for comparison."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.cases.domain.cell import Disability, Registration
from services.cases.domain.commands import Add, Amend, Cancel, Change, Decision, History, decide
from services.cases.domain.facts import Fact, Kind
from services.cases.domain.movement import Movement, SignedMovement
from services.cases.domain.providers import Provider, ProviderKind
from shared.kernel.mitgliedskoerperschaften import Traeger

TODAY = date(2024, 6, 1)
NOW = datetime(2024, 6, 1, 10, tzinfo=UTC)
BETHEL = UUID(int=1)
IBBENBUEREN = UUID(int=2)
REGISTRATION = Registration("05515", "05515", Disability.GEISTIG, False)


def provider(provider_id: UUID, ags: str = "05515", **given: Any) -> Provider:
    values: dict[str, Any] = {"valid_from": date(1970, 1, 1), "valid_to": None, **given}
    return Provider(provider_id, 1, "Werkstatt", ProviderKind.WFBM, ags, None, **values)


PROVIDERS: Mapping[UUID, Provider] = {BETHEL: provider(BETHEL, "05711"), IBBENBUEREN: provider(IBBENBUEREN, "05566")}


def fact(number: int, kind: Kind | str, on: date | str, **given: Any) -> Fact:
    """A fact with a readable id; dates may be given as text."""
    day = date.fromisoformat(on) if isinstance(on, str) else on
    return Fact(UUID(int=1000 + number), 0, Kind(kind), day, **given)


class Story:
    """Applies commands one after the other, a day apart, and remembers every signed movement."""

    def __init__(
        self, *, registration: Registration = REGISTRATION, providers: Mapping[UUID, Provider] = PROVIDERS
    ) -> None:
        self.providers = dict(providers)
        self.history = History(Traeger.LWL, registration)
        self.now = NOW
        self.today = TODAY
        self.log: list[tuple[int, SignedMovement]] = []
        self.version = 1

    def does(self, *changes: Change) -> Decision:
        decision = decide(self.history, changes, providers=self.providers, recorded_at=self.now, day=self.today)
        gone = set(self.history.cancelled) if isinstance(self.history.cancelled, frozenset) else set()
        self.history = History(
            self.history.traeger,
            self.history.registration,
            decision.facts,
            decision.movements,
            decision.next_entry,
            frozenset(gone | set(decision.cancelled)),
        )
        if decision.changed:
            self.version += 1
            self.log += [(self.version, signed) for signed in decision.signed]
        return decision

    def adds(self, *facts: Fact) -> Decision:
        return self.does(*(Add(entry, f"/changes/{number}/add") for number, entry in enumerate(facts)))

    def amends(self, number: int, **patch: Any) -> Decision:
        return self.does(Amend(UUID(int=1000 + number), patch))

    def cancels(self, number: int) -> Decision:
        return self.does(Cancel(UUID(int=1000 + number)))

    def later(self, days: int = 1) -> "Story":
        self.now += timedelta(days=days)
        self.today += timedelta(days=days)
        return self

    @property
    def movements(self) -> Sequence[Movement]:
        return self.history.movements
