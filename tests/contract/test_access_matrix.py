"""Every operation of every service: without a token, with a wrong one, without a scope, on the other Träger's object.

The operations come from the OpenAPI document of the running application, so a new one is swept without a line here,
except that an id in its path needs an object of the LVR to point at.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jwk import KeySet

import services.budgets.main
import services.budgets.settings
import services.cases.main
import services.cases.settings
import services.metrics.main
import services.metrics.settings
from services.budgets.consumers import GrantHandler
from shared.db.engine import create_engine
from shared.http.auth import SCOPES
from shared.http.jwks import FixedKeys
from shared.http.openapi import operations
from shared.kernel.clock import FixedClock
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.integration.budgets.events import delivered
from tests.support.databases import Cluster, TestDatabase
from tests.support.operations import witness
from tests.support.tokens import NOW, TokenMint
from tests.unit.budgets import stories

ALL_SCOPES = " ".join(SCOPES)
LVR_PART = "0"
LVR_AGS = "05315"


@dataclass(frozen=True, slots=True)
class Running:
    """An application, who mints its tokens, and objects of the LVR by path parameter."""

    app: FastAPI
    client: httpx.AsyncClient
    mint: TokenMint
    lvr: Mapping[str, str]

    async def call(self, method: str, path: str, headers: Mapping[str, str]) -> httpx.Response:
        """A request that is complete but for what is tested: body, key and version are there."""
        for name, value in self.lvr.items():
            path = path.replace(f"{{{name}}}", value)
        conditions = {"Idempotency-Key": "matrix", "If-Match": '"1"', "Content-Type": "application/json"}
        return await self.client.request(method, path, headers={**conditions, **headers}, content=b"{}")


@asynccontextmanager
async def running(service: str, app: FastAPI, mint: TokenMint, database: TestDatabase) -> AsyncIterator[Running]:
    """The application inside its lifespan, with the objects of the LVR in it."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"http://{service}.test") as client,
    ):
        lvr = mint.bearer(ALL_SCOPES, tenant="LVR")
        yield Running(app, client, mint, await OBJECTS[service](client, lvr, database))
    witness(service, app)


async def objects_of_cases(client: httpx.AsyncClient, lvr: dict[str, str], _: TestDatabase) -> dict[str, str]:
    """A provider, a case with a fact, an import."""
    provider = await _created(
        client, lvr, "/v1/providers", name="W", kind="WFBM", mitgliedskoerperschaft=LVR_AGS, external_ref="w",
        valid_from="2000-01-01", valid_to=None,
    )  # fmt: skip
    case = await _created(
        client, lvr, "/v1/cases", external_ref="c", payer_mk=LVR_AGS, residence_mk=LVR_AGS, disability="GEISTIG",
        kombi=False,
    )  # fmt: skip
    fact = await _created(
        client, {**lvr, "If-Match": '"1"'}, f"/v1/cases/{case['id']}/movements", kind="ZUGANG_EV",
        effective_on="2020-01-01", provider_id=provider["id"],
    )  # fmt: skip
    headers = {**lvr, "Idempotency-Key": "import", "Content-Type": "application/x-ndjson"}
    loaded = await client.post("/v1/imports", headers=headers, content=b"{}\n")
    assert loaded.status_code == 202, loaded.text
    return {
        "provider_id": provider["id"],
        "case_id": case["id"],
        "fact_id": fact["fact_id"],
        "import_id": loaded.json()["id"],
        "part": LVR_PART,
    }


async def objects_of_budgets(
    client: httpx.AsyncClient, lvr: dict[str, str], database: TestDatabase
) -> dict[str, str]:
    """A grant that an event has opened."""
    worker = create_engine(database.worker_url, application_name="matrix")
    opening = stories.command(1, (1, stories.uebergang(stories.MARCH)), traeger=Traeger.LVR)
    async with worker.begin() as connection:
        handler = GrantHandler(clock=FixedClock(NOW), new_id=new_id)
        await handler.apply(connection, [delivered(opening)])
    await worker.dispose()
    (grant,) = (await client.get("/v1/grants", headers=lvr)).json()["items"]
    return {"grant_id": grant["id"], "part": LVR_PART}


async def objects_of_metrics(client: httpx.AsyncClient, lvr: dict[str, str], _: TestDatabase) -> dict[str, str]:
    """A comparison group. Key figures are not objects of a Träger."""
    body = {"title": "Gruppe", "members": []}
    made = await client.put("/v1/comparison-groups/lvr-gruppe", headers=lvr, json=body)
    assert made.status_code == 201, made.text
    return {"group_id": "lvr-gruppe", "kpi_id": "anzahl_uebergang"}


async def _created(client: httpx.AsyncClient, headers: dict[str, str], path: str, **body: Any) -> Any:
    response = await client.post(path, headers={"Idempotency-Key": path, **headers}, json=body)
    assert response.status_code == 201, response.text
    return response.json()


def cases_app(database: TestDatabase, mint: TokenMint) -> FastAPI:
    """The application of `cases` over a database."""
    settings = services.cases.settings.Settings.model_validate(_common(database, mint))
    return services.cases.main.create_app(settings, clock=FixedClock(NOW), keys=FixedKeys(KeySet([mint.key])))


