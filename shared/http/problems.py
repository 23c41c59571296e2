"""Problems: what a refused request gets (RFC 9457), made in one place from typed errors.

`type` is an absolute URI whose last segment is the code of the error, `instance` names the request. A problem
never carries exception texts, SQL or what the caller sent: `detail` and `message` are sentences of ours.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from psycopg import Error as DriverError
from psycopg import InterfaceError, OperationalError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shared.http.faults import refusal_of
from shared.kernel.errors import Category, DomainError, FieldError

PROBLEM_BASE = "https://teilhabe.nrw.de/problems/"
PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

STATUS: Mapping[Category, int] = {
    Category.MALFORMED: 400,
    Category.UNAUTHENTICATED: 401,
    Category.FORBIDDEN: 403,
    Category.NOT_FOUND: 404,
    Category.CONFLICT: 409,
    Category.GONE: 410,
    Category.STALE: 412,
    Category.TOO_LARGE: 413,
    Category.UNSUPPORTED: 415,
    Category.INVALID: 422,
    Category.PRECONDITION_REQUIRED: 428,
    Category.UNAVAILABLE: 503,
}
"""The one mapping from kinds of refusal to HTTP."""

_ROUTING: Mapping[int, tuple[str, str, str]] = {
    404: ("unknown-route", "There is no such address", "No operation answers at this path."),
    405: ("method-not-allowed", "The method is not offered here", "The header Allow lists the methods of this path."),
}

_PASSING_STATES = frozenset({"57014", "55P03", "40001", "40P01", "25P03", "25P04", "53300", "53400", "57P05"})
"""SQLSTATEs after which the same request may succeed: timeouts, deadlocks, too many connections."""


class TooSlowError(DomainError):
    """The answer took longer than a request may take."""

    category = Category.UNAVAILABLE
    code = "unavailable"
    title = "The service cannot answer at the moment"


def problem_response(
    request: Request,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    extensions: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer for one refusal."""
    body = {
        "type": PROBLEM_BASE + code,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{request.scope.get('teilhabe.request_id', '00000000-0000-0000-0000-000000000000')}",
        "errors": [{"pointer": e.pointer, "code": e.code, "message": e.message} for e in errors],
        **(extensions or {}),
    }
    content = json.dumps(body, ensure_ascii=False, default=str).encode()
    return Response(content, status, dict(headers or {}), PROBLEM_MEDIA_TYPE)


def response_for(request: Request, error: DomainError) -> Response:
    """The answer for a typed refusal; the category alone decides the status."""
    headers: dict[str, str] = {}
    if error.category is Category.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = _challenge(error)
    elif error.category is Category.UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return problem_response(
        request,
        status=STATUS[error.category],
        code=error.code,
        title=error.title,
        detail=error.detail,
        errors=error.errors,
        extensions=error.extensions,
        headers=headers,
    )


def internal_error(request: Request) -> Response:
    """The answer when we are at fault: it says nothing but the number of the request."""
    return problem_response(
        request,
        status=500,
        code="internal-error",
        title="The service failed",
        detail="The failure is logged under the number in instance.",
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Every refusal of an application becomes a problem. What is left over is caught by the request context."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(SQLAlchemyError, _on_database_error)
    app.add_exception_handler(DriverError, _on_database_error)


async def _on_domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return response_for(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response_for(request, refusal_of(error.errors()))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    fallback = ("http-error", HTTPStatus(error.status_code).phrase, "The request cannot be served.")
    code, title, detail = _ROUTING.get(error.status_code, fallback)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods_at(request)) or headers.get("Allow", "")
    return problem_response(request, status=error.status_code, code=code, title=title, detail=detail, headers=headers)


def _methods_at(request: Request) -> list[str]:
    """The methods of all routes of this path; the router itself knows only those of the first."""
    routes: list[APIRoute] = request.app.state.routes
    return sorted({m for r in routes if r.path_regex.match(request.url.path) for m in r.methods or ()})


async def _on_database_error(request: Request, error: Exception) -> Response:
    if not is_passing(error):
        raise error
    return response_for(request, TooSlowError("The database does not answer in time; try the same request again."))


def is_passing(error: BaseException) -> bool:
    """Whether a failure of the database is one of connection or time, not of the statement."""
    if isinstance(error, PoolTimeoutError):
        return True
    fault = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(fault, "sqlstate", None)
    if state is None:
        return isinstance(fault, OperationalError | InterfaceError)
    return state in _PASSING_STATES or state[:2] in ("08", "57")


def _challenge(error: DomainError) -> str:
    if error.code == "token-missing":
        return 'Bearer realm="teilhabe"'
    return 'Bearer realm="teilhabe", error="invalid_token"'


_DESCRIPTIONS: Mapping[int, str] = {
    400: "Unreadable: broken JSON, a header or a cursor",
    401: "No valid token",
    403: "The token does not allow this",
    404: "No such object, or one of another Träger",
    405: "The method is not offered here",
    409: "The present state does not allow this",
    410: "No longer kept",
    412: "The object has changed since it was read",
    413: "The body is too large",
    415: "The media type is not taken here",
    422: "Readable, but not valid",
    428: "If-Match is required",
    500: "The service failed",
    503: "Not answerable at the moment; see Retry-After",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: documents refusals. Those that follow from guards and parameters are added by themselves.

    `@router.post("/cases", responses=problems(409))`
    """
    return {status: _documented(status) for status in statuses}


def _documented(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": _DESCRIPTIONS[status],
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer challenge"}}
    if status == 503:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}}
    return response


PROBLEM_SCHEMA: Mapping[str, Any] = {
    "title": "Problem",
    "description": "A refusal (RFC 9457). Some kinds carry further members, such as `allowed` or `breaks_at`.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri", "maxLength": 200, "description": "Ends with the code"},
        "title": {"type": "string", "maxLength": 200},
        "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "maxLength": 2000},
        "instance": {"type": "string", "format": "uri", "maxLength": 60, "description": "urn:uuid of the request"},
        "errors": {
            "type": "array",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {"type": "string", "maxLength": 200, "description": "JSON pointer of the place"},
                    "code": {"type": "string", "maxLength": 100},
                    "message": {"type": "string", "maxLength": 1000, "description": "Says what is allowed"},
                },
            },
        },
    },
    "additionalProperties": True,
    "example": {
        "type": PROBLEM_BASE + "not-found",
        "title": "There is no such object",
        "status": 404,
        "detail": "Nothing has this id.",
        "instance": "urn:uuid:019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10",
        "errors": [],
    },
}
