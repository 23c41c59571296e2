"""The document of a service: what FastAPI finds in the signatures, completed and put into one form."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.http.auth import SCOPES
from shared.http.bodies import JSON, MERGE_PATCH
from shared.http.problems import PROBLEM_MEDIA_TYPE, PROBLEM_SCHEMA

_METHODS = ("get", "put", "post", "delete", "patch")
_FASTAPI_SCHEMAS = ("HTTPValidationError", "ValidationError")
_REPLAYED = {
    "Idempotency-Replayed": {
        "description": "true: the answer of the first such request",
        "schema": {"type": "string"},
    }
}


def install_document(app: FastAPI) -> None:
    """Let `app.openapi()` give the completed document; it is made once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                    tags=app.openapi_tags,
                    license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
                )
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # the way FastAPI offers to extend the document


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Problems in place of FastAPI's errors, the audience, merge patches, and examples where responses repeat."""
    document["info"]["x-audience"] = "company-internal"
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPI_SCHEMAS:
        schemas.pop(name, None)
    schemas["Problem"] = dict(PROBLEM_SCHEMA)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    bearer = document["components"].get("securitySchemes", {}).get("bearer")
    if bearer is not None:
        bearer["x-scopes"] = dict(SCOPES)
    for _, method, operation in operations(document):
        _complete(method, operation)
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation, in the order of the document."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _complete(method: str, operation: dict[str, Any]) -> None:
    content = operation.get("requestBody", {}).get("content", {})
    if method == "patch" and JSON in content:
        content[MERGE_PATCH] = content[JSON]
    responses = operation["responses"]
    for response in responses.values():
        body = response.get("content", {})
        if PROBLEM_MEDIA_TYPE in body:
            body.pop(JSON, None)  # FastAPI adds one for the class of the route
    if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
        for status, response in responses.items():
            if status.startswith("2"):
                response.setdefault("headers", {}).update(_REPLAYED)
    operation["responses"] = dict(sorted(responses.items()))