def budgets_app(database: TestDatabase, mint: TokenMint) -> FastAPI:
    """The application of `budgets` over a database."""
    settings = services.budgets.settings.Settings.model_validate(
        _common(database, mint) | {"cases_url": "https://cases.test"}
    )
    return services.budgets.main.create_app(settings, clock=FixedClock(NOW), keys=FixedKeys(KeySet([mint.key])))


def metrics_app(database: TestDatabase, mint: TokenMint) -> FastAPI:
    """The application of `metrics` over a database, without producers."""
    producers = {"cases_url": "https://cases.test", "budgets_url": "https://budgets.test"}
    settings = services.metrics.settings.Settings.model_validate(_common(database, mint) | producers)
    keys = FixedKeys(KeySet([mint.key]))
    return services.metrics.main.create_app(settings, clock=FixedClock(NOW), keys=keys, producers={})


def _common(database: TestDatabase, mint: TokenMint) -> dict[str, Any]:
    return {
        "database_url": database.app_url,
        "worker_database_url": database.worker_url,
        "issuer": mint.issuer,
        "jwks_url": "https://issuer.test/jwks",
        "token_url": "https://issuer.test/token",
        "client_id": "matrix",
        "client_secret": "matrix",
    }


APPLICATIONS = {"cases": cases_app, "budgets": budgets_app, "metrics": metrics_app}
OBJECTS = {"cases": objects_of_cases, "budgets": objects_of_budgets, "metrics": objects_of_metrics}
ALSO_ADMITS = {"/v1/freshness": {"metrics:internal"}}
NOT_OF_A_TRAEGER = {"kpi_id"}
CREATES_BY_PUT = {("put", "/v1/comparison-groups/{group_id}")}


@pytest.fixture
async def service(request: pytest.FixtureRequest, cluster: Cluster) -> AsyncIterator[Running]:
    """The service named by the parameter, over a fresh database."""
    name: str = request.param
    database = cluster.create(name)
    mint = TokenMint(audience=f"urn:teilhabe:{name}")
    async with running(name, APPLICATIONS[name](database, mint), mint, database) as service:
        yield service
    cluster.drop(database)


every_service = pytest.mark.parametrize("service", list(OBJECTS), indirect=True)


@every_service
async def test_every_operation_needs_a_token_for_this_service_that_has_not_expired(service: Running) -> None:
    expired = int(NOW.timestamp()) - 3600
    wrong: dict[str, dict[str, str]] = {
        "none": {},
        "not a token": {"Authorization": "Bearer abc"},
        "another audience": service.mint.bearer(ALL_SCOPES, aud="urn:teilhabe:elsewhere"),
        "expired": service.mint.bearer(ALL_SCOPES, exp=expired),
        "another issuer": service.mint.bearer(ALL_SCOPES, iss="https://elsewhere.test"),
        "a stranger's signature": TokenMint(audience=service.mint.audience).bearer(ALL_SCOPES),
        "no tenant": service.mint.bearer(ALL_SCOPES, tenant=None),
    }
    for path, method, _ in operations(service.app.openapi()):
        for name, headers in wrong.items():
            response = await service.call(method, path, headers)
            assert response.status_code == 401, f"{method} {path} with {name}: {response.status_code}"
            assert response.headers["www-authenticate"].startswith("Bearer")


@every_service
async def test_every_operation_needs_each_of_its_scopes(service: Running) -> None:
    for path, method, operation in operations(service.app.openapi()):
        (needed,) = (scopes for item in operation["security"] for scopes in item.values())
        assert needed, f"{method} {path} names no scope"
        for scope in needed:
            rest = " ".join(set(SCOPES) - {scope} - ALSO_ADMITS.get(path, set()))
            response = await service.call(method, path, service.mint.bearer(rest, tenant="LVR"))
            assert response.status_code == 403, f"{method} {path} without {scope}: {response.status_code}"
            assert response.json()["type"].rsplit("/", 1)[1] in {"scope-missing", "internal-figures"}


@every_service
async def test_a_token_for_all_traeger_reads_feeds_only(service: Running) -> None:
    for path, method, _ in operations(service.app.openapi()):
        response = await service.call(method, path, service.mint.bearer(ALL_SCOPES, tenant="*"))
        expected = 200 if path.startswith("/v1/feed") else 403
        assert response.status_code == expected, f"{method} {path}: {response.status_code}"


@every_service
async def test_objects_of_the_other_traeger_do_not_exist(service: Running) -> None:
    seen = 0
    for path, method, operation in operations(service.app.openapi()):
        ids = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"} - NOT_OF_A_TRAEGER
        if not ids or (method, path) in CREATES_BY_PUT:
            continue
        response = await service.call(method, path, service.mint.bearer(ALL_SCOPES, tenant="LWL"))
        assert response.status_code == 404, f"{method} {path}: {response.status_code} {response.text}"
        own = await service.call(method, path, service.mint.bearer(ALL_SCOPES, tenant="LVR"))
        assert own.status_code != 404, f"{method} {path} does not exist for its own Träger either"
        seen += 1
    assert seen, "no operation names an object: the sweep swept nothing"
