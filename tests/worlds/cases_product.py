"""`cases` alone: books go in through the import or call by call, timelines come out."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

import httpx
from joserfc.jwk import KeySet
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cases.main import create_app
from services.cases.service.imports.runner import ImportWorker
from services.cases.settings import Settings
from shared.db.engine import create_engine
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock, berlin_noon
from tests.recount.wire import Call, import_lines
from tests.recount.worlds import Books
from tests.support.databases import TestDatabase
from tests.support.tokens import TokenMint

SCOPE = "cases:read cases:write cases:correct cases:migrate"


@dataclass(slots=True)
class CasesProduct:
    """A running `cases` without its background loops; the import is worked off when asked."""

    engine: AsyncEngine
    client: httpx.AsyncClient
    clock: FixedClock
    mint: TokenMint
    _keys: Any = field(default_factory=count)

    def headers(self, traeger: str) -> dict[str, str]:
        """A token and a new key."""
        return self.mint.bearer(SCOPE, tenant=traeger) | {"Idempotency-Key": f"key-{next(self._keys)}"}

    async def import_books(self, books: Books) -> Mapping[str, Any]:
        """Import the books of a Träger; the status at the end."""
        body = "\n".join(import_lines(books)).encode() + b"\n"
        headers = self.headers(books.traeger) | {"Content-Type": "application/x-ndjson"}
        sent = await self.client.post("/v1/imports", content=body, headers=headers)
        assert sent.status_code == 202, sent.text
        worker, stop = ImportWorker(self.engine, self.clock), asyncio.Event()
        while await worker.work(stop):
            pass
        status: Mapping[str, Any] = await self.read(books.traeger, f"/v1/imports/{sent.json()['id']}")
        return status

    async def read(self, traeger: str, path: str, **params: str) -> Any:
        """The body of a GET that succeeds."""
        answer = await self.client.get(path, params=params, headers=self.headers(traeger))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def register_providers(self, books: Books) -> dict[str, str]:
        """Register the providers of a Träger by calls; their ids by reference."""
        lines = [line for line in import_lines(books) if line.startswith('{"provider"')]
        found = {}
        for line in lines:
            body = json_of(line)["provider"]
            answer = await self.client.post("/v1/providers", json=body, headers=self.headers(books.traeger))
            assert answer.status_code == 201, answer.text
            found[body["external_ref"]] = answer.json()["id"]
        return found

    async def send(self, traeger: str, case: "CaseAtWork", call: Call) -> httpx.Response:
        """Make a call on a case; what it adds and the new version are remembered when it succeeds."""
        headers = self.headers(traeger)
        if case.id is not None:
            headers["If-Match"] = f'"{case.version}"'
        path = case.filled(call.path)
        answer = await self.client.request(call.method, path, json=case.filled(call.body), headers=headers)
        if answer.status_code < 300:
            case.remember(call, answer)
        return answer


@dataclass(slots=True)
class CaseAtWork:
    """The ids a client has got for a case so far."""

    id: str | None = None
    version: int = 0
    facts: dict[str, str] = field(default_factory=dict)

    def filled(self, told: Any) -> Any:
        """A path or body with its placeholders filled in."""
        if isinstance(told, Mapping):
            return {name: self.filled(value) for name, value in told.items()}
        if isinstance(told, list):
            return [self.filled(value) for value in told]
        if isinstance(told, str) and "{" in told:
            told = told.replace("{case}", self.id or "")
            for ref, fact_id in self.facts.items():
                told = told.replace(f"{{fact:{ref}}}", fact_id)
        return told

    def remember(self, call: Call, answer: httpx.Response) -> None:
        """Take ids and version from an answer."""
        self.version = int(answer.headers["ETag"].strip('"'))
        body = answer.json()
        if self.id is None:
            self.id = body["id"]
        elif call.path.endswith("/movements"):
            self.facts[call.adds[0]] = body["fact_id"]
        elif call.adds:
            known = set(self.facts.values())
            new = [m["fact_id"] for m in body["movements"] if m["fact_id"] not in known]
            self.facts |= dict(zip(call.adds, sorted(new), strict=True))


def json_of(line: str) -> Any:
    """What an import line says."""
    return httpx.Response(200, text=line).json()


@asynccontextmanager
async def cases_product(database: TestDatabase, today: date) -> AsyncIterator[CasesProduct]:
    """`cases` over a database, at noon of a day."""
    clock = FixedClock(berlin_noon(today))
    mint = TokenMint(audience="urn:teilhabe:cases", now=clock.instant)
    settings = Settings(
        database_url=SecretStr(database.app_url),
        worker_database_url=SecretStr(database.worker_url),
        issuer=mint.issuer,
        jwks_url="https://issuer.test/jwks",
    )
    app = create_app(settings, clock=clock, keys=FixedKeys(KeySet([mint.key])))
    engine = create_engine(database.app_url, application_name="import")
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cases.test") as client,
        ):
            yield CasesProduct(engine, client, clock, mint)
    finally:
        await engine.dispose()
