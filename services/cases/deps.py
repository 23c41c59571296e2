"""What endpoints ask for in their signatures: who may call, what the path names, and the use cases."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query

from services.cases.domain.cell import Phase
from services.cases.domain.commands import Change
from services.cases.domain.providers import Provider
from services.cases.repository.cases import CaseFile
from services.cases.repository.imports.jobs import ImportJob
from services.cases.repository.listing import CaseFilter
from services.cases.schemas.values import EXAMPLE_ID, Instant
from services.cases.service.actor import Actor
from services.cases.service.cases import CaseService, Changed
from services.cases.service.errors import unknown_fact
from services.cases.service.imports.intake import ImportService
from services.cases.service.providers import ProviderService
from shared.http.auth import Principal, requires
from shared.http.etag import ANY_VERSION
from shared.http.exchange import CurrentExchange, Exchange
from shared.http.guards import IfMatch, Transaction, existing
from shared.http.parameters import Id
from shared.kernel.errors import UnavailableError

UPLOADS_AT_ONCE = 4
"""Each holds a connection of the pool for as long as its body takes to arrive; the others are for short requests."""


class UploadPlaces:
    """Lets a few bodies in at once, and sends the others away."""

    def __init__(self, places: int = UPLOADS_AT_ONCE) -> None:
        self._free = places

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place for the length of one body. Raises `UnavailableError` (503)."""
        if self._free == 0:
            raise UnavailableError("Other imports are being sent at the moment; send this one again later.")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


CaseId = Annotated[UUID, Path(description="Id of a case", examples=[EXAMPLE_ID])]
FactId = Annotated[UUID, Path(description="Id of a movement of the case", examples=[EXAMPLE_ID])]
ProviderId = Annotated[UUID, Path(description="Id of a provider", examples=[EXAMPLE_ID])]
ImportId = Annotated[UUID, Path(description="Id of an import", examples=[EXAMPLE_ID])]

Reader = Annotated[Principal, requires("cases:read")]
Clerk = Annotated[Principal, requires("cases:write")]
Corrector = Annotated[Principal, requires("cases:correct")]


def _parts(exchange: Exchange) -> dict[str, Any]:
    caller = exchange.principal
    actor = Actor(caller.own_traeger, caller.subject, caller.client_id)
    return {"connection": exchange.connection, "actor": actor, "clock": exchange.state.clock}


async def _cases(exchange: CurrentExchange, _: Transaction) -> CaseService:
    return CaseService(**_parts(exchange))


async def _providers(exchange: CurrentExchange, _: Transaction) -> ProviderService:
    return ProviderService(**_parts(exchange))


async def _imports(exchange: CurrentExchange, _: Transaction) -> ImportService:
    return ImportService(**_parts(exchange))


async def _expected(version: IfMatch) -> int | None:
    return None if version == ANY_VERSION else version


Cases = Annotated[CaseService, Depends(_cases)]
Providers = Annotated[ProviderService, Depends(_providers)]
Imports = Annotated[ImportService, Depends(_imports)]

ExpectedVersion = Annotated[int | None, Depends(_expected)]
"""The version If-Match names; None for `*`."""


async def _wanted(
    external_ref: Annotated[str | None, Query(min_length=1, max_length=200, description="Exactly this one")] = None,
    phase: Annotated[Phase | None, Query(description="Phase of the cell of today")] = None,
    provider_id: Annotated[Id | None, Query(description="Provider of the cell of today")] = None,
    payer_mk: Annotated[str | None, Query(pattern="^[0-9]{5}$", description="Payer of the cell of today")] = None,
    changed_from: Annotated[Instant | None, Query(description="Recorded at this instant or later")] = None,
) -> CaseFilter:
    return CaseFilter(external_ref, phase, provider_id, payer_mk, changed_from)


WantedCases = Annotated[CaseFilter, Depends(_wanted)]


async def _find_case(exchange: Exchange) -> CaseFile:
    return await CaseService(**_parts(exchange)).find(case_id=exchange.path_id("case_id"))


class CaseDesk:
    """A file that the request is about to change, with the version the caller has read."""

    __slots__ = ("_cases", "_exchange", "_file")

    def __init__(self, exchange: Exchange, cases: CaseService, file: CaseFile) -> None:
        self._exchange = exchange
        self._cases = cases
        self._file = file

    async def change(self, *, act: str, changes: Sequence[Change], reason: str | None = None) -> Changed:
        """Carry the command out; where its events go is looked up when the answer leaves."""
        expected = None if self._exchange.version == ANY_VERSION else self._exchange.version
        changed = await self._cases.change(
            file=self._file, expected=expected, act=act, changes=changes, reason=reason
        )
        if changed.has_events:
            self._exchange.wrote(changed.case_id, changed.version)
        return changed


async def _open_case(exchange: Exchange) -> CaseDesk:
    cases = CaseService(**_parts(exchange))
    return CaseDesk(exchange, cases, await cases.find(case_id=exchange.path_id("case_id"), to_change=True))


async def _open_case_of_fact(exchange: Exchange) -> CaseDesk:
    cases = CaseService(**_parts(exchange))
    file = await cases.find(case_id=exchange.path_id("case_id"), to_change=True)
    if not file.knows(exchange.path_id("fact_id")):
        raise unknown_fact()
    return CaseDesk(exchange, cases, file)


async def _find_provider(exchange: Exchange) -> Provider:
    return await ProviderService(**_parts(exchange)).find(provider_id=exchange.path_id("provider_id"))


async def _find_provider_to_change(exchange: Exchange) -> Provider:
    return await ProviderService(**_parts(exchange)).find_to_change(provider_id=exchange.path_id("provider_id"))


async def _find_import(exchange: Exchange) -> ImportJob:
    return await ImportService(**_parts(exchange)).find(import_id=exchange.path_id("import_id"))


ExistingCase = Annotated[CaseFile, existing(_find_case)]
OpenCase = Annotated[CaseDesk, existing(_open_case)]
"""With it a route also declares `IfMatch`."""
OpenCaseOfFact = Annotated[CaseDesk, existing(_open_case_of_fact)]
"""The same for a path that names a fact of the case."""
ExistingProvider = Annotated[Provider, existing(_find_provider)]
ProviderToChange = Annotated[Provider, existing(_find_provider_to_change)]
ExistingImport = Annotated[ImportJob, existing(_find_import)]
