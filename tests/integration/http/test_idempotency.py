"""The same request is done once and answered alike, however often and however closely together it comes."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from shared.db.engine import create_engine
from shared.db.idempotency import bind_and_look_up, purge_expired
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.http.conftest import KitDatabase
from tests.support.tokens import NOW, TokenMint


def keyed(headers: dict[str, str], key: str = "k1", **more: str) -> dict[str, str]:
    return {**headers, "Idempotency-Key": key, **more}


def stored_part(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    passing = {"x-request-id", "idempotency-replayed"}
    return answer.status_code, {k: v for k, v in answer.headers.items() if k not in passing}, answer.content


async def test_a_repeated_request_gets_the_same_answer_and_does_nothing(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    first = await client.post("/v1/things", json={"name": "a"}, headers=keyed(clerk))
    again = await client.post("/v1/things", json={"name": "a"}, headers=keyed(clerk))
    quoted = await client.post("/v1/things", json={"name": "a"}, headers=keyed(clerk, '"k1"'))
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == quoted.headers["idempotency-replayed"] == "true"
    assert stored_part(first) == stored_part(again) == stored_part(quoted)
    assert first.headers["etag"] == '"1"'
    assert first.headers["location"] == f"/v1/things/{first.json()['id']}"
    assert database.things() == 1
    (place,) = database.rows("SELECT command_key, command_version FROM idempotency_key")
    assert (str(place[0]), place[1]) == (first.json()["id"], 1)


async def test_a_repetition_with_the_old_etag_is_replayed(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    made = await client.post("/v1/things", json={"name": "a"}, headers=keyed(clerk))
    acts = f"{made.headers['location']}/acts"
    first = await client.post(acts, json={"name": "b"}, headers=keyed(clerk, "k2", **{"If-Match": '"1"'}))
    old = await client.post(acts, json={"name": "b"}, headers=keyed(clerk, "k2", **{"If-Match": '"1"'}))
    new = await client.post(acts, json={"name": "b"}, headers=keyed(clerk, "k2", **{"If-Match": '"2"'}))
    assert first.headers["etag"] == '"2"'
    assert stored_part(first) == stored_part(old) == stored_part(new)
    assert database.rows("SELECT version FROM thing") == [(2,)]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/things", b'{"name":"b"}'),
        ("POST", "/v1/things", b'{"name": "a"}'),
        ("POST", "/v1/uploads", b"a"),
    ],
)
async def test_another_request_with_the_same_key_is_refused(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str], method: str, path: str, body: bytes
) -> None:
    headers = keyed(clerk, **{"Content-Type": "application/json" if "things" in path else "application/x-ndjson"})
    assert (await client.post("/v1/things", content=b'{"name":"a"}', headers=headers)).status_code in (201, 415)
    if path == "/v1/uploads":
        await client.post("/v1/things", json={"name": "a"}, headers=keyed(clerk))
    other = await client.request(method, path, content=body, headers=headers)
    assert other.status_code == 422
    assert other.json()["type"].endswith("/idempotency-key-reused")
    assert database.things() == 1


async def test_a_key_belongs_to_one_traeger_and_one_client(
    client: httpx.AsyncClient, database: KitDatabase, mint: TokenMint
) -> None:
    callers: list[dict[str, Any]] = [
        {"tenant": "LWL", "client": "one"},
        {"tenant": "LVR", "client": "one"},
        {"tenant": "LWL", "client": "two"},
    ]
    for caller in callers:
        answer = await client.post(
            "/v1/things", json={"name": "a"}, headers=keyed(mint.bearer("cases:write", **caller))
        )
        assert answer.status_code == 201
        assert "idempotency-replayed" not in answer.headers
    assert database.things() == len(callers)


@pytest.mark.parametrize("then", ["refuse", "crash", "fail-at-commit", "bad-answer"])
async def test_a_request_that_failed_frees_its_key_and_leaves_nothing(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str], then: str
) -> None:
    failed = await client.post("/v1/things", json={"name": "a", "then": then}, headers=keyed(clerk))
    assert failed.status_code == (409 if then == "refuse" else 500)
    assert database.things() == 0
    assert database.rows("SELECT count(*) FROM idempotency_key") == [(0,)]
    assert (await client.post("/v1/things", json={"name": "a"}, headers=keyed(clerk))).status_code == 201


@pytest.mark.parametrize("then", ["work", "wait"])
async def test_twenty_equal_requests_at_once_are_one_write_and_nineteen_replays(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str], then: str
) -> None:
    body = {"name": "a", "then": then}
    answers = await asyncio.gather(*(client.post("/v1/things", json=body, headers=keyed(clerk)) for _ in range(20)))
    assert [answer.status_code for answer in answers] == [201] * 20
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
    assert len({answer.content for answer in answers}) == 1
    assert database.things() == 1


async def test_twenty_equal_changes_of_one_version_are_one_write_and_nineteen_replays(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    made = await client.post("/v1/things", json={"name": "a"}, headers=keyed(clerk))
    headers = keyed(clerk, "k2", **{"If-Match": '"1"'})
    answers = await asyncio.gather(
        *(client.post(f"{made.headers['location']}/acts", json={"name": "b"}, headers=headers) for _ in range(20))
    )
    assert [answer.status_code for answer in answers] == [200] * 20, "none of them is stale: it is the same request"
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
    assert database.rows("SELECT version FROM thing") == [(2,)]


async def test_of_different_changes_at_once_one_wins_and_the_others_are_stale(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    made = await client.post("/v1/things", json={"name": "a"}, headers=keyed(clerk))
    answers = await asyncio.gather(
        *(
            client.post(
                f"{made.headers['location']}/acts",
                json={"name": "b"},
                headers=keyed(clerk, f"own{number}", **{"If-Match": '"1"'}),
            )
            for number in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    assert database.rows("SELECT version FROM thing") == [(2,)]


async def test_a_streamed_body_is_compared_to_its_last_byte(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    headers = keyed(clerk, **{"Content-Type": "application/x-ndjson"})
    body = b"0123456789" * 50_000
    first = await client.post("/v1/uploads", content=body, headers=headers)
    written = database.things()
    again = await client.post("/v1/uploads", content=body, headers=headers)
    other = await client.post("/v1/uploads", content=body[:-1] + b"x", headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.headers["idempotency-replayed"] == "true"
    assert database.things() == written > 0


async def test_the_tenant_is_bound_before_the_key_is_looked_up(database: KitDatabase) -> None:
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        for tenant in ("LVR", "LWL"):
            connection.execute(
                "INSERT INTO idempotency_key VALUES (%s, 'c', 'k', %s, 201, '[]', '', NULL, NULL, now())",
                (tenant, tenant.encode()),
            )
    engine = create_engine(database.app_url, application_name="kit", pool_size=1)
    try:
        for _ in range(12):  # beyond the fifth execution psycopg uses a prepared statement
            for traeger in Traeger:
                async with engine.connect() as connection:
                    found = await bind_and_look_up(connection, traeger=traeger, subject="s", client_id="c", key="k")
                assert found is not None
                assert found.fingerprint == traeger.value.encode()
    finally:
        await engine.dispose()


async def test_the_worker_forgets_answers_after_thirty_days_only(database: KitDatabase) -> None:
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        for key, days in (("old", 31), ("young", 29)):
            connection.execute(
                "INSERT INTO idempotency_key VALUES ('LWL', 'c', %s, '', 201, '[]', '', NULL, NULL, %s)",
                (key, NOW - timedelta(days=days)),
            )
    engine = create_engine(database.worker_url, application_name="kit", pool_size=1)
    try:
        async with engine.begin() as worker:
            assert await purge_expired(worker, NOW) == 1
    finally:
        await engine.dispose()
    assert database.rows("SELECT key FROM idempotency_key") == [("young",)]
