"""Registering, reading and listing cases."""

from datetime import UTC, datetime

import pytest

from shared.kernel.clock import FixedClock
from tests.integration.cases.api import Api, created, refused
from tests.integration.cases.conftest import Rows

NEW = {"external_ref": "a", "payer_mk": "05515", "residence_mk": "99999", "disability": "SEELISCH", "kombi": True}


class TestRegister:
    async def test_gives_a_case_that_can_be_read_back(self, lwl: Api) -> None:
        response = await lwl.post("/v1/cases", NEW)
        case = created(response)
        assert case == {
            "id": case["id"],
            "external_ref": "a",
            "version": 1,
            "status": "REGISTERED",
            "cell": None,
            "payer_mk": "05515",
            "residence_mk": "99999",
            "disability": "SEELISCH",
            "kombi": True,
            "recorded_at": "2026-03-02T09:30:00Z",
        }
        assert response.headers["etag"] == '"1"'
        assert response.headers["location"] == f"/v1/cases/{case['id']}"
        assert await lwl.case(case["id"]) == case

    async def test_writes_the_command_and_one_event(self, lwl: Api, rows: Rows) -> None:
        case = await lwl.register(**NEW)
        (command,) = rows("SELECT * FROM command")
        assert (command["version"], command["act"], command["subject"]) == (1, "REGISTER", "anna")
        (outbox,) = rows("SELECT * FROM outbox_in")
        assert (str(outbox["key"]), outbox["key_version"]) == (case["id"], 1)
        assert outbox["types"] == ["de.nrw.teilhabe.cases.case-registered.v1"]
        assert "fall" not in outbox["bodies"][0]
        assert '"a"' not in outbox["bodies"][0]

    async def test_kombi_is_false_unless_given(self, lwl: Api) -> None:
        body = {name: value for name, value in NEW.items() if name != "kombi"}
        assert created(await lwl.post("/v1/cases", body))["kombi"] is False

    async def test_takes_a_reference_once_per_traeger(self, lwl: Api, lvr: Api, rows: Rows) -> None:
        await lwl.register(**NEW)
        refused(await lwl.post("/v1/cases", NEW), 409, "external-ref-taken")
        await lvr.register(external_ref="a")
        assert [row["tenant"] for row in rows("SELECT tenant FROM case_file ORDER BY id")] == ["LWL", "LVR"]

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("payer_mk", "05315"),  # of the other Träger
            ("payer_mk", "99999"),
            ("payer_mk", "00000"),
            ("residence_mk", "12345"),
        ],
    )
    async def test_refuses_an_unknown_ags(self, lwl: Api, rows: Rows, member: str, value: str) -> None:
        problem = refused(await lwl.post("/v1/cases", NEW | {member: value}), 422, "invalid-case")
        assert [error["pointer"] for error in problem["errors"]] == [f"/{member}"]
        assert rows("SELECT 1 FROM case_file") == []

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("external_ref", ""),
            ("external_ref", "x" * 201),
            ("external_ref", 17),
            ("external_ref", None),
            ("payer_mk", 5515),
            ("disability", "ANDERE"),
            ("kombi", "true"),
            ("kombi", 1),
            ("name", "Anna"),
        ],
    )
    async def test_refuses_what_is_not_of_the_shape(self, lwl: Api, member: str, value: object) -> None:
        problem = refused(await lwl.post("/v1/cases", NEW | {member: value}), 422, "invalid-request")
        assert [error["pointer"] for error in problem["errors"]] == [f"/{member}"]

    @pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800", "\\udfff\\ud800"])
    async def test_refuses_nul_and_surrogates(self, lwl: Api, rows: Rows, text: str) -> None:
        body = (
            '{"external_ref":"' + text + '","payer_mk":"05515","residence_mk":"05515","disability":"GEISTIG"}'
        ).encode()
        headers = lwl.headers(key="k") | {"Content-Type": "application/json"}
        refused(await lwl.client.post("/v1/cases", content=body, headers=headers), 422, "forbidden-character")
        assert rows("SELECT 1 FROM idempotency_key") == []


