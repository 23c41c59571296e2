"""What others hear of cases: the feed after the stamper, and where a command's events went."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.cases.settings import Settings
from services.cases.worker import run
from shared.kernel.clock import FixedClock
from tests.integration.cases.api import Api, new_key, refused


@asynccontextmanager
async def working(settings: Settings, clock: FixedClock, *names: str) -> AsyncIterator[None]:
    """The loops of the worker in this process, stopped and drained at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, names, clock=clock, stop=stop))
    try:
        yield
    finally:
        stop.set()
        assert await asyncio.wait_for(task, 20) == 0


@pytest.fixture
async def stamped(settings: Settings, clock: FixedClock) -> AsyncIterator[None]:
    """A running stamper."""
    async with working(settings, clock, "stamper"):
        yield


@pytest.mark.usefixtures("stamped")
class TestEventPosition:
    async def test_a_post_that_prefers_to_wait_says_where_its_events_went(self, lwl: Api) -> None:
        case = await lwl.register()
        body = {"kind": "AUFNAHME_ZUVERDIENST", "effective_on": "2026-02-01"}
        path, key = f"/v1/cases/{case['id']}/movements", new_key()
        response = await lwl.post(path, body, version=1, key=key, Prefer="wait=5")
        epoch, part, seq = response.headers["event-position"].split(".")
        feed = Api(lwl.client, lwl.mint, lwl.clock, scope="feed:read")
        answer = await feed.get(f"/v1/feed/{part}", after=f"{epoch}.{int(seq) - 1}")
        (event,) = answer.json()
        assert (event["sequence"], event["data"]["fact_id"]) == (f"{int(seq):020}", response.json()["fact_id"])
        again = await lwl.post(path, body, version=1, key=key, Prefer="wait=5")
        assert again.headers["event-position"] == response.headers["event-position"]

    async def test_a_command_without_events_names_no_position(self, lwl: Api) -> None:
        case = await lwl.register()
        movement = await lwl.record(case["id"], 1, "AUFNAHME_ZUVERDIENST", "2026-02-01")
        changes = [{"amend": {"fact_id": movement["fact_id"], "disability": "GEISTIG"}}]
        path, body = f"/v1/cases/{case['id']}/corrections", {"reason": "x", "changes": changes}
        response = await lwl.post(path, body, version=2, Prefer="wait=5")
        assert (response.status_code, response.headers["etag"]) == (200, '"3"')
        assert "event-position" not in response.headers

    async def test_changed_providers_are_heard_of(self, lwl: Api) -> None:
        provider = await lwl.provider()
        headers = lwl.headers(version=1) | {"Prefer": "wait=5"}
        path = f"/v1/providers/{provider['id']}"
        response = await lwl.client.patch(path, json={"name": "Neu"}, headers=headers)
        epoch, part, seq = response.headers["event-position"].split(".")
        feed = Api(lwl.client, lwl.mint, lwl.clock, scope="feed:read")
        events = (await feed.get(f"/v1/feed/{part}")).json()
        assert [event["data"]["provider_version"] for event in events][-2:] == [1, 2]
        assert (events[-1]["feedepoch"], int(events[-1]["sequence"])) == (epoch, int(seq))


class TestFeed:
    async def test_tells_heads_and_what_is_pending(self, lwl: Api) -> None:
        await lwl.register()
        feed = Api(lwl.client, lwl.mint, lwl.clock, scope="feed:read")
        heads = (await feed.get("/v1/feed")).json()
        assert [entry["part"] for entry in heads["parts"]] == list(range(6, 12))
        assert heads["pending"] == 1

    async def test_is_for_feed_readers_and_their_parts(self, lwl: Api) -> None:
        feed = Api(lwl.client, lwl.mint, lwl.clock, scope="feed:read")
        refused(await lwl.get("/v1/feed"), 403, "scope-missing")
        refused(await feed.get("/v1/feed", part="1"), 422, "invalid-request")
        assert (await feed.get("/v1/feed/0")).status_code == 404
        service = feed.mint.bearer("feed:read", tenant="*", exp=int(lwl.clock.now().timestamp()) + 60)
        assert len((await lwl.client.get("/v1/feed", headers=service)).json()["parts"]) == 12
        refused(await lwl.client.get("/v1/cases", headers=service), 403, "no-traeger")
