"""The two applications that `bench_post` compares, as uvicorn factories. What they need comes in `BENCH_POST`."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Header, Response
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel
from sqlalchemy import text

from services.cases.main import create_app
from services.cases.settings import Settings
from shared.db.engine import create_engine
from shared.http.auth import TokenVerifier
from shared.http.jwks import FixedKeys
from shared.observability.clock import SystemClock
from shared.observability.identifiers import new_id

_BIND = text("SELECT set_config('app.tenant_id', :tenant, true), set_config('app.subject', :subject, true)")
_FIRST = text("INSERT INTO bare_fact (tenant, id, body) VALUES (:tenant, :id, :body)")
_SECOND = text("INSERT INTO bare_outbox (tenant, fact_id, body) VALUES (:tenant, :id, :body)")

BARE_TABLES = (
    "CREATE TABLE bare_fact (tenant text NOT NULL, id uuid PRIMARY KEY, body jsonb NOT NULL)",
    "CREATE TABLE bare_outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL,"
    " fact_id uuid NOT NULL, body text NOT NULL)",
    "GRANT INSERT ON bare_fact, bare_outbox TO cases_app",
)


class BareMovement(BaseModel):
    """What the bare endpoint takes and gives back."""

    kind: str
    effective_on: str
    provider_id: UUID | None = None
    place: str | None = None


def _told() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(os.environ["BENCH_POST"])
    return told


def _settings() -> Settings:
    return Settings.model_validate({name: value for name, value in _told().items() if name != "key"})


def _keys() -> FixedKeys:
    return FixedKeys(KeySet([ECKey.import_key(_told()["key"])]))


def cases_app() -> FastAPI:
    """The service as it is, but for the issuer: its key is given."""
    return create_app(_settings(), keys=_keys())


def bare_app() -> FastAPI:
    """FastAPI with the same pool, the same check of the token, set_config, and two INSERTs."""
    settings = _settings()
    engine = create_engine(settings.database_url.get_secret_value(), application_name="bare")
    verifier = TokenVerifier(issuer=settings.issuer, audience=settings.audience, keys=_keys(), clock=SystemClock())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/cases/{case_id}/movements", status_code=201)
    async def record(
        case_id: UUID, body: BareMovement, response: Response, authorization: Annotated[str, Header()]
    ) -> BareMovement:
        caller = await verifier.verify(authorization)
        async with engine.begin() as connection:
            await connection.execute(_BIND, {"tenant": caller.own_traeger.value, "subject": caller.subject})
            row = {"tenant": caller.own_traeger.value, "id": new_id(), "body": body.model_dump_json()}
            await connection.execute(_FIRST, row)
            await connection.execute(_SECOND, row)
        response.headers["ETag"] = '"1"'
        return body

    return app
