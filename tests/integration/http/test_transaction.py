"""One request is one transaction: committed before the answer starts, undone when it is refused."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from tests.integration.http.conftest import KitDatabase, serving
from tests.support.tokens import TokenMint


async def call(app: FastAPI, headers: dict[str, str], body: bytes, on_start: Any) -> list[int]:
    """Speak ASGI to the application, so that the moment of `http.response.start` can be observed."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
            on_start()

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/v1/things",
        "raw_path": b"/v1/things", "query_string": b"", "root_path": "", "scheme": "http", "server": ("kit.test", 80),
        "client": ("127.0.0.1", 1), "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip
    await app(scope, receive, send)
    return statuses


async def test_the_commit_comes_before_the_answer_starts(
    app: FastAPI, database: KitDatabase, clerk: dict[str, str]
) -> None:
    seen: list[int] = []
    headers = {**clerk, "Idempotency-Key": "k", "Content-Type": "application/json"}
    async with serving(app):
        statuses = await call(app, headers, b'{"name": "a"}', lambda: seen.append(database.things()))
    assert statuses == [201]
    assert seen == [1], "another connection sees the row at the moment the answer starts"


async def test_a_commit_that_fails_is_no_success(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    answer = await client.post(
        "/v1/things", json={"name": "a", "then": "fail-at-commit"}, headers={**clerk, "Idempotency-Key": "k"}
    )
    assert answer.status_code == 500
    assert answer.json()["type"].endswith("/internal-error")
    assert "secret" not in answer.text
    assert database.things() == 0


async def test_an_answer_that_does_not_fit_its_model_undoes_the_work(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    answer = await client.post(
        "/v1/things", json={"name": "a", "then": "bad-answer"}, headers={**clerk, "Idempotency-Key": "k"}
    )
    assert answer.status_code == 500
    assert database.things() == 0


async def test_a_lost_connection_is_said_to_be_passing(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    running = asyncio.create_task(
        client.post("/v1/things", json={"name": "a", "then": "wait"}, headers={**clerk, "Idempotency-Key": "k"})
    )
    deadline = asyncio.get_running_loop().time() + 10
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'kit' AND state = 'idle in transaction' AND query LIKE '%%INSERT INTO thing%%'"
    )
    while not database.rows(kill):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    answer = await running
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert database.things() == 0
    again = await client.post(
        "/v1/things", json={"name": "a", "then": "wait"}, headers={**clerk, "Idempotency-Key": "k"}
    )
    assert again.status_code == 201


async def test_a_statement_that_takes_too_long_is_said_to_be_passing(
    client: httpx.AsyncClient, clerk: dict[str, str]
) -> None:
    answer = await client.get("/v1/slow", headers=clerk)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"].endswith("/unavailable")


async def test_a_faulty_statement_is_ours_and_tells_nothing(client: httpx.AsyncClient, clerk: dict[str, str]) -> None:
    answer = await client.get("/v1/broken-sql", headers=clerk)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "SELECT" not in answer.text


async def test_nobody_sees_the_rows_of_the_other_traeger(
    client: httpx.AsyncClient, database: KitDatabase, mint: TokenMint, clerk: dict[str, str]
) -> None:
    made = await client.post("/v1/things", json={"name": "a"}, headers={**clerk, "Idempotency-Key": "k"})
    other = mint.bearer("cases:read cases:write", tenant="LVR")
    assert (await client.get(made.headers["location"], headers=clerk)).status_code == 200
    assert (await client.get(made.headers["location"], headers=other)).status_code == 404
    assert (await client.get("/v1/things", headers=other)).json()["items"] == []


async def test_a_connection_is_given_back_clean(
    client: httpx.AsyncClient, app: FastAPI, database: KitDatabase, clerk: dict[str, str]
) -> None:
    for number, then in enumerate(["work", "refuse", "crash", "fail-at-commit", "bad-answer"] * 8):
        await client.post(
            "/v1/things", json={"name": "a", "then": then}, headers={**clerk, "Idempotency-Key": str(number)}
        )
    assert app.state.kit.engine.pool.checkedout() == 0
    states = database.rows("SELECT DISTINCT state FROM pg_stat_activity WHERE application_name = 'kit'")
    assert states == [("idle",)]
    assert database.things() == 8


async def test_an_upload_that_breaks_off_leaves_nothing(
    app: FastAPI, database: KitDatabase, clerk: dict[str, str]
) -> None:
    """`http.disconnect` in the middle of a streamed body undoes what has been stored of it."""
    parts: list[Message] = [
        {"type": "http.request", "body": b"one\n", "more_body": True},
        {"type": "http.request", "body": b"two\n", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {**clerk, "Idempotency-Key": "k", "Content-Type": "application/x-ndjson"}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/v1/uploads",
        "raw_path": b"/v1/uploads", "query_string": b"", "root_path": "", "scheme": "http",
        "server": ("kit.test", 80), "client": ("127.0.0.1", 1),
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip
    async with serving(app):
        await app(scope, receive, send)
    assert sent == []
    assert database.things() == 0


@pytest.mark.parametrize("declared", [True, False])
async def test_an_upload_beyond_its_limit_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str], declared: bool
) -> None:
    async def chunks() -> Any:
        for _ in range(3):
            yield b"x" * 1_000_000

    content: Any = b"x" * 3_000_000 if declared else chunks()
    headers = {**clerk, "Idempotency-Key": "k", "Content-Type": "application/x-ndjson"}
    answer = await client.post("/v1/uploads", content=content, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["limit_bytes"] == 2_000_000
    assert database.things() == 0


async def test_a_chunked_json_body_is_bounded_too(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    async def chunks() -> Any:
        yield b'{"name": "a"'
        for _ in range(2):
            yield b" " * 600_000
        yield b"}"

    headers = {**clerk, "Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = await client.post("/v1/things", content=chunks(), headers=headers)
    assert answer.status_code == 413
    assert database.things() == 0
