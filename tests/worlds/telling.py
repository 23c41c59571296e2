"""Random worlds told to the domain of `cases`: what it decides, as the events that leave the service."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from random import Random
from typing import Any
from uuid import UUID

from services.cases.domain import commands
from services.cases.domain.cell import Disability, Phase, Place
from services.cases.domain.cell import Registration as CaseRegistration
from services.cases.domain.commands import Decision, decide
from services.cases.domain.facts import Fact as CaseFact
from services.cases.domain.facts import Initiator, Instrument, Kind, Reason, Zugangsweg
from services.cases.domain.providers import Provider as CaseProvider
from services.cases.domain.providers import ProviderKind
from services.cases.service import events
from shared.events.outbox import OutboxCommand
from shared.kernel.clock import berlin_noon
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.recount.model import Add, Amend, Change, Command, Fact, History, Provider, Registration
from tests.recount.worlds import Books, World

TYPES: Mapping[str, Any] = {
    "place": Place,
    "instrument": Instrument,
    "reason": Reason,
    "zugangsweg": Zugangsweg,
    "initiator": Initiator,
    "to_phase": Phase,
    "disability": Disability,
}
REGISTERED_AT = berlin_noon(date(1990, 1, 1))
"""When the providers were told: before anything else."""


class Ids:
    """The ids the product knows things by: the same ones for the same seed, in the form of UUIDv7."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._known: dict[str, UUID] = {}

    def of(self, ref: str) -> UUID:
        """The id of a reference."""
        if ref not in self._known:
            number = (0x0190 << 112) | Random(f"{self._seed} {ref}").getrandbits(112)
            number = number & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
            self._known[ref] = UUID(int=number)
        return self._known[ref]


@dataclass(frozen=True, slots=True)
class Told:
    """A command the domain took: when, what the recount calls it, what was decided, what events it gives."""

    case: str
    command: Command
    recorded_at: datetime
    decision: Decision
    events: OutboxCommand


@dataclass(slots=True)
class TellingCase:
    """One case inside the domain of `cases`."""

    traeger: Traeger
    ref: str
    case_id: UUID
    ids: Ids
    providers: Mapping[UUID, CaseProvider]
    history: commands.History
    version: int = 1
    cancelled: set[UUID] = field(default_factory=set)

    def tell(self, command: Command) -> Told | None:
        """Let the domain decide a command. None if it changes nothing; raises what the domain raises."""
        recorded_at = berlin_noon(command.recorded_on)
        decision = self.decide(command)
        if not decision.changed:
            return None
        self.version += 1
        self.cancelled |= set(decision.cancelled)
        self.history = replace(
            self.history,
            facts=decision.facts,
            movements=decision.movements,
            next_entry=decision.next_entry,
            cancelled=frozenset(self.cancelled),
        )
        told = events.moved(self.traeger, self.case_id, self.version, decision.signed, recorded_at)
        return Told(self.ref, command, recorded_at, decision, told)

    def decide(self, command: Command) -> Decision:
        """What the domain would do, without doing it."""
        return decide(
            self.history,
            [self._change(change) for change in command.changes],
            providers=self.providers,
            recorded_at=berlin_noon(command.recorded_on),
            day=command.recorded_on,
        )

    def _change(self, change: Change) -> commands.Change:
        if isinstance(change, Add):
            return commands.Add(self.fact(change.fact))
        if isinstance(change, Amend):
            patch = dict(typed(name, value, self.ids) for name, value in change.values.items())
            return commands.Amend(self.ids.of(f"{self.ref}/{change.ref}"), patch)
        return commands.Cancel(self.ids.of(f"{self.ref}/{change.ref}"))

    def fact(self, fact: Fact) -> CaseFact:
        """A fact of the recount as the domain of `cases` writes it."""
        names = [f.name for f in fields(Fact) if f.name not in ("ref", "kind", "entry")]
        told = dict(typed(name, getattr(fact, name), self.ids) for name in names)
        return CaseFact(fact_id=self.ids.of(f"{self.ref}/{fact.ref}"), entry=0, kind=Kind(fact.kind), **told)


def typed(name: str, value: object, ids: Ids) -> tuple[str, Any]:
    """An attribute under the name and with the type it has in `cases`."""
    if name == "provider":
        return "provider_id", None if value is None else ids.of(str(value))
    return name, TYPES[name](value) if name in TYPES and value is not None else value


def provider_of(provider: Provider, ids: Ids) -> CaseProvider:
    """A provider of the recount as the domain of `cases` writes it."""
    return CaseProvider(
        provider_id=ids.of(provider.ref),
        version=1,
        name=provider.name,
        kind=ProviderKind(provider.kind),
        mitgliedskoerperschaft=provider.mk,
        external_ref=provider.ref,
        valid_from=provider.valid_from,
        valid_to=provider.valid_to,
    )


def telling_cases(books: Books, ids: Ids) -> Iterator[tuple[History, TellingCase]]:
    """A case for every history of a Träger, nothing told yet."""
    traeger = Traeger(books.traeger)
    providers = {
        provider.provider_id: provider for provider in (provider_of(p, ids) for p in books.providers.values())
    }
    for history in books.histories:
        start = commands.History(traeger, registration_of(history.registration))
        yield history, TellingCase(traeger, history.ref, ids.of(history.ref), ids, providers, start)


def registration_of(start: Registration) -> CaseRegistration:
    """A registration of the recount as the domain of `cases` writes it."""
    return CaseRegistration(start.payer_mk, start.residence_mk, Disability(start.disability), start.kombi)


def world_events(world: World, ids: Ids) -> list[OutboxCommand]:
    """Every command of a world as the events of `cases`, in the order in which they were recorded."""
    found: list[OutboxCommand] = []
    for books in world.books.values():
        traeger = Traeger(books.traeger)
        for provider in books.providers.values():
            found.append(events.provider_changed(traeger, provider_of(provider, ids), REGISTERED_AT))
        for history, case in telling_cases(books, ids):
            first = berlin_noon(history.commands[0].recorded_on)
            found.append(events.registered(traeger, case.case_id, case.history.registration, first))
            for command in history.commands:
                told = case.tell(command)
                assert told is not None, "a history of the recount always changes something"
                if told.decision.signed:
                    found.append(told.events)
    return sorted(found, key=lambda command: command.recorded_at)
