"""The OpenAPI documents of all services: committed, unbroken, and complete enough to work from."""

import re
from typing import Any

import pytest
from fastapi import FastAPI

from shared.http.auth import SCOPES
from shared.http.openapi import operations
from shared.http.problems import PROBLEM_MEDIA_TYPE
from tests.support.openapi import SERVICES, application_of, assert_committed, assert_unbroken

PATH = re.compile(r"/v1(/[a-z0-9-]+|/\{[a-z0-9_]+\})+")
NAME = re.compile(r"[a-z][a-z0-9_]*")

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module", params=SERVICES)
def app(request: pytest.FixtureRequest) -> FastAPI:
    """Each application, reaching nothing."""
    return application_of(str(request.param))


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    """What it says of itself."""
    return app.openapi()


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_is_the_committed_one(service: str) -> None:
    assert_committed(application_of(service), service)


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_breaks_the_clients_of_the_last_release(service: str) -> None:
    assert_unbroken(application_of(service), service)


def test_the_frame_is_complete(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {"title", "version", "description", "license", "x-audience"} <= document["info"].keys()
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", document["info"]["version"])
    assert "HTTPValidationError" not in str(document)


def test_every_operation_says_what_it_is_and_who_may_call_it(document: dict[str, Any]) -> None:
    seen = []
    for path, method, operation in operations(document):
        assert PATH.fullmatch(path), path
        assert operation["summary"], (method, path)
        assert operation["tags"], (method, path)
        (requirement,) = operation["security"]
        assert requirement["bearer"], (method, path)
        assert set(requirement["bearer"]) <= set(SCOPES), (method, path)
        seen.append(operation["operationId"])
    assert len(seen) == len(set(seen))


def test_every_operation_documents_its_refusals(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        statuses = set(operation["responses"])
        assert {"401", "403", "422", "500", "503"} <= statuses, (method, path)
        assert any(status.startswith("2") for status in statuses), (method, path)
        if "{" in path:
            assert "404" in statuses, (method, path)
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= statuses, (method, path)
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == [PROBLEM_MEDIA_TYPE], (method, path, status)


def test_names_are_in_snake_case(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "header":
                assert NAME.fullmatch(parameter["name"]), (method, path, parameter["name"])
    for schema_name, schema in document["components"]["schemas"].items():
        for name in schema.get("properties", {}):
            assert NAME.fullmatch(name), (schema_name, name)


def test_what_must_be_sent_comes_with_an_example(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter.get("required"):
                shown = parameter.get("example") or parameter.get("examples") or parameter["schema"].get("examples")
                assert shown, (method, path, parameter["name"])
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            schema = content.get("schema", {})
            if "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            shown = [content.get("example"), content.get("examples"), schema.get("example"), schema.get("examples")]
            assert any(shown), (method, path, media)
