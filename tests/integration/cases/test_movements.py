"""Recording movements, and every way in which that is refused."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from tests.integration.cases.api import Api, created, refused
from tests.integration.cases.conftest import Rows

UNKNOWN = "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"
EV = {"kind": "ZUGANG_EV", "effective_on": "2026-01-05"}


def path_of(case: dict[str, Any]) -> str:
    """Where movements of a case are recorded."""
    return f"/v1/cases/{case['id']}/movements"


class TestRecord:
    async def test_answers_the_whole_movement_and_the_new_etag(self, lwl: Api) -> None:
        provider, case = await lwl.provider(), await lwl.register(kombi=True)
        await lwl.record(case["id"], 1, **EV, provider_id=provider["id"], zugangsweg="AUSBILDUNG")
        body = {"kind": "UEBERGANG", "effective_on": "2026-02-01", "instrument": "OHNE_BUDGET", "decided_on": None}
        response = await lwl.post(path_of(case), body, version=2)
        movement = created(response)
        person = {"payer_mk": "05515", "residence_mk": "05515", "disability": "GEISTIG", "kombi": True}
        nowhere = {"provider_id": None, "provider_mk": None, "place": None}
        in_ev = {"phase": "EV", "provider_id": provider["id"], "provider_mk": "05515", "place": None, **person}
        assert movement == {
            "fact_id": movement["fact_id"],
            "kind": "UEBERGANG",
            "effective_on": "2026-02-01",
            "decided_on": None,
            "instrument": "OHNE_BUDGET",
            "reason": None,
            "zugangsweg": None,
            "initiator": None,
            "from": in_ev,
            "to": {"phase": "ALLGEMEINER_ARBEITSMARKT", **nowhere, **person},
            "from_since": "2026-01-05",
            "alternative_on": None,
            "uebergang_on": None,
            "uebergang_from": None,
            "recorded_at": "2026-03-02T09:30:00Z",
        }
        assert response.headers["etag"] == '"3"'
        assert response.headers["location"] == f"{path_of(case)}/{movement['fact_id']}"
        timeline = await lwl.timeline(case["id"])
        assert timeline["movements"][1] == movement
        assert timeline["cells"] == [
            {"from_day": "2026-01-05", "to_day": "2026-01-31", "cell": in_ev},
            {"from_day": "2026-02-01", "to_day": None, "cell": movement["to"]},
        ]
        assert (timeline["case_id"], timeline["version"], timeline["known_on"]) == (case["id"], 3, None)

    async def test_a_return_tells_of_the_uebergang(self, lwl: Api) -> None:
        provider, case = await lwl.provider(), await lwl.register()
        first = await lwl.record(case["id"], 1, **EV, provider_id=provider["id"])
        await lwl.record(case["id"], 2, "UEBERGANG", "2026-02-01", instrument="OHNE_BUDGET")
        movement = await lwl.record(
            case["id"], 3, "RUECKKEHR", "2026-02-20", provider_id=provider["id"], to_phase="BBB"
        )
        assert (movement["uebergang_on"], movement["uebergang_from"]) == ("2026-02-01", first["to"])
        assert movement["to"]["phase"] == "BBB"

    async def test_writes_one_outbox_row_with_the_movement_in_it(self, lwl: Api, rows: Rows) -> None:
        case = await lwl.register()
        movement = await lwl.record(case["id"], 1, "AUFNAHME_ZUVERDIENST", "2026-02-01")
        outbox = rows("SELECT * FROM outbox_in ORDER BY id")
        assert [row["key_version"] for row in outbox] == [1, 2]
        event = json.loads(outbox[1]["bodies"][0])
        assert event["type"] == outbox[1]["types"][0] == "de.nrw.teilhabe.cases.aufnahme-zuverdienst.v1"
        assert event["time"] == "2026-03-02T09:30:00Z"
        assert (event["source"], event["subject"], event["tenant"]) == ("/cases", case["id"], "LWL")
        head = {"case_id": case["id"], "case_version": 2, "index": 1, "of": 1, "sign": 1}
        assert event["data"] == head | movement

    async def test_a_fact_before_others_rewrites_what_follows(self, lwl: Api, rows: Rows) -> None:
        case = await lwl.register()
        await lwl.record(case["id"], 1, "AUFNAHME_ZUVERDIENST", "2026-02-01")
        await lwl.record(case["id"], 2, "ABGANG", "2026-02-20", reason="VERZICHT")
        await lwl.record(case["id"], 3, "MERKMALSAENDERUNG", "2026-02-10", disability="SEELISCH")
        (row,) = rows("SELECT * FROM outbox_in WHERE key = %(id)s AND key_version = 4", {"id": case["id"]})
        data = [json.loads(body)["data"] for body in row["bodies"]]
        assert [(entry["sign"], entry["kind"]) for entry in data] == [
            (-1, "ABGANG"),
            (1, "MERKMALSAENDERUNG"),
            (1, "ABGANG"),
        ]
        assert [(entry["index"], entry["of"]) for entry in data] == [(1, 3), (2, 3), (3, 3)]
        facts = rows("SELECT kind, from_version, to_version FROM fact ORDER BY from_version, entry")
        assert [tuple(fact.values()) for fact in facts] == [
            ("AUFNAHME_ZUVERDIENST", 2, None),
            ("ABGANG", 3, 4),
            ("ABGANG", 4, None),
            ("MERKMALSAENDERUNG", 4, None),
        ]

    async def test_a_star_takes_whatever_version_there_is(self, lwl: Api) -> None:
        case = await lwl.register()
        body = {"kind": "AUFNAHME_ZUVERDIENST", "effective_on": "2026-02-01"}
        created(await lwl.post(path_of(case), body, version="*"))


class TestRefuse:
    @pytest.fixture
    async def case(self, lwl: Api) -> dict[str, Any]:
        """A case in Zuverdienst since February, version 2."""
        case = await lwl.register()
        case["fact_id"] = (await lwl.record(case["id"], 1, "AUFNAHME_ZUVERDIENST", "2026-02-01"))["fact_id"]
        return case

    @pytest.fixture(autouse=True)
    async def nothing_is_written(self, case: dict[str, Any], rows: Rows) -> Any:
        """After each refusal everything is as it was, and the key is free again."""
        statements = (
            "SELECT * FROM case_file",
            "SELECT * FROM command",
            "SELECT * FROM fact",
            "SELECT * FROM outbox_in WHERE key IN (SELECT id FROM case_file)",
            "SELECT * FROM idempotency_key WHERE command_key IN (SELECT id FROM case_file)",
        )
        before = [rows(f"{statement} ORDER BY 1, 2, 3, 4") for statement in statements]
        yield
        assert [rows(f"{statement} ORDER BY 1, 2, 3, 4") for statement in statements] == before

    async def test_an_impossible_order_with_what_is_allowed(self, lwl: Api, case: dict[str, Any]) -> None:
        body = {"kind": "UEBERGANG", "effective_on": "2026-02-10", "instrument": "OHNE_BUDGET"}
        problem = refused(await lwl.post(path_of(case), body, version=2), 409, "movement-not-allowed")
        assert problem["breaks_at"] is None
        assert problem["allowed"] == [
            "ZUGANG_EV",
            "ZUGANG_BBB",
            "MERKMALSAENDERUNG",
            "WERKSTATTALTERNATIVE",
            "ABGANG",
        ]

    async def test_a_fact_that_breaks_a_later_one_names_it(self, lwl: Api, case: dict[str, Any]) -> None:
        body = {"kind": "AUFNAHME_ZUVERDIENST", "effective_on": "2026-01-01"}
        problem = refused(await lwl.post(path_of(case), body, version=2), 409, "movement-not-allowed")
        assert problem["breaks_at"] == case["fact_id"]

    async def test_a_change_that_changes_nothing(self, lwl: Api, case: dict[str, Any]) -> None:
        body = {"kind": "MERKMALSAENDERUNG", "effective_on": "2026-02-10", "kombi": False}
        refused(await lwl.post(path_of(case), body, version=2), 409, "nothing-changes")

    @pytest.mark.parametrize("validity", [{"valid_from": "2026-02-11"}, {"valid_to": "2026-03-01"}])
    async def test_a_provider_that_is_not_valid_every_day(
        self, lwl: Api, case: dict[str, Any], validity: dict[str, str]
    ) -> None:
        body = {**EV, "effective_on": "2026-02-10", "provider_id": (await lwl.provider(**validity))["id"]}
        problem = refused(await lwl.post(path_of(case), body, version=2), 409, "provider-not-valid")
        assert problem["breaks_at"] is None

    async def test_a_provider_of_the_other_traeger_or_of_nobody(
        self, lwl: Api, lvr: Api, case: dict[str, Any]
    ) -> None:
        foreign = await lvr.provider()
        for provider_id in (foreign["id"], UNKNOWN):
            body = {**EV, "effective_on": "2026-02-10", "provider_id": provider_id}
            problem = refused(await lwl.post(path_of(case), body, version=2), 422, "invalid-movement")
            assert [error["code"] for error in problem["errors"]] == ["unknown-provider"]

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"effective_on": "2027-03-04"}, "/effective_on"),
            ({"effective_on": "1969-12-31"}, "/effective_on"),
            ({"decided_on": "2026-03-03"}, "/decided_on"),
            ({"place": "INTERN"}, "/place"),
            ({"reason": "RENTE"}, "/reason"),
            ({"payer_mk": "05315"}, "/payer_mk"),
            ({"residence_mk": "00001"}, "/residence_mk"),
        ],
    )
    async def test_what_the_domain_sees_in_the_request_alone(
        self, lwl: Api, case: dict[str, Any], fields: dict[str, Any], pointer: str
    ) -> None:
        body = {"kind": "MERKMALSAENDERUNG", "effective_on": "2026-02-10", "kombi": True} | fields
        problem = refused(await lwl.post(path_of(case), body, version=2), 422, "invalid-movement")
        assert [error["pointer"] for error in problem["errors"]] == [pointer]

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"kind": "UNBEKANNT"}, "/kind"),
            ({"kind": None}, "/kind"),
            ({"effective_on": None}, "/effective_on"),
            ({"effective_on": "2026-02-30"}, "/effective_on"),
            ({"effective_on": "20260210"}, "/effective_on"),
            ({"effective_on": "2026-02-10T00:00:00"}, "/effective_on"),
            ({"effective_on": 1770000000}, "/effective_on"),
            ({"effective_on": "1770000000"}, "/effective_on"),
            ({"kombi": "yes"}, "/kombi"),
            ({"kombi": 1}, "/kombi"),
            ({"payer_mk": 5515}, "/payer_mk"),
            ({"provider_id": 1}, "/provider_id"),
            ({"provider_id": "x"}, "/provider_id"),
            ({"fact_id": UNKNOWN}, "/fact_id"),
            ({"external_ref": "1"}, "/external_ref"),
        ],
    )
    async def test_what_is_not_of_the_shape(
        self, lwl: Api, case: dict[str, Any], fields: dict[str, Any], pointer: str
    ) -> None:
        body = {"kind": "MERKMALSAENDERUNG", "effective_on": "2026-02-10", "kombi": True} | fields
        problem = refused(await lwl.post(path_of(case), body, version=2), 422, "invalid-request")
        assert [error["pointer"] for error in problem["errors"]] == [pointer]

    async def test_a_stale_version_before_what_the_timeline_says(self, lwl: Api, case: dict[str, Any]) -> None:
        legal = {"kind": "ABGANG", "effective_on": "2026-02-10", "reason": "VERZICHT"}
        illegal = {"kind": "FOERDERENDE", "effective_on": "2026-02-10"}
        invalid = legal | {"reason": None}
        for body in (legal, illegal):
            for version in (1, 3):
                refused(await lwl.post(path_of(case), body, version=version), 412, "stale-version")
        refused(await lwl.post(path_of(case), invalid, version=1), 422, "invalid-movement")
        refused(await lwl.post(path_of(case), illegal, version=2), 409, "movement-not-allowed")

    async def test_in_the_order_of_refusal(self, lwl: Api, lvr: Api, case: dict[str, Any]) -> None:
        """Each step mends the fault found before and leaves all later ones in."""
        client, path = lwl.client, path_of(case)
        broken, text = b'{"kind":', {"Content-Type": "text/plain"}
        good = json.dumps({"kind": "FOERDERENDE", "effective_on": "2026-02-10"}).encode()
        bearer, reader = lwl.headers(), Api(client, lwl.mint, lwl.clock, scope="cases:read").headers()
        as_json = {"Content-Type": "application/json"}

        async def send(headers: dict[str, str], content: bytes, to: str = path) -> Any:
            return await client.post(to, headers=headers, content=content)

        refused(await send(text, broken), 401, "token-missing")
        refused(await send(reader | text, broken), 403, "scope-missing")
        refused(await send(bearer | text, broken, f"/v1/cases/{UNKNOWN}/movements"), 404, "not-found")
        refused(await send(bearer | text, broken, "/v1/cases/x/movements"), 404, "not-found")
        refused(await send(lvr.headers() | text, broken), 404, "not-found")
        refused(await send(bearer | text, broken), 415, "unsupported-media-type")
        refused(await send(bearer | as_json, b" " * 1_048_577), 413, "body-too-large")
        refused(await send(bearer | as_json, broken), 400, "idempotency-key-missing")
        keyed = bearer | as_json | {"Idempotency-Key": "k"}
        refused(await send(keyed | {"Idempotency-Key": "k" * 256}, broken), 400, "idempotency-key-malformed")
        refused(await send(keyed, broken), 428, "if-match-missing")
        refused(await send(keyed | {"If-Match": "7"}, broken), 400, "if-match-malformed")
        conditional = keyed | {"If-Match": '"1"'}
        refused(await send(conditional, broken), 400, "malformed-json")
        refused(await send(conditional, b"{}"), 422, "invalid-request")
        refused(await send(conditional, good), 412, "stale-version")
        refused(await send(keyed | {"If-Match": '"2"'}, good), 409, "movement-not-allowed")

    async def test_more_than_400_facts(self, lwl: Api, case: dict[str, Any]) -> None:
        add = [
            {"add": {"kind": "MERKMALSAENDERUNG", "effective_on": "2026-02-02", "kombi": index % 2 == 0}}
            for index in range(400)
        ]
        path = f"/v1/cases/{case['id']}/corrections"
        refused(await lwl.post(path, {"reason": "viele", "changes": add}, version=2), 422, "too-many-facts")


class TestRepeat:
    async def test_the_same_request_is_done_once_and_answered_alike(self, lwl: Api, rows: Rows) -> None:
        case = await lwl.register()
        body = {"kind": "AUFNAHME_ZUVERDIENST", "effective_on": "2026-02-01"}
        first = await lwl.post(path_of(case), body, version=1, key="once")
        again = await lwl.post(path_of(case), body, version=1, key="once")
        assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
        assert (again.headers["etag"], again.headers["location"]) == ('"2"', first.headers["location"])
        assert again.headers["idempotency-replayed"] == "true"
        assert len(rows("SELECT 1 FROM command")) == 2

    async def test_the_same_key_with_another_request_is_refused(self, lwl: Api) -> None:
        case = await lwl.register()
        body = {"kind": "AUFNAHME_ZUVERDIENST", "effective_on": "2026-02-01"}
        created(await lwl.post(path_of(case), body, version=1, key="once"))
        other = body | {"effective_on": "2026-02-02"}
        refused(await lwl.post(path_of(case), other, version=2, key="once"), 422, "idempotency-key-reused")

    async def test_a_refused_request_frees_its_key(self, lwl: Api) -> None:
        case = await lwl.register()
        body = {"kind": "AUFNAHME_ZUVERDIENST", "effective_on": "2026-02-01"}
        refused(await lwl.post(path_of(case), body, version=2, key="once"), 412, "stale-version")
        created(await lwl.post(path_of(case), body, version=1, key="once"))

    async def test_twenty_at_once_are_one(self, lwl: Api, rows: Rows) -> None:
        case = await lwl.register()
        body = {"kind": "AUFNAHME_ZUVERDIENST", "effective_on": "2026-02-01"}
        answers = await asyncio.gather(*(lwl.post(path_of(case), body, version=1, key="once") for _ in range(20)))
        assert Counter(answer.status_code for answer in answers) == {201: 20}
        assert len({answer.content for answer in answers}) == 1
        assert len([a for a in answers if a.headers.get("idempotency-replayed") == "true"]) == 19
        assert len(rows("SELECT 1 FROM command WHERE version > 1")) == 1
        assert len(rows("SELECT 1 FROM outbox_in WHERE key_version > 1")) == 1

    async def test_twenty_registrations_at_once_are_one(self, lwl: Api, rows: Rows) -> None:
        body = {"external_ref": "a", "payer_mk": "05515", "residence_mk": "05515", "disability": "GEISTIG"}
        answers = await asyncio.gather(*(lwl.post("/v1/cases", body, key="once") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert len(rows("SELECT 1 FROM case_file")) == 1


class TestAtOnce:
    async def test_of_two_writers_one_is_told_to_read_again(self, lwl: Api, rows: Rows) -> None:
        case = await lwl.register()
        for round_ in range(1, 6):
            answers = await asyncio.gather(
                *(
                    lwl.post(
                        path_of(case),
                        {"kind": kind, "effective_on": f"2026-02-{round_:02}"} | fields,
                        version=2 * round_ - 1,
                    )
                    for kind, fields in (("AUFNAHME_ZUVERDIENST", {}), ("WERKSTATTALTERNATIVE", _DECIDED)) * 4
                )
            )
            assert Counter(answer.status_code for answer in answers) == {201: 1, 412: 7}
            await lwl.record(case["id"], 2 * round_, "ABGANG", f"2026-02-{round_:02}", reason="VERZICHT")
        assert [row["version"] for row in rows("SELECT version FROM command ORDER BY version")] == list(range(1, 12))

    async def test_a_guessed_etag_never_meets_an_older_state(self, lwl: Api, rows: Rows) -> None:
        """Writers that name versions which are just about to exist: each decides on exactly that version."""
        case = await lwl.register()
        bodies = [{"kind": "MERKMALSAENDERUNG", "effective_on": "2026-02-01", "kombi": n % 2 == 0} for n in range(12)]
        await lwl.record(case["id"], 1, "AUFNAHME_ZUVERDIENST", "2026-02-01")
        open_ = list(enumerate(bodies, start=2))
        while open_:
            answers = await asyncio.gather(
                *(lwl.post(path_of(case), body, version=version) for version, body in open_)
            )
            assert {answer.status_code for answer in answers} <= {201, 412}
            open_ = [entry for entry, answer in zip(open_, answers, strict=True) if answer.status_code == 412]
        timeline = await lwl.timeline(case["id"])
        assert [entry["to"]["kombi"] for entry in timeline["movements"][1:]] == [n % 2 == 0 for n in range(12)]
        assert timeline["version"] == 14


_DECIDED = {"decided_on": "2026-01-15"}
