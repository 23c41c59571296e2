"""Problems say what is allowed and never what was sent."""

import json
from typing import Any
from uuid import UUID

import psycopg
import pytest
from fastapi import Request
from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.http.bodies import RequestModel
from shared.http.faults import pointer_of, refusal_of
from shared.http.problems import STATUS, is_passing, problem_response, response_for
from shared.kernel.errors import Category, DomainError, FieldError

MARKER = "Erika Mustermann"


def request() -> Request:
    return Request({"type": "http", "teilhabe.request_id": "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"})


def test_every_category_has_a_status_of_its_own() -> None:
    assert set(STATUS) == set(Category)
    assert len(set(STATUS.values())) == len(Category)


@pytest.mark.parametrize("category", Category)
def test_a_typed_refusal_becomes_a_problem(category: Category) -> None:
    error_type = type("AnError", (DomainError,), {"category": category, "code": "a-code", "title": "A title"})
    error = error_type("A detail.", errors=[FieldError("/a", "b", "c")], extensions={"allowed": ["X"]})
    answer = response_for(request(), error)
    assert answer.status_code == STATUS[category]
    assert answer.media_type == "application/problem+json"
    assert json.loads(bytes(answer.body)) == {
        "type": "https://teilhabe.nrw.de/problems/a-code",
        "title": "A title",
        "status": STATUS[category],
        "detail": "A detail.",
        "instance": "urn:uuid:019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10",
        "errors": [{"pointer": "/a", "code": "b", "message": "c"}],
        "allowed": ["X"],
    }
    assert ("retry-after" in answer.headers) == (category is Category.UNAVAILABLE)
    assert ("www-authenticate" in answer.headers) == (category is Category.UNAUTHENTICATED)


def test_values_of_other_types_are_written_as_text() -> None:
    answer = problem_response(
        request(), status=409, code="c", title="t", detail="d", extensions={"breaks_at": UUID(int=7)}
    )
    assert json.loads(bytes(answer.body))["breaks_at"] == str(UUID(int=7))


class Inner(RequestModel):
    count: int = Field(ge=1, le=5)
    code: str = Field(pattern="^[A-Z]{3}$", max_length=3)
    id: UUID


class Outer(RequestModel):
    inner: list[Inner] = Field(max_length=2)
    flag: bool


FAULTY: list[Any] = [
    {"inner": [{"count": 9, "code": MARKER, "id": MARKER}], "flag": MARKER, "more": MARKER},
    {"inner": MARKER, "flag": 1},
    {"inner": [MARKER, {}, {}], "flag": None},
    [MARKER],
    MARKER,
]


@pytest.mark.parametrize("value", FAULTY, ids=lambda value: json.dumps(value)[:30])
def test_no_fault_repeats_what_was_sent(value: Any) -> None:
    with pytest.raises(ValidationError) as fault:
        TypeAdapter(Outer).validate_json(json.dumps(value))
    errors = [{**error, "loc": ("body", *error["loc"])} for error in fault.value.errors()]
    refusal = refusal_of(errors)
    answer = response_for(request(), refusal)
    assert answer.status_code == 422
    assert MARKER not in bytes(answer.body).decode()
    assert all(error.message and error.code for error in refusal.errors)


def test_a_fault_of_a_kind_nobody_thought_of_gets_a_neutral_sentence() -> None:
    fault = {"type": "never_seen", "loc": ("body", "a"), "msg": f"bad: {MARKER}", "input": MARKER}
    (error,) = refusal_of([fault]).errors
    assert error == FieldError("/a", "never_seen", "This value is not allowed here.")


def test_a_pointer_names_the_place_in_the_body() -> None:
    assert pointer_of(("body",)) == ""
    assert pointer_of(("body", "changes", 0, "add", "a/b~c")) == "/changes/0/add/a~1b~0c"
    assert pointer_of(("query", "limit")) == "/query/limit"
    assert len(pointer_of(("body", "x" * 1000))) == 200
    assert pointer_of(("body", "\ud800")) == "/?"


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (PoolTimeoutError("x"), True),
        (psycopg.OperationalError("no connection"), True),
        (psycopg.InterfaceError("closed"), True),
        (psycopg.errors.QueryCanceled("x"), True),
        (psycopg.errors.LockNotAvailable("x"), True),
        (psycopg.errors.AdminShutdown("x"), True),
        (psycopg.errors.CannotConnectNow("x"), True),
        (psycopg.errors.DeadlockDetected("x"), True),
        (psycopg.errors.TooManyConnections("x"), True),
        (psycopg.errors.UniqueViolation("x"), False),
        (psycopg.errors.UndefinedTable("x"), False),
        (psycopg.errors.InsufficientPrivilege("x"), False),
        (psycopg.DataError("x"), False),
        (StatementError("x", None, None, ValueError("x")), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_failures_of_connection_and_time_are_passing(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing
    if isinstance(error, psycopg.Error):
        assert is_passing(DBAPIError("SELECT 1", None, error)) is passing
