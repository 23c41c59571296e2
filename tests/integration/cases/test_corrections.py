"""Amending, cancelling, correcting, and looking back at what was known."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.kernel.clock import FixedClock
from tests.integration.cases.api import Api, Json, refused
from tests.integration.cases.conftest import Rows

UNKNOWN = "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"


@pytest.fixture
async def case(lwl: Api) -> Json:
    """Werkstattalternative in January, ended in February; version 3. `facts` are their ids."""
    case = await lwl.register()
    first = await lwl.record(
        case["id"],
        1,
        "WERKSTATTALTERNATIVE",
        "2026-01-10",
        decided_on="2026-01-02",
        zugangsweg="FOERDERSCHULE",
    )
    second = await lwl.record(case["id"], 2, "ABGANG", "2026-02-01", reason="KUENDIGUNG", initiator="PERSON")
    return case | {"facts": [first["fact_id"], second["fact_id"]], "path": f"/v1/cases/{case['id']}"}


def bodies(rows: Rows, case: Json, version: int) -> list[Json]:
    """The payloads of the events of a command."""
    found = rows(
        "SELECT bodies FROM outbox_in WHERE key = %(id)s AND key_version = %(version)s",
        {"id": case["id"], "version": version},
    )
    return [json.loads(body)["data"] for row in found for body in row["bodies"]]


class TestAmend:
    async def test_changes_what_the_patch_names_and_leaves_the_rest(self, lwl: Api, case: Json, rows: Rows) -> None:
        before = await lwl.timeline(case["id"])
        response = await lwl.patch(
            f"{case['path']}/movements/{case['facts'][0]}",
            {"effective_on": "2026-01-12", "zugangsweg": None, "reason_for_correction": "Bescheid berichtigt"},
            version=3,
        )
        assert (response.status_code, response.headers["etag"]) == (200, '"4"')
        after = response.json()
        assert after == await lwl.timeline(case["id"])
        first, second = after["movements"]
        assert first == before["movements"][0] | {
            "effective_on": "2026-01-12",
            "zugangsweg": None,
        }
        assert second == before["movements"][1] | {"from_since": "2026-01-12"}
        assert [(entry["sign"], entry["kind"], entry["effective_on"]) for entry in bodies(rows, case, 4)] == [
            (-1, "ABGANG", "2026-02-01"),
            (-1, "WERKSTATTALTERNATIVE", "2026-01-10"),
            (1, "WERKSTATTALTERNATIVE", "2026-01-12"),
            (1, "ABGANG", "2026-02-01"),
        ]
        (command,) = rows("SELECT * FROM command WHERE version = 4")
        assert (command["act"], command["reason"]) == ("AMEND", "Bescheid berichtigt")
        assert "berichtigt" not in json.dumps(rows("SELECT bodies FROM outbox_in"))

    async def test_reads_both_media_types(self, lwl: Api, case: Json) -> None:
        path = f"{case['path']}/movements/{case['facts'][1]}"
        for version, (media_type, initiator) in enumerate(
            (("application/merge-patch+json", "TRAEGER"), ("application/json; charset=utf-8", "ANBIETER")), start=3
        ):
            content = json.dumps({"initiator": initiator, "reason_for_correction": "x"}).encode()
            headers = lwl.headers(version=version) | {"Content-Type": media_type}
            response = await lwl.client.patch(path, content=content, headers=headers)
            assert response.json()["movements"][1]["initiator"] == initiator

    async def test_an_unchanged_one_writes_nothing(self, lwl: Api, case: Json, rows: Rows) -> None:
        response = await lwl.patch(
            f"{case['path']}/movements/{case['facts'][1]}",
            {"reason": "KUENDIGUNG", "reason_for_correction": "geprüft"},
            version=3,
        )
        assert (response.status_code, response.headers["etag"]) == (200, '"3"')
        assert response.json() == await lwl.timeline(case["id"])
        assert len(rows("SELECT 1 FROM command")) == 3

    async def test_a_fact_may_change_without_its_movement(self, lwl: Api, rows: Rows) -> None:
        """Naming the default explicitly: a version, no event."""
        case = await lwl.register()
        movement = await lwl.record(case["id"], 1, "AUFNAHME_ZUVERDIENST", "2026-01-10")
        response = await lwl.patch(
            f"/v1/cases/{case['id']}/movements/{movement['fact_id']}",
            {"disability": "GEISTIG", "reason_for_correction": "bestätigt"},
            version=2,
        )
        assert (response.status_code, response.headers["etag"]) == (200, '"3"')
        assert response.json()["movements"] == [movement]
        assert bodies(rows, case, 3) == []
        states = rows("SELECT from_version, to_version, attributes FROM fact ORDER BY from_version")
        assert [tuple(state.values()) for state in states] == [(2, 3, {}), (3, None, {"disability": "GEISTIG"})]

    async def test_a_movement_keeps_the_instant_of_the_command_that_wrote_it(
        self, lwl: Api, case: Json, clock: FixedClock, rows: Rows
    ) -> None:
        clock.instant = datetime(2026, 3, 5, 8, tzinfo=UTC)
        response = await lwl.patch(
            f"{case['path']}/movements/{case['facts'][1]}",
            {"initiator": "TRAEGER", "reason_for_correction": "x"},
            version=3,
        )
        instants = [movement["recorded_at"] for movement in response.json()["movements"]]
        assert instants == ["2026-03-02T09:30:00Z", "2026-03-05T08:00:00Z"]
        assert [(e["sign"], e["recorded_at"]) for e in bodies(rows, case, 4)] == [
            (-1, "2026-03-02T09:30:00Z"),
            (1, "2026-03-05T08:00:00Z"),
        ]

    @pytest.mark.parametrize(
        ("patch", "status", "code"),
        [
            ({"effective_on": "2026-02-02"}, 409, "movement-not-allowed"),  # behind the Abgang
            ({"effective_on": None}, 422, "invalid-movement"),
            ({"decided_on": None}, 422, "invalid-movement"),
            ({"decided_on": "2026-03-03"}, 422, "invalid-movement"),
            ({"provider_id": UNKNOWN}, 422, "invalid-movement"),
            ({"kind": "ABGANG"}, 422, "invalid-request"),
            ({"reason_for_correction": ""}, 422, "invalid-request"),
            ({"reason_for_correction": "x" * 501}, 422, "invalid-request"),
            ({"reason_for_correction": None}, 422, "invalid-request"),
        ],
    )
    async def test_refuses(
        self, lwl: Api, case: Json, rows: Rows, patch: dict[str, Any], status: int, code: str
    ) -> None:
        body = {"reason_for_correction": "x"} | patch
        path = f"{case['path']}/movements/{case['facts'][0]}"
        refused(await lwl.patch(path, body, version=3), status, code)
        assert (await lwl.case(case["id"]))["version"] == 3
        assert len(rows("SELECT 1 FROM fact")) == 2

    async def test_needs_its_scope_the_case_the_fact_and_the_version(self, lwl: Api, lvr: Api, case: Json) -> None:
        body, path = {"initiator": "TRAEGER", "reason_for_correction": "x"}, f"{case['path']}/movements"
        clerk = Api(lwl.client, lwl.mint, lwl.clock, scope="cases:write cases:read")
        refused(await clerk.patch(f"{path}/{case['facts'][1]}", body, version=3), 403, "scope-missing")
        refused(await lvr.patch(f"{path}/{case['facts'][1]}", body, version=3), 404, "not-found")
        for unknown in (UNKNOWN, "x", case["facts"][1] + "0"):
            refused(await lwl.patch(f"{path}/{unknown}", body, version=3), 404, "not-found")
        refused(await lwl.patch(f"{path}/{case['facts'][1]}", body, version=2), 412, "stale-version")
        response = await lwl.client.patch(f"{path}/{case['facts'][1]}", json=body, headers=lwl.headers())
        refused(response, 428, "if-match-missing")


class TestCancel:
    async def test_takes_the_fact_back(self, lwl: Api, case: Json, rows: Rows) -> None:
        path = f"{case['path']}/movements/{case['facts'][1]}/cancellation"
        response = await lwl.post(path, {"reason": "doppelt"}, version=3)
        assert (response.status_code, response.headers["etag"]) == (200, '"4"')
        timeline = response.json()
        assert [movement["fact_id"] for movement in timeline["movements"]] == case["facts"][:1]
        assert timeline["cells"][0]["to_day"] is None
        assert timeline == await lwl.timeline(case["id"])
        assert [(entry["sign"], entry["fact_id"]) for entry in bodies(rows, case, 4)] == [(-1, case["facts"][1])]
        (state,) = rows("SELECT * FROM fact WHERE cancelled")
        assert (state["from_version"], state["to_version"], state["movement"]) == (4, None, None)

    async def test_a_cancelled_fact_stays_cancelled(self, lwl: Api, case: Json) -> None:
        path = f"{case['path']}/movements/{case['facts'][1]}"
        await lwl.post(f"{path}/cancellation", {"reason": "x"}, version=3)
        again = await lwl.post(f"{path}/cancellation", {"reason": "x"}, version=4)
        refused(again, 409, "fact-cancelled")
        amended = await lwl.patch(path, {"initiator": "TRAEGER", "reason_for_correction": "x"}, version=4)
        refused(amended, 409, "fact-cancelled")
        change = {"amend": {"fact_id": case["facts"][1], "initiator": "TRAEGER"}}
        corrected = await lwl.post(f"{case['path']}/corrections", {"reason": "x", "changes": [change]}, version=4)
        refused(corrected, 409, "fact-cancelled")
        stale = await lwl.post(f"{path}/cancellation", {"reason": "x"}, version=3)
        refused(stale, 412, "stale-version")

    async def test_refuses_what_others_stand_on(self, lwl: Api, case: Json) -> None:
        path = f"{case['path']}/movements/{case['facts'][0]}/cancellation"
        problem = refused(await lwl.post(path, {"reason": "x"}, version=3), 409, "movement-not-allowed")
        assert problem["breaks_at"] == case["facts"][1]
        assert "ZUGANG_EV" in problem["allowed"]

    async def test_needs_a_reason_and_its_scope(self, lwl: Api, case: Json) -> None:
        path = f"{case['path']}/movements/{case['facts'][1]}/cancellation"
        for body in ({}, {"reason": ""}, {"reason": "x" * 501}, {"reason": 7}):
            refused(await lwl.post(path, body, version=3), 422, "invalid-request")
        clerk = Api(lwl.client, lwl.mint, lwl.clock, scope="cases:write")
        refused(await clerk.post(path, {"reason": "x"}, version=3), 403, "scope-missing")


class TestCorrect:
    async def test_does_what_only_together_is_legal(self, lwl: Api, case: Json, rows: Rows) -> None:
        first, second = case["facts"]
        changes = [
            {"cancel": {"fact_id": first}},
            {"add": {"kind": "AUFNAHME_ZUVERDIENST", "effective_on": "2026-01-20"}},
            {"amend": {"fact_id": second, "effective_on": "2026-02-05", "initiator": None}},
        ]
        response = await lwl.post(f"{case['path']}/corrections", {"reason": "falsch", "changes": changes}, version=3)
        assert (response.status_code, response.headers["etag"]) == (200, '"4"')
        timeline = response.json()
        assert timeline == await lwl.timeline(case["id"])
        assert [(entry["kind"], entry["effective_on"]) for entry in timeline["movements"]] == [
            ("AUFNAHME_ZUVERDIENST", "2026-01-20"),
            ("ABGANG", "2026-02-05"),
        ]
        assert [(entry["sign"], entry["kind"]) for entry in bodies(rows, case, 4)] == [
            (-1, "ABGANG"),
            (-1, "WERKSTATTALTERNATIVE"),
            (1, "AUFNAHME_ZUVERDIENST"),
            (1, "ABGANG"),
        ]
        entries = rows("SELECT entry FROM fact WHERE to_version IS NULL ORDER BY entry")
        assert [row["entry"] for row in entries] == [1, 2, 3]

    @pytest.mark.parametrize(
        ("changes", "status", "code", "pointer"),
        [
            ([], 422, "invalid-request", "/changes"),
            ([{}], 422, "invalid-request", "/changes/0"),
            ([{"add": None}], 422, "invalid-request", "/changes/0"),
            ([{"cancel": {"fact_id": UNKNOWN}}], 422, "invalid-movement", "/changes/0/cancel/fact_id"),
            ([{"amend": {"fact_id": UNKNOWN}}], 422, "invalid-movement", "/changes/0/amend/fact_id"),
            ([{"remove": {"fact_id": UNKNOWN}}], 422, "invalid-request", "/changes/0/remove"),
            ([{"cancel": {"fact_id": "first"}}, {"cancel": {"fact_id": "first"}}], 422, "invalid-movement", None),
            (
                [{"add": {"kind": "PLATZWECHSEL", "effective_on": "2026-01-20"}}],
                422,
                "invalid-movement",
                "/changes/0/add/place",
            ),
            (
                [{"cancel": {"fact_id": "second"}, "amend": {"fact_id": "second"}}],
                422,
                "invalid-request",
                "/changes/0",
            ),
            (
                [
                    {"cancel": {"fact_id": "second"}},
                    {"add": {"kind": "FOLGEFOERDERUNG", "effective_on": "2026-01-20", "decided_on": "2026-01-20"}},
                ],
                409,
                "movement-not-allowed",
                "/changes/1/add/kind",
            ),
        ],
    )
    async def test_refuses_all_of_it(
        self, lwl: Api, case: Json, rows: Rows, changes: Any, status: int, code: str, pointer: str | None
    ) -> None:
        named = json.dumps(changes).replace('"first"', f'"{case["facts"][0]}"')
        named = named.replace('"second"', f'"{case["facts"][1]}"')
        body = {"reason": "x", "changes": json.loads(named)}
        problem = refused(await lwl.post(f"{case['path']}/corrections", body, version=3), status, code)
        if pointer is not None:
            pointers = [error["pointer"] for error in problem["errors"]]
            assert pointer in pointers or pointer.removesuffix("/remove") in pointers
        assert len(rows("SELECT 1 FROM fact")) == 2
        assert len(rows("SELECT 1 FROM command")) == 3

    async def test_needs_its_scope_and_the_case(self, lwl: Api, lvr: Api, case: Json) -> None:
        body = {"reason": "x", "changes": [{"cancel": {"fact_id": case["facts"][1]}}]}
        clerk = Api(lwl.client, lwl.mint, lwl.clock, scope="cases:write")
        refused(await clerk.post(f"{case['path']}/corrections", body, version=3), 403, "scope-missing")
        refused(await lvr.post(f"{case['path']}/corrections", body, version=3), 404, "not-found")


class TestKnownOn:
    async def test_shows_every_past_day_as_it_was(self, lwl: Api, clock: FixedClock) -> None:
        """After each command the whole timeline is kept; later each day must still show the last one of its day."""
        kept: dict[str, Json] = {}
        clock.instant = datetime(2026, 3, 2, 9, tzinfo=UTC)
        case = await lwl.register()
        path, version = f"/v1/cases/{case['id']}", 1

        async def keep(day: str) -> None:
            kept[day] = await lwl.timeline(case["id"])

        await keep("2026-03-02")
        clock.instant = datetime(2026, 3, 3, 9, tzinfo=UTC)
        first = await lwl.record(case["id"], 1, "WERKSTATTALTERNATIVE", "2026-01-10", decided_on="2026-01-02")
        second = await lwl.record(case["id"], 2, "ABGANG", "2026-02-01", reason="VERZICHT")
        await keep("2026-03-03")
        await keep("2026-03-04")
        clock.instant = datetime(2026, 3, 5, 22, 59, 59, 999_999, tzinfo=UTC)  # one microsecond before midnight
        amended = {"effective_on": "2026-01-11", "reason_for_correction": "x"}
        response = await lwl.patch(f"{path}/movements/{first['fact_id']}", amended, version=3)
        assert response.status_code == 200
        await keep("2026-03-05")
        clock.instant = datetime(2026, 3, 5, 23, tzinfo=UTC)  # midnight in Berlin: the next day
        cancelled = await lwl.post(f"{path}/movements/{second['fact_id']}/cancellation", {"reason": "x"}, version=4)
        assert cancelled.status_code == 200
        await lwl.record(case["id"], 5, "FOERDERENDE", "2026-02-20")
        await keep("2026-03-06")
        version = kept["2026-03-06"]["version"]
        clock.instant = datetime(2026, 6, 1, 12, tzinfo=UTC)
        for day, then in kept.items():
            assert await lwl.timeline(case["id"], known_on=day) == then | {"known_on": day}
        assert [kept[day]["version"] for day in kept] == [1, 3, 3, 4, 6]
        today = await lwl.timeline(case["id"], known_on="2026-06-01")
        assert today == await lwl.timeline(case["id"]) | {"known_on": "2026-06-01"}
        assert today["version"] == version
        before = await lwl.timeline(case["id"], known_on="2026-03-01")
        assert before == {
            "case_id": case["id"],
            "version": 0,
            "known_on": "2026-03-01",
            "movements": [],
            "cells": [],
        }

    async def test_refuses_the_future_and_what_is_no_day(self, lwl: Api, case: Json, clock: FixedClock) -> None:
        path = f"{case['path']}/timeline"
        refused(await lwl.get(path, known_on="2026-03-03"), 422, "known-on-in-the-future")
        for wrong in ("2026-02-30", "today", "2026-03-02T00:00:00Z", "1700000000", ""):
            refused(await lwl.get(path, known_on=wrong), 422, "invalid-request")
        assert (await lwl.get(path, known_on="0001-01-01")).status_code == 200

    async def test_recorded_at_never_goes_back_when_the_clock_does(
        self, lwl: Api, case: Json, clock: FixedClock, rows: Rows
    ) -> None:
        clock.instant = datetime(2026, 2, 27, 12, tzinfo=UTC)
        await lwl.record(case["id"], 3, "AUFNAHME_ZUVERDIENST", "2026-02-10")
        (command,) = rows("SELECT recorded_at FROM command WHERE version = 4")
        assert command["recorded_at"] == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
