"""From a request at cases to a grant at budgets: both services, the stamper, the feed and the consumer, all real."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet
from sqlalchemy.ext.asyncio import AsyncEngine

from services.budgets.consumers import GrantHandler
from services.cases.main import create_app as create_cases
from services.cases.settings import Settings as CasesSettings
from shared.db.engine import create_engine
from shared.events.consumer import Consumer
from shared.events.feed_client import FeedClient
from shared.events.feed_source import FeedSource
from shared.events.stamper import Stamper
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock
from shared.observability.identifiers import new_id
from tests.integration.budgets.conftest import Rows, eventually
from tests.integration.cases.api import Api
from tests.support.databases import TestDatabase
from tests.support.tokens import NOW, TokenMint


@pytest.fixture
def cases_mint() -> TokenMint:
    """Who issues tokens for cases."""
    return TokenMint(audience="urn:teilhabe:cases")


@pytest.fixture
def cases_app(cases_database: TestDatabase, cases_mint: TokenMint) -> FastAPI:
    """The application of cases."""
    settings = CasesSettings.model_validate(
        {
            "database_url": cases_database.app_url,
            "worker_database_url": cases_database.worker_url,
            "issuer": cases_mint.issuer,
            "jwks_url": "https://issuer.test/jwks",
        }
    )
    return create_cases(settings, clock=FixedClock(NOW), keys=FixedKeys(KeySet([cases_mint.key])))


@pytest.fixture
async def cases(
    cases_app: FastAPI, cases_database: TestDatabase, cases_mint: TokenMint, worker: AsyncEngine
) -> AsyncIterator[Api]:
    """A clerk of the LWL at cases, while the stamper there and the consumer here run."""
    transport = httpx.ASGITransport(app=cases_app)
    stamping = create_engine(cases_database.worker_url, application_name="cases-test")
    stop = asyncio.Event()
    async with (
        cases_app.router.lifespan_context(cases_app),
        httpx.AsyncClient(transport=transport, base_url="http://cases.test") as client,
        httpx.AsyncClient(
            transport=transport, base_url="http://cases.test", headers=cases_mint.bearer("feed:read", tenant="*")
        ) as feed,
        asyncio.TaskGroup() as group,
    ):
        archive = FeedClient(feed)
        consumer = Consumer(
            engine=worker,
            name="/cases",
            source=FeedSource(archive),
            archive=archive,
            handler=GrantHandler(clock=FixedClock(NOW), new_id=new_id),
            clock=FixedClock(NOW),
        )
        group.create_task(Stamper(stamping).run(stop))
        group.create_task(consumer.run(stop))
        yield Api(client, cases_mint, FixedClock(NOW))
        stop.set()
    await stamping.dispose()


async def test_a_grant_follows_what_a_clerk_does(
    cases: Api, client: httpx.AsyncClient, lwl: dict[str, str], lvr: dict[str, str], rows: Rows
) -> None:
    async def grants(headers: dict[str, str] = lwl) -> list[dict[str, Any]]:
        answer = await client.get("/v1/grants", headers=headers)
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def version(number: int) -> dict[str, Any]:
        async def reached() -> bool:
            return [grant["version"] for grant in await grants()] == [number]

        await eventually(reached)
        return (await grants())[0]

    provider = await cases.provider()
    case_id = (await cases.register())["id"]
    await cases.record(case_id, 1, "ZUGANG_ARBEITSBEREICH", "2020-01-01", provider_id=provider["id"],
                       reason="AUFNAHME_VON_AUSSEN")  # fmt: skip
    moved = await cases.record(
        case_id, 2, "UEBERGANG", "2024-03-01", instrument="BUDGET_FUER_ARBEIT", decided_on="2024-02-01"
    )
    opened = await version(1)
    assert (opened["case_id"], opened["opened_by_fact"]) == (case_id, moved["fact_id"])
    assert (opened["state"], opened["start"], opened["end"]) == ("VORSCHLAG", "2024-03-01", None)

    path = f"/v1/cases/{case_id}/movements/{moved['fact_id']}"
    await cases.patch(path, {"effective_on": "2024-04-01", "reason_for_correction": "Schreibfehler"}, version=3)
    assert (await version(2))["start"] == "2024-04-01"

    back = await cases.record(case_id, 4, "RUECKKEHR", "2024-09-01", provider_id=provider["id"])
    assert (await version(3))["end"] == "2024-08-31"

    cancellation = f"/v1/cases/{case_id}/movements/{back['fact_id']}/cancellation"
    await cases.post(cancellation, {"reason": "doch nicht"}, version=5)
    assert (await version(4))["end"] is None

    await cases.post(f"{path}/cancellation", {"reason": "kein Bescheid"}, version=6)
    gone = await version(5)
    assert gone["state"] == "ZURUECKGEZOGEN"
    assert gone["id"] == opened["id"]
    assert [entry["act"] for entry in gone["history"]] == ["OPENED", "CHANGED", "BOUNDED", "UNBOUNDED", "WITHDRAWN"]
    assert await grants(lvr) == []

    async def all_counted() -> bool:
        seen = rows(
            "SELECT sum(seq) AS seq, sum(applied + ignored) AS counted, sum(parked) AS parked FROM checkpoint"
        )
        return [(row["seq"], row["counted"], row["parked"]) for row in seen] == [(9, 9, 0)]

    await eventually(all_counted)
