"""`metrics` alone: events go in through its handler, figures come out over HTTP, the mark stands where it is put."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import msgspec
from joserfc.jwk import KeySet
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.metrics.consumers import MovementHandler
from services.metrics.main import create_app
from services.metrics.service.compaction import compact
from services.metrics.settings import Settings
from shared.contracts import cases_v1
from shared.contracts.envelope import Envelope
from shared.contracts.parts import PARTS, part_of
from shared.db.engine import create_engine
from shared.events import checkpoint
from shared.events.applier import Applier
from shared.events.assembly import Assembler
from shared.events.outbox import OutboxCommand
from shared.events.ports import Delivery, Heads, PartHead
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock, berlin_noon
from tests.recount.wire import comparison_group
from tests.recount.worlds import World
from tests.support.databases import TestDatabase
from tests.support.tokens import TokenMint

EPOCH = "worlds"
SCOPE = "metrics:read metrics:internal"

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class CountingProduct:
    """A running `metrics` and the log it is fed from."""

    worker: AsyncEngine
    client: httpx.AsyncClient
    clock: FixedClock
    mint: TokenMint
    heads: Counter[int] = field(default_factory=Counter)
    _bearer: dict[str, dict[str, str]] = field(default_factory=dict)

    async def fold(self, commands: Iterable[OutboxCommand]) -> None:
        """Number events as the stamper would, and let the consumer count them."""
        deliveries = [delivery for command in commands for delivery in self._stamped(command)]
        async with self.worker.begin() as connection:
            heads = Heads(EPOCH, tuple(PartHead(part, 1, 0) for part in range(PARTS)), 0)
            await checkpoint.begin(connection, cases_v1.SOURCE, heads, self.clock.now())
            places = await checkpoint.load(connection, cases_v1.SOURCE)
        known = {place.part: (place.seq, place.last_event_id) for place in places}
        assembler = Assembler(cases_v1.SOURCE, EPOCH, known)
        assert not assembler.add(deliveries)
        applier = Applier(
            self.worker,
            MovementHandler(),
            self.clock,
            source=cases_v1.SOURCE,
            epoch=EPOCH,
            positions={place.part: place.seq for place in places},
            duplicates=Counter(),
        )
        await applier.apply(assembler.take_ready())

    def _stamped(self, command: OutboxCommand) -> Sequence[Delivery]:
        part = part_of(command.traeger, command.key)
        found = []
        for body in command.events:
            self.heads[part] += 1
            told: dict[str, Any] = {name: getattr(body, name) for name in body.__struct_fields__}
            envelope = Envelope(feedepoch=EPOCH, feedpart=part, sequence=f"{self.heads[part]:020}", **told)
            found.append(Delivery(part, _encode(envelope)))
        return found

    async def move_mark(self, movements_per_part: int) -> None:
        """Let the compactor add so many movements of every part to the cube."""
        await compact(self.worker, starts_at=1, stretch=movements_per_part)

    async def define_groups(self, world: World, ids: Mapping[str, Mapping[str, str]]) -> None:
        """Set all versions of the comparison groups."""
        for traeger, books in world.books.items():
            headers = self.bearer(traeger)
            for version, members in enumerate(books.group_versions):
                body = comparison_group(members, ids[traeger])
                match = {"If-Match": f'"{version}"'} if version else {}
                path = f"/v1/comparison-groups/{books.group}"
                answer = await self.client.put(path, json=body, headers=headers | match)
                assert answer.status_code == (200 if version else 201), answer.text

    async def get(self, traeger: str, path: str, params: Mapping[str, Any]) -> httpx.Response:
        """Ask as a Träger."""
        return await self.client.get(path, params=params, headers=self.bearer(traeger))

    def bearer(self, traeger: str) -> dict[str, str]:
        """The header with the token of a Träger."""
        if traeger not in self._bearer:
            self._bearer[traeger] = self.mint.bearer(SCOPE, tenant=traeger)
        return self._bearer[traeger]


@asynccontextmanager
async def counting_product(database: TestDatabase, today: date) -> AsyncIterator[CountingProduct]:
    """`metrics` over a database, at noon of a day."""
    clock = FixedClock(berlin_noon(today))
    mint = TokenMint(now=clock.instant)
    worker = create_engine(database.worker_url, application_name="fold")
    app = create_app(_settings(database, mint), clock=clock, keys=FixedKeys(KeySet([mint.key])), producers={})
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://metrics.test") as client,
        ):
            yield CountingProduct(worker, client, clock, mint)
    finally:
        await worker.dispose()


def _settings(database: TestDatabase, mint: TokenMint) -> Settings:
    return Settings(
        database_url=SecretStr(database.app_url),
        worker_database_url=SecretStr(database.worker_url),
        issuer=mint.issuer,
        audience=mint.audience,
        jwks_url="http://issuer.test/jwks",
        cases_url="http://cases.test",
        budgets_url="http://budgets.test",
        token_url="http://issuer.test/token",
        client_id="metrics",
        client_secret=SecretStr("of this test"),
        environment="test",
    )
