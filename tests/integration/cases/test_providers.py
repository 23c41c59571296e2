"""Providers: what they may be, what of them may change, and that nobody stays at one that is not valid."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.kernel.clock import FixedClock
from tests.integration.cases.api import Api, created, refused
from tests.integration.cases.conftest import Rows

NEW = {
    "name": "Werkstatt am Kanal",
    "kind": "ANDERER_LEISTUNGSANBIETER",
    "mitgliedskoerperschaft": "99999",
    "external_ref": "p1",
    "valid_from": "2020-01-01",
    "valid_to": "2030-12-31",
}


class TestRegister:
    async def test_gives_a_provider_that_can_be_read_back(self, lwl: Api, rows: Rows) -> None:
        response = await lwl.post("/v1/providers", NEW)
        provider = created(response)
        assert provider == NEW | {"id": provider["id"], "version": 1}
        assert response.headers["etag"] == '"1"'
        assert response.headers["location"] == f"/v1/providers/{provider['id']}"
        read = await lwl.get(f"/v1/providers/{provider['id']}")
        assert (read.json(), read.headers["etag"]) == (provider, '"1"')
        (outbox,) = rows("SELECT * FROM outbox_in")
        event = json.loads(outbox["bodies"][0])
        assert (event["type"], event["subject"]) == (
            "de.nrw.teilhabe.cases.provider-changed.v1",
            provider["id"],
        )
        data = {name: value for name, value in NEW.items() if name != "external_ref"}
        assert event["data"] == data | {"provider_id": provider["id"], "provider_version": 1}

    async def test_the_reference_may_be_missing_and_stands_once_per_traeger(self, lwl: Api, lvr: Api) -> None:
        created(await lwl.post("/v1/providers", NEW))
        refused(await lwl.post("/v1/providers", NEW), 409, "external-ref-taken")
        created(await lvr.post("/v1/providers", NEW))
        without = {name: value for name, value in NEW.items() if name not in ("external_ref", "valid_to")}
        for _ in range(2):
            provider = created(await lwl.post("/v1/providers", without))
            assert (provider["external_ref"], provider["valid_to"]) == (None, None)

    @pytest.mark.parametrize(
        ("fields", "code", "pointer"),
        [
            ({"mitgliedskoerperschaft": "05999"}, "invalid-provider", "/mitgliedskoerperschaft"),
            ({"valid_to": "2019-12-31"}, "invalid-provider", "/valid_to"),
            ({"mitgliedskoerperschaft": "5515"}, "invalid-request", "/mitgliedskoerperschaft"),
            ({"kind": "SCHULE"}, "invalid-request", "/kind"),
            ({"name": ""}, "invalid-request", "/name"),
            ({"name": 7}, "invalid-request", "/name"),
            ({"valid_from": None}, "invalid-request", "/valid_from"),
            ({"valid_from": "2026-13-01"}, "invalid-request", "/valid_from"),
            ({"id": "x"}, "invalid-request", "/id"),
        ],
    )
    async def test_refuses(self, lwl: Api, rows: Rows, fields: dict[str, Any], code: str, pointer: str) -> None:
        problem = refused(await lwl.post("/v1/providers", NEW | fields), 422, code)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
        assert rows("SELECT 1 FROM provider") == []


class TestReadAndList:
    async def test_shows_only_the_own_traegers(self, lwl: Api, lvr: Api) -> None:
        mine, foreign = await lwl.provider(), await lvr.provider()
        assert [entry["id"] for entry in (await lwl.get("/v1/providers")).json()["items"]] == [mine["id"]]
        refused(await lwl.get(f"/v1/providers/{foreign['id']}"), 404, "not-found")
        refused(await lwl.get("/v1/providers/x"), 404, "not-found")

    async def test_pages_and_finds_by_reference(self, lwl: Api) -> None:
        ids = [(await lwl.provider(external_ref=f"p{n}"))["id"] for n in range(3)]
        first = (await lwl.get("/v1/providers", limit="2")).json()
        rest = (await lwl.get("/v1/providers", limit="2", cursor=first["next_cursor"])).json()
        assert [entry["id"] for entry in first["items"] + rest["items"]] == ids
        assert rest["next_cursor"] is None
        (found,) = (await lwl.get("/v1/providers", external_ref="p1")).json()["items"]
        assert found["id"] == ids[1]
        refused(await lwl.get("/v1/providers", cursor="x"), 400, "cursor-not-valid")

    async def test_spares_what_the_caller_has(self, lwl: Api) -> None:
        provider = await lwl.provider()
        headers = lwl.headers() | {"If-None-Match": '"1"'}
        answer = await lwl.client.get(f"/v1/providers/{provider['id']}", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")


class TestChange:
    async def test_changes_name_reference_and_end(self, lwl: Api, rows: Rows) -> None:
        provider = await lwl.provider()
        path = f"/v1/providers/{provider['id']}"
        patch = {"name": "Neu", "external_ref": None, "valid_to": "2028-12-31"}
        response = await lwl.patch(path, patch, version=1)
        assert (response.status_code, response.headers["etag"]) == (200, '"2"')
        assert response.json() == provider | patch | {"version": 2}
        assert (await lwl.get(path)).json() == response.json()
        assert [row["key_version"] for row in rows("SELECT key_version FROM outbox_in ORDER BY id")] == [1, 2]

    async def test_leaves_alone_what_would_stay_the_same(self, lwl: Api, rows: Rows) -> None:
        provider = await lwl.provider()
        same = {name: value for name, value in provider.items() if name not in ("id", "version")}
        response = await lwl.patch(f"/v1/providers/{provider['id']}", same, version=1)
        assert (response.status_code, response.headers["etag"], response.json()) == (200, '"1"', provider)
        assert len(rows("SELECT 1 FROM outbox_in")) == 1

    @pytest.mark.parametrize(
        ("patch", "code"),
        [
            ({"kind": "ANDERER_LEISTUNGSANBIETER"}, "invalid-provider"),
            ({"mitgliedskoerperschaft": "05570"}, "invalid-provider"),
            ({"valid_from": "1990-01-02"}, "invalid-provider"),
            ({"valid_to": "1989-12-31"}, "invalid-provider"),
            ({"name": None}, "invalid-request"),
            ({"kind": None}, "invalid-request"),
            ({"valid_from": None}, "invalid-request"),
            ({"version": 3}, "invalid-request"),
        ],
    )
    async def test_refuses_what_never_changes(self, lwl: Api, patch: dict[str, Any], code: str) -> None:
        provider = await lwl.provider()
        path = f"/v1/providers/{provider['id']}"
        refused(await lwl.patch(path, patch, version=1), 422, code)
        refused(await lwl.patch(path, patch, version=9), 422, code)  # before the version is looked at
        assert (await lwl.get(path)).json() == provider

    async def test_needs_the_version_the_scope_and_the_provider(self, lwl: Api, lvr: Api) -> None:
        provider = await lwl.provider()
        path = f"/v1/providers/{provider['id']}"
        refused(await lwl.patch(path, {"name": "x"}, version=2), 412, "stale-version")
        refused(await lwl.client.patch(path, json={"name": "x"}, headers=lwl.headers()), 428, "if-match-missing")
        refused(await lvr.patch(path, {"name": "x"}, version=1), 404, "not-found")
        reader = Api(lwl.client, lwl.mint, lwl.clock, scope="cases:read")
        refused(await reader.patch(path, {"name": "x"}, version=1), 403, "scope-missing")

    async def test_refuses_a_reference_that_another_one_has(self, lwl: Api) -> None:
        await lwl.provider(external_ref="p1")
        other = await lwl.provider(external_ref="p2")
        patch = {"external_ref": "p1"}
        refused(await lwl.patch(f"/v1/providers/{other['id']}", patch, version=1), 409, "external-ref-taken")


class TestEndOfValidity:
    async def _stay(self, lwl: Api, provider: dict[str, Any], first: str, last: str | None) -> str:
        case = await lwl.register()
        await lwl.record(case["id"], 1, "ZUGANG_EV", first, provider_id=provider["id"])
        if last is not None:
            await lwl.record(case["id"], 2, "ABGANG", last, reason="VERZICHT")
        return str(case["id"])

    async def _may_end(self, lwl: Api, provider: dict[str, Any], day: str) -> bool:
        response = await lwl.patch(f"/v1/providers/{provider['id']}", {"valid_to": day}, version="*")
        if response.status_code == 409:
            refused(response, 409, "provider-in-use")
        else:
            assert response.status_code == 200, response.text
        return response.status_code == 200

    async def test_is_not_before_the_last_day_of_a_stay(self, lwl: Api) -> None:
        provider = await lwl.provider()
        await self._stay(lwl, provider, "2025-01-01", "2025-06-11")  # the last day is the 10th
        assert not await self._may_end(lwl, provider, "2025-06-09")
        assert await self._may_end(lwl, provider, "2025-06-10")

    async def test_an_open_stay_counts_up_to_today(self, lwl: Api, clock: FixedClock) -> None:
        provider = await lwl.provider()
        await self._stay(lwl, provider, "2025-01-01", None)
        assert not await self._may_end(lwl, provider, "2026-03-01")
        assert await self._may_end(lwl, provider, "2026-03-02")
        clock.instant = datetime(2026, 3, 9, 12, tzinfo=UTC)
        assert await self._may_end(lwl, provider, "2026-03-09")
        assert not await self._may_end(lwl, provider, "2026-03-08")

    async def test_an_open_stay_in_the_future_counts_with_its_first_day(self, lwl: Api) -> None:
        provider = await lwl.provider()
        await self._stay(lwl, provider, "2026-05-01", None)
        assert not await self._may_end(lwl, provider, "2026-04-30")
        assert await self._may_end(lwl, provider, "2026-05-01")

    async def test_stays_of_zero_days_and_cancelled_ones_do_not_count(self, lwl: Api) -> None:
        provider = await lwl.provider()
        await self._stay(lwl, provider, "2025-01-01", "2025-01-01")
        case_id = await self._stay(lwl, provider, "2025-03-01", None)
        (movement,) = (await lwl.timeline(case_id))["movements"]
        path = f"/v1/cases/{case_id}/movements/{movement['fact_id']}/cancellation"
        assert not await self._may_end(lwl, provider, "2024-01-01")
        assert (await lwl.post(path, {"reason": "x"}, version=2)).status_code == 200
        assert await self._may_end(lwl, provider, "2024-01-01")

    async def test_a_name_may_change_after_the_end_with_a_stay_still_open(self, lwl: Api, clock: FixedClock) -> None:
        provider = await lwl.provider(valid_to="2026-03-05")
        case_id = await self._stay(lwl, provider, "2025-01-01", None)
        clock.instant = datetime(2026, 3, 20, 12, tzinfo=UTC)
        response = await lwl.patch(f"/v1/providers/{provider['id']}", {"name": "x"}, version=1)
        assert response.status_code == 200
        next_ = {"kind": "EINTRITT_BBB", "effective_on": "2026-03-10"}
        path = f"/v1/cases/{case_id}/movements"
        refused(await lwl.post(path, next_, version=2), 409, "provider-not-valid")
        await lwl.record(case_id, 2, "ABGANG", "2026-03-06", reason="VERZICHT")

    async def test_an_end_and_a_new_stay_at_once_never_both_succeed(self, lwl: Api) -> None:
        outcomes = set()
        for _ in range(12):
            provider, case = await lwl.provider(), await lwl.register()
            body = {"kind": "ZUGANG_EV", "effective_on": "2026-01-05", "provider_id": provider["id"]}
            stay, end = await asyncio.gather(
                lwl.post(f"/v1/cases/{case['id']}/movements", body, version=1),
                lwl.patch(f"/v1/providers/{provider['id']}", {"valid_to": "2026-01-01"}, version=1),
            )
            outcomes.add((stay.status_code, end.status_code))
        assert outcomes <= {(201, 409), (409, 200)}
