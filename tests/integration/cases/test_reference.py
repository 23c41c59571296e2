"""Reference data over HTTP."""

from itertools import chain

from services.cases.domain.cell import Phase
from services.cases.domain.rules import RULES
from tests.integration.cases.api import Api, refused


class TestMitgliedskoerperschaften:
    async def test_are_the_53(self, lwl: Api) -> None:
        response = await lwl.get("/v1/mitgliedskoerperschaften")
        items = response.json()["items"]
        assert [sum(item["traeger"] == traeger for item in items) for traeger in ("LVR", "LWL")] == [26, 27]
        assert {
            "ags": "05515",
            "name": "Münster",
            "traeger": "LWL",
            "kind": "kreisfreie Stadt",
            "short": "MS",
            "modellregion": "JA",
        } in items
        assert response.headers["cache-control"] == "private, max-age=3600"

    async def test_need_a_token_with_the_scope(self, lwl: Api) -> None:
        refused(await lwl.client.get("/v1/mitgliedskoerperschaften"), 401, "token-missing")
        other = Api(lwl.client, lwl.mint, lwl.clock, scope="metrics:read")
        refused(await other.get("/v1/mitgliedskoerperschaften"), 403, "scope-missing")


class TestAllowedMovements:
    async def test_are_the_rule_table(self, lwl: Api) -> None:
        items = (await lwl.get("/v1/allowed-movements")).json()["items"]
        assert len(items) == len(RULES)
        assert [(item["kind"], item["basis"]) for item in items] == [(rule.kind, rule.basis) for rule in RULES]

    async def test_are_found_by_the_phase_they_start_from(self, lwl: Api) -> None:
        found = {}
        for phase in ("NONE", *Phase):
            found[phase] = (await lwl.get("/v1/allowed-movements", phase=phase)).json()["items"]
            assert all(phase in item["from_phases"] for item in found[phase])
        assert sum(map(len, found.values())) == sum(len(rule.sources) for rule in RULES)
        assert {item["kind"] for item in found["EV"]} == {
            "EINTRITT_BBB",
            "ZUGANG_ARBEITSBEREICH",
            "ANBIETERWECHSEL",
            "MERKMALSAENDERUNG",
            "UEBERGANG",
            "ABGANG",
        }
        (from_ev,) = [item for item in found["EV"] if item["kind"] == "ZUGANG_ARBEITSBEREICH"]
        assert from_ev["selector"] == {"attribute": "reason", "values": ["VORBESCHAEFTIGUNG"]}
        assert from_ev["to_phase"] == "ARBEITSBEREICH"
        attributes = set(chain.from_iterable(item["required"] + item["optional"] for item in found["NONE"]))
        assert "provider_id" in attributes

    async def test_an_unknown_phase_is_refused(self, lwl: Api) -> None:
        refused(await lwl.get("/v1/allowed-movements", phase="RENTE"), 422, "invalid-request")
