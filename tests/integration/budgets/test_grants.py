"""Reading grants: the documented shape, filters, pages, versions, and nothing of the other Träger."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.budgets.domain.proposals import Command, Signed
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.budgets.events import delivered
from tests.integration.budgets.test_following import apply
from tests.support.tokens import TokenMint
from tests.unit.budgets.stories import MARCH, moved, uebergang

SHAPE = [
    "id", "version", "tenant", "case_id", "instrument", "state", "approved_version", "start", "end", "terms", "wages",
    "interruptions", "opened_by_fact", "kassenzeichen", "history",
]  # fmt: skip


async def open_grant(worker: AsyncEngine, traeger: Traeger = Traeger.LWL, kind: str = "UEBERGANG") -> UUID:
    """A proposal of a case of its own; the id of the case."""
    case_id, fact = new_id(), new_id()
    movement = (
        uebergang(MARCH, fact=fact)
        if kind == "UEBERGANG"
        else moved(fact, "WERKSTATTALTERNATIVE", MARCH, None, "WERKSTATTALTERNATIVE")
    )
    await apply(worker, [delivered(Command(traeger, case_id, 2, (Signed(1, 1, movement),)))])
    return case_id


async def listed(client: httpx.AsyncClient, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/grants", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_proposal_has_the_documented_shape(
    client: httpx.AsyncClient, worker: AsyncEngine, lwl: dict[str, str]
) -> None:
    case_id = await open_grant(worker)
    (grant,) = await listed(client, lwl)
    assert list(grant) == SHAPE
    assert grant | {"id": None, "opened_by_fact": None} == {
        "id": None,
        "version": 1,
        "tenant": "LWL",
        "case_id": str(case_id),
        "instrument": "BUDGET_FUER_ARBEIT",
        "state": "VORSCHLAG",
        "approved_version": None,
        "start": "2026-03-01",
        "end": None,
        "terms": [],
        "wages": [],
        "interruptions": [],
        "opened_by_fact": None,
        "kassenzeichen": None,
        "history": [{"at": "2026-03-02T09:30:00Z", "by": "cases", "act": "OPENED", "comment": None}],
    }


async def test_one_grant_is_read_with_its_version(
    client: httpx.AsyncClient, worker: AsyncEngine, lwl: dict[str, str]
) -> None:
    await open_grant(worker)
    (grant,) = await listed(client, lwl)
    answer = await client.get(f"/v1/grants/{grant['id']}", headers=lwl)
    assert answer.json() == grant
    assert answer.headers["etag"] == '"1"'
    again = await client.get(f"/v1/grants/{grant['id']}", headers={**lwl, "If-None-Match": '"1"'})
    assert again.status_code == 304


async def test_filters_are_combined(client: httpx.AsyncClient, worker: AsyncEngine, lwl: dict[str, str]) -> None:
    one = await open_grant(worker)
    other = await open_grant(worker, kind="WERKSTATTALTERNATIVE")
    movement = moved(new_id(), "AUFNAHME_ZUVERDIENST", MARCH, None, "ZUVERDIENST")
    withdrawn = Command(Traeger.LWL, one, 3, (Signed(1, 1, movement),))
    await apply(worker, [delivered(withdrawn)])

    async def cases(**query: Any) -> Sequence[str]:
        return [grant["case_id"] for grant in await listed(client, lwl, **query)]

    assert await cases() == [str(one), str(other)], "AUFNAHME_ZUVERDIENST opens a grant at the LVR only"
    assert await cases(case_id=str(other)) == [str(other)]
    assert await cases(instrument="BUDGET_FUER_ARBEIT") == [str(one)]
    assert await cases(state="VORSCHLAG", instrument="WERKSTATTALTERNATIVE") == [str(other)]
    assert await cases(state="ZURUECKGEZOGEN") == []
    assert await cases(case_id=str(one), instrument="WERKSTATTALTERNATIVE") == []


async def test_pages_lead_through_all_grants_once(
    client: httpx.AsyncClient, worker: AsyncEngine, lwl: dict[str, str]
) -> None:
    cases = [str(await open_grant(worker)) for _ in range(7)]
    seen, path = [], "/v1/grants?limit=3&instrument=BUDGET_FUER_ARBEIT"
    while path:
        answer = await client.get(path, headers=lwl)
        seen += [grant["case_id"] for grant in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == cases
    cursor = (await client.get("/v1/grants?limit=3", headers=lwl)).json()["next_cursor"]
    foreign = await client.get(f"/v1/grants?cursor={cursor}&state=VORSCHLAG", headers=lwl)
    assert foreign.status_code == 400


@pytest.mark.parametrize(
    "query", ["state=OFFEN", "instrument=X", "case_id=7", "limit=0", "zustand=VORSCHLAG", "case_id=%7B1%7D"]
)
async def test_unknown_values_and_names_are_refused(
    client: httpx.AsyncClient, lwl: dict[str, str], query: str
) -> None:
    answer = await client.get(f"/v1/grants?{query}", headers=lwl)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == f"/query/{query.split('=')[0]}"


async def test_nobody_sees_grants_of_the_other_traeger(
    client: httpx.AsyncClient, worker: AsyncEngine, lwl: dict[str, str], lvr: dict[str, str]
) -> None:
    await open_grant(worker, Traeger.LVR)
    (grant,) = await listed(client, lvr)
    assert await listed(client, lwl) == []
    for grant_id in (grant["id"], str(new_id()), "7"):
        answer = await client.get(f"/v1/grants/{grant_id}", headers=lwl)
        assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/v1/grants", f"/v1/grants/{UUID(int=1)}", "/v1/feed", "/v1/feed/6"])
async def test_access_is_refused_in_every_way(client: httpx.AsyncClient, mint: TokenMint, path: str) -> None:
    scope = "feed:read" if "feed" in path else "budgets:read"
    other = "budgets:read" if "feed" in path else "feed:read"
    expired = int((mint.now - timedelta(minutes=5)).timestamp())
    refusals: list[tuple[dict[str, str], int]] = [
        ({}, 401),
        (mint.bearer(scope, aud="urn:teilhabe:cases"), 401),
        (mint.bearer(scope, exp=expired), 401),
        (mint.bearer(other), 403),
        (mint.bearer(""), 403),
    ]
    for headers, status in refusals:
        answer = await client.get(path, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
    if "feed" not in path:
        assert (await client.get(path, headers=mint.bearer(scope, tenant="*"))).status_code == 403


async def test_the_feed_is_empty_but_real(client: httpx.AsyncClient, mint: TokenMint) -> None:
    own = mint.bearer("feed:read")
    feed = (await client.get("/v1/feed", headers=own)).json()
    assert feed["epoch"].startswith("budgets-")
    assert feed["pending"] == 0
    assert feed["parts"] == [{"part": part, "first": 1, "head": 0} for part in range(6, 12)]
    batch = await client.get("/v1/feed/6", headers=own)
    assert (batch.json(), batch.headers["feed-next"]) == ([], f"{feed['epoch']}.0")
    assert (await client.get("/v1/feed/0", headers=own)).status_code == 404
    everything = (await client.get("/v1/feed", headers=mint.bearer("feed:read", tenant="*"))).json()
    assert len(everything["parts"]) == 12
    assert (await client.get("/v1/feed/6", params={"after": "other.0"}, headers=own)).status_code == 409
