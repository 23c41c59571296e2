"""The document of the API: committed, complete, and with examples that can be sent as they stand."""

from typing import Any

import pytest
from fastapi import FastAPI

from services.metrics.domain import measures
from services.metrics.schemas import types
from shared.http.openapi import operations
from shared.kernel.clock import FixedClock
from tests.integration.metrics.api.conftest import INTERNAL, Reading, application
from tests.support.databases import TestDatabase
from tests.support.openapi import assert_committed
from tests.support.tokens import TokenMint


@pytest.fixture(scope="module")
def app(shared_database: TestDatabase, mint: TokenMint, clock: FixedClock) -> FastAPI:
    """The application."""
    return application(shared_database, mint, clock, {})


def test_the_committed_document_is_the_generated_one(app: FastAPI) -> None:
    assert_committed(app, "metrics")


def test_every_operation_says_what_it_does_who_may_and_what_can_go_wrong(app: FastAPI) -> None:
    for path, method, operation in operations(app.openapi()):
        place = f"{method} {path}"
        assert operation["summary"], place
        assert operation["tags"], place
        (needed,) = operation["security"]
        assert needed["bearer"], place
        assert {"401", "403", "422", "500", "503"} <= set(operation["responses"]), place
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), f"{place}: {parameter['name']}"


async def test_every_example_can_be_sent_as_it_stands(app: FastAPI, reading: Reading) -> None:
    # PUT first, so that what GET names is there
    for path, method, operation in sorted(operations(app.openapi()), key=lambda entry: entry[1] != "put"):
        query = {}
        for parameter in operation.get("parameters", []):
            examples = parameter["schema"].get("examples", [])
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", examples[0])
            elif parameter["in"] == "query" and examples:
                query[parameter["name"]] = examples[0]
        body = _example_body(app, operation)
        response = await reading.client.request(
            method, path, params=query, json=body, headers=reading.mint.bearer(INTERNAL)
        )
        assert response.is_success, f"{method} {path}: {response.text}"


def _example_body(app: FastAPI, operation: dict[str, Any]) -> Any:
    if "requestBody" not in operation:
        return None
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    return app.openapi()["components"]["schemas"][name]["example"]


@pytest.mark.parametrize(
    ("literal", "names"),
    [
        (types.Phase, measures.PHASES),
        (types.Place, measures.PLACES),
        (types.Instrument, measures.INSTRUMENTS),
        (types.Disability, measures.DISABILITIES),
        (types.Kind, measures.KINDS),
    ],
)
def test_what_can_be_asked_for_is_what_is_counted(literal: Any, names: tuple[str, ...]) -> None:
    assert literal.__args__ == names
