"""Sending a book: what is stored, what is refused, and that a cut transfer leaves nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.integration.cases.api import Api, new_key, refused
from tests.integration.cases.conftest import Rows

NDJSON = {"Content-Type": "application/x-ndjson"}
LINES = b'{"external_ref":"a"}\n{"external_ref":"b"}\n{"cut'


async def send(api: Api, content: Any, *, query: str = "", **headers: str) -> httpx.Response:
    """POST a book with a new key."""
    sent = api.headers(key=headers.pop("key", None) or new_key()) | NDJSON | headers
    return await api.client.post(f"/v1/imports{query}", content=content, headers=sent)


class TestStart:
    async def test_stores_the_body_and_answers_its_status(self, lwl: Api, rows: Rows) -> None:
        response = await send(lwl, LINES)
        assert response.status_code == 202, response.text
        status = response.json()
        assert status == {
            "id": status["id"],
            "state": "RUNNING",
            "dry_run": False,
            "lines_total": 3,
            "lines_done": 0,
            "lines_taken": 0,
            "lines_unchanged": 0,
            "lines_refused": 0,
            "created_at": "2026-03-02T09:30:00Z",
            "finished_at": None,
            "problems": [],
        }
        assert response.headers["location"] == f"/v1/imports/{status['id']}"
        assert (await lwl.get(response.headers["location"])).json() == status
        assert [bytes(row["body"]) for row in rows("SELECT body FROM import_chunk")] == [LINES]
        (job,) = rows("SELECT * FROM import_job")
        assert (job["subject"], job["client_id"], job["body_bytes"]) == ("anna", "front-end", len(LINES))
        assert set(job["scopes"].split()) == set(lwl.scope.split())

    async def test_stores_a_long_body_in_pieces(self, lwl: Api, rows: Rows) -> None:
        line = b'{"external_ref":"' + b"x" * 1000 + b'"}\n'
        content = line * 2500

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(content), 70_001):
                yield content[start : start + 70_001]

        status = (await send(lwl, pieces())).json()
        assert status["lines_total"] == 2500
        chunks = rows("SELECT first_byte, body FROM import_chunk ORDER BY first_byte")
        assert b"".join(bytes(chunk["body"]) for chunk in chunks) == content
        assert [chunk["first_byte"] for chunk in chunks] == [0, 1_048_576, 2_097_152]

    async def test_an_empty_body_and_a_dry_run_are_imports_too(self, lwl: Api) -> None:
        assert (await send(lwl, b"")).json()["lines_total"] == 0
        assert (await send(lwl, LINES, query="?dry_run=true")).json()["dry_run"] is True

    async def test_the_same_request_is_one_import(self, lwl: Api, rows: Rows) -> None:
        first = await send(lwl, LINES, key="book")
        again = await send(lwl, LINES, key="book")
        assert (again.status_code, again.content) == (202, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        refused(await send(lwl, LINES + b"}", key="book"), 422, "idempotency-key-reused")
        refused(await send(lwl, LINES, key="book", query="?dry_run=true"), 422, "idempotency-key-reused")
        assert len(rows("SELECT 1 FROM import_job")) == 1
        assert len(rows("SELECT 1 FROM import_chunk")) == 1

    async def test_refuses(self, lwl: Api, rows: Rows) -> None:
        reader = Api(lwl.client, lwl.mint, lwl.clock, scope="cases:read")
        refused(await send(reader, LINES), 403, "scope-missing")
        refused(await send(lwl, LINES, **{"Content-Type": "application/json"}), 415, "unsupported-media-type")
        refused(await send(lwl, LINES, query="?dry_run=perhaps"), 422, "invalid-request")
        refused(await send(lwl, LINES, query="?dry=true"), 422, "invalid-request")
        unkeyed = await lwl.client.post("/v1/imports", content=LINES, headers=lwl.headers() | NDJSON)
        refused(unkeyed, 400, "idempotency-key-missing")
        assert rows("SELECT 1 FROM import_job") == []

    @pytest.mark.parametrize("announced", [True, False])
    async def test_refuses_a_body_beyond_the_limit(self, lwl: Api, rows: Rows, announced: bool) -> None:
        content = b"x" * 3_000_001

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(content), 1_000_000):
                yield content[start : start + 1_000_000]

        problem = refused(await send(lwl, content if announced else pieces()), 413, "body-too-large")
        assert problem["limit_bytes"] == 3_000_000
        assert rows("SELECT 1 FROM import_chunk") == []
        assert (await send(lwl, content[:-1])).status_code == 202


class TestCut:
    async def test_a_connection_cut_before_the_end_takes_nothing(self, app: FastAPI, lwl: Api, rows: Rows) -> None:
        """The server sees three pieces and then the end of the connection."""
        sent = [b"x" * 1_500_000, b"x" * 1_000_000]
        headers = lwl.headers(key="cut") | NDJSON
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/imports",
            "raw_path": b"/v1/imports",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("cases.test", 80),
        }
        answers: list[Any] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0)
            if sent:
                return {"type": "http.request", "body": sent.pop(), "more_body": True}
            return {"type": "http.disconnect"}

        async def answer(message: Any) -> None:
            answers.append(message)

        await app(scope, receive, answer)
        assert answers == []
        for table in ("import_chunk", "import_job", "idempotency_key"):
            assert rows(f"SELECT 1 FROM {table}") == []
        assert (await send(lwl, LINES, key="cut")).status_code == 202


class TestManyAtOnce:
    async def test_a_few_are_received_and_others_sent_away_while_short_requests_go_on(self, lwl: Api) -> None:
        """Six bodies that stop in the middle: four wait for their rest, two are refused, a case is registered."""
        go_on = asyncio.Event()

        async def halting() -> AsyncIterator[bytes]:
            yield LINES
            await go_on.wait()
            yield b"\n"

        sending = [asyncio.create_task(send(lwl, halting())) for _ in range(6)]
        done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        while len(done) < 2:
            more, _ = await asyncio.wait(set(sending) - done, return_when=asyncio.FIRST_COMPLETED, timeout=20)
            assert more
            done |= more
        for task in done:
            refused(task.result(), 503, "unavailable")
            assert task.result().headers["retry-after"] == "1"
        await lwl.register()
        go_on.set()
        answers = await asyncio.gather(*(set(sending) - done))
        assert [answer.status_code for answer in answers] == [202] * 4
        assert (await send(lwl, LINES)).status_code == 202


class TestRead:
    async def test_an_import_belongs_to_its_traeger(self, lwl: Api, lvr: Api) -> None:
        location = (await send(lwl, LINES)).headers["location"]
        for path in (location, f"{location}/problems"):
            assert (await lwl.get(path)).status_code == 200
            refused(await lvr.get(path), 404, "not-found")
        refused(await lwl.get("/v1/imports/x"), 404, "not-found")

    async def test_problems_are_paged_and_the_first_thousand_are_in_the_status(self, lwl: Api, rows: Rows) -> None:
        location = (await send(lwl, b"{}\n" * 1203)).headers["location"]
        rows(
            "INSERT INTO import_problem (tenant, import_id, line, external_ref, type, title, detail, pointer)"
            " SELECT tenant, id, line, 'a', 'invalid-line', 'T', 'D', '/x' FROM import_job, generate_series(1, 1203)"
            " AS line RETURNING 1"
        )
        status = (await lwl.get(location)).json()
        assert [problem["line"] for problem in status["problems"]] == list(range(1, 1001))
        assert status["problems"][0] == {
            "line": 1,
            "external_ref": "a",
            "type": "https://teilhabe.nrw.de/problems/invalid-line",
            "title": "T",
            "detail": "D",
            "pointer": "/x",
        }
        seen: list[int] = []
        query = {"limit": "200"}
        while True:
            page = (await lwl.get(f"{location}/problems", **query)).json()
            seen += [problem["line"] for problem in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert seen == list(range(1, 1204))
        refused(await lwl.get(f"{location}/problems", cursor="x"), 400, "cursor-not-valid")