class TestRead:
    async def test_answers_404_for_the_other_traeger_and_for_what_is_no_id(self, lwl: Api, lvr: Api) -> None:
        case = await lwl.register()
        for path in (f"/v1/cases/{case['id']}", f"/v1/cases/{case['id']}/timeline"):
            refused(await lvr.get(path), 404, "not-found")
        for wrong in ("1", "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10", "%00", case["id"].replace("-", "")):
            refused(await lwl.get(f"/v1/cases/{wrong}"), 404, "not-found")

    async def test_the_cell_of_today_changes_without_a_write(self, lwl: Api, clock: FixedClock) -> None:
        provider = await lwl.provider()
        case_id = (await lwl.register())["id"]
        await lwl.record(case_id, 1, "ZUGANG_EV", "2026-03-10", provider_id=provider["id"])
        await lwl.record(case_id, 2, "ABGANG", "2026-04-01", reason="VERZICHT")
        seen = []
        for day in (9, 10, 31, 32):
            clock.instant = datetime(2026, 3 + day // 32, (day - 1) % 31 + 1, 12, tzinfo=UTC)
            case = await lwl.case(case_id)
            (listed,) = (await lwl.get("/v1/cases")).json()["items"]
            assert listed == case
            assert case["version"] == 3
            seen.append((case["status"], case["cell"] and case["cell"]["phase"]))
        assert seen == [("REGISTERED", None), ("ACTIVE", "EV"), ("ACTIVE", "EV"), ("ENDED", None)]

    async def test_an_etag_never_spares_the_cell_of_another_day(self, lwl: Api, clock: FixedClock) -> None:
        case_id = (await lwl.register())["id"]
        await lwl.record(case_id, 1, "AUFNAHME_ZUVERDIENST", "2026-03-10")
        clock.instant = datetime(2026, 3, 10, 12, tzinfo=UTC)
        headers = lwl.headers() | {"If-None-Match": '"2"'}
        answer = await lwl.client.get(f"/v1/cases/{case_id}", headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "ACTIVE")
        assert (await lwl.client.get(f"/v1/cases/{case_id}/timeline", headers=headers)).status_code == 304

    async def test_today_is_the_day_in_berlin(self, lwl: Api, clock: FixedClock) -> None:
        provider = await lwl.provider()
        case_id = (await lwl.register())["id"]
        await lwl.record(case_id, 1, "ZUGANG_EV", "2026-07-01", provider_id=provider["id"])
        clock.instant = datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC)
        assert (await lwl.case(case_id))["cell"] is None
        clock.instant = datetime(2026, 6, 30, 22, tzinfo=UTC)
        assert (await lwl.case(case_id))["status"] == "ACTIVE"

    async def test_a_cancelled_fact_leaves_a_registered_case(self, lwl: Api) -> None:
        case_id = (await lwl.register())["id"]
        movement = await lwl.record(case_id, 1, "AUFNAHME_ZUVERDIENST", "2026-01-01")
        assert (await lwl.case(case_id))["status"] == "ACTIVE"
        path = f"/v1/cases/{case_id}/movements/{movement['fact_id']}/cancellation"
        assert (await lwl.post(path, {"reason": "falsch"}, version=2)).status_code == 200
        assert (await lwl.case(case_id))["status"] == "REGISTERED"


class TestList:
    async def test_finds_by_every_filter(self, lwl: Api, lvr: Api, clock: FixedClock) -> None:
        first, second = await lwl.provider(), await lwl.provider()
        in_ev, in_bbb, outside = [(await lwl.register())["id"] for _ in range(3)]
        await lwl.record(in_ev, 1, "ZUGANG_EV", "2026-01-01", provider_id=first["id"])
        await lwl.record(in_bbb, 1, "ZUGANG_EV", "2025-01-01", provider_id=first["id"], payer_mk="05570")
        clock.instant = datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)
        await lwl.record(in_bbb, 2, "EINTRITT_BBB", "2026-02-01", provider_id=second["id"])
        await lvr.register()

        async def found(**query: str) -> list[str]:
            response = await lwl.get("/v1/cases", **query)
            assert response.status_code == 200, response.text
            return [case["id"] for case in response.json()["items"]]

        assert await found() == [in_ev, in_bbb, outside]
        assert await found(external_ref=(await lwl.case(in_bbb))["external_ref"]) == [in_bbb]
        assert await found(external_ref="none") == []
        assert await found(phase="EV") == [in_ev]
        assert await found(phase="BBB") == [in_bbb]
        assert await found(phase="ZUVERDIENST") == []
        assert await found(provider_id=first["id"]) == [in_ev]
        assert await found(provider_id=second["id"]) == [in_bbb]
        assert await found(payer_mk="05515") == [in_ev]
        assert await found(payer_mk="05570") == [in_bbb]
        assert await found(phase="BBB", payer_mk="05515") == []
        assert await found(changed_from="2026-03-02T12:00:00.000001Z") == [in_bbb]
        assert await found(changed_from="2026-03-02T13:00:00.000002+01:00") == []

    async def test_pages_are_stable_while_cases_come_in(self, lwl: Api) -> None:
        expected = [(await lwl.register())["id"] for _ in range(5)]
        seen: list[str] = []
        path, query = "/v1/cases", {"limit": "2"}
        while True:
            response = await lwl.get(path, **query)
            body = response.json()
            seen += [case["id"] for case in body["items"]]
            if body["next_cursor"] is None:
                assert "link" not in response.headers
                break
            assert response.headers["link"].endswith('; rel="next"')
            if len(seen) == 2:
                expected.append((await lwl.register())["id"])
            query["cursor"] = body["next_cursor"]
        assert seen == expected

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ({"limit": "0"}, 422, "invalid-request"),
            ({"limit": "201"}, 422, "invalid-request"),
            ({"phase": "NONE"}, 422, "invalid-request"),
            ({"provider_id": "1"}, 422, "invalid-request"),
            ({"payer_mk": "5515"}, 422, "invalid-request"),
            ({"changed_from": "2026-03-02"}, 422, "invalid-request"),
            ({"changed_from": "2026-03-02T10:00:00"}, 422, "invalid-request"),
            ({"name": "Anna"}, 422, "invalid-request"),
            ({"external_ref": "a\0"}, 422, "invalid-request"),
            ({"cursor": "nonsense"}, 400, "cursor-not-valid"),
            ({"cursor": ""}, 400, "cursor-not-valid"),
        ],
    )
    async def test_refuses_unknown_values(self, lwl: Api, query: dict[str, str], status: int, code: str) -> None:
        refused(await lwl.get("/v1/cases", **query), status, code)

    @pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
    async def test_takes_any_instant(self, lwl: Api, instant: str) -> None:
        assert (await lwl.get("/v1/cases", changed_from=instant)).status_code == 200

    async def test_refuses_the_cursor_of_another_filter(self, lwl: Api) -> None:
        for _ in range(2):
            await lwl.register()
        cursor = (await lwl.get("/v1/cases", limit="1")).json()["next_cursor"]
        refused(await lwl.get("/v1/cases", limit="1", phase="EV", cursor=cursor), 400, "cursor-not-valid")
        refused(await lwl.get("/v1/providers", limit="1", cursor=cursor), 400, "cursor-not-valid")
