"""Books for tests of the import: short ways to write a line, to send a body, and to work it off."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cases.service.imports.runner import ImportWorker
from shared.db.engine import create_engine
from shared.kernel.clock import Clock
from tests.integration.cases.api import Api, Json, new_key

NDJSON = "application/x-ndjson"


def ndjson(*lines: Json | bytes | str) -> bytes:
    """A body with these lines, each closed by a newline."""
    return b"".join(
        (line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()) + b"\n"
        for line in lines
    )


def workshop(ref: str = "wfbm", ags: str = "05515", **fields: Any) -> Json:
    """A line of a provider."""
    provider = {
        "external_ref": ref,
        "name": f"Werkstatt {ref}",
        "kind": "WFBM",
        "mitgliedskoerperschaft": ags,
        "valid_from": "1990-01-01",
        "valid_to": None,
    }
    return {"provider": {**provider, **fields}}


def fact(kind: str, effective_on: str, **fields: Any) -> Json:
    """A fact of a book."""
    return {"kind": kind, "effective_on": effective_on, **fields}


def zugang(effective_on: str = "2018-01-01", **fields: Any) -> Json:
    """A first fact of a book."""
    return fact("ZUGANG_EV", effective_on, **{"provider_ref": "wfbm", **fields})


def case(ref: str, *movements: Json, **fields: Any) -> Json:
    """A line of a case with the facts of the book."""
    registration = {"payer_mk": "05515", "residence_mk": "05515", "disability": "GEISTIG", "kombi": False}
    return {"external_ref": ref, **registration, "movements": list(movements), **fields}


def migrated(ref: str, *commands: tuple[str, list[Json]], **fields: Any) -> Json:
    """A line of a case with dated commands: `("2021-03-05", [{"add": …}])`."""
    line = case(ref, **fields)
    del line["movements"]
    return {**line, "commands": [{"recorded_on": day, "changes": changes} for day, changes in commands]}


async def work_off(engine: AsyncEngine, clock: Clock) -> None:
    """Work until nothing is left to do."""
    worker = ImportWorker(engine, clock)
    stop = asyncio.Event()
    while await worker.work(stop):
        pass


@asynccontextmanager
async def app_engine(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine of the role `app`."""
    engine = create_engine(url, application_name="test-import", pool_size=3)
    yield engine
    await engine.dispose()


class Books:
    """Sends books through the API and works them off at once."""

    def __init__(self, api: Api, engine: AsyncEngine) -> None:
        self.api = api
        self.engine = engine

    async def send(self, body: bytes, *, dry_run: bool = False) -> Json:
        """Start an import; the status of the 202."""
        response = await self.api.client.post(
            "/v1/imports",
            params={"dry_run": "true"} if dry_run else {},
            content=body,
            headers=self.api.headers(key=new_key()) | {"Content-Type": NDJSON},
        )
        assert response.status_code == 202, response.text
        return dict(response.json())

    async def status(self, import_id: str) -> Json:
        """The status of an import."""
        response = await self.api.get(f"/v1/imports/{import_id}")
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def take(self, *lines: Json | bytes | str, dry_run: bool = False) -> Json:
        """Send lines, work them off, and return the status."""
        return await self.take_body(ndjson(*lines), dry_run=dry_run)

    async def take_body(self, body: bytes, *, dry_run: bool = False) -> Json:
        """Send a body, work it off, and return the status."""
        started = await self.send(body, dry_run=dry_run)
        await work_off(self.engine, self.api.clock)
        status = await self.status(started["id"])
        assert status["state"] == "DONE", status
        assert status["lines_done"] == status["lines_total"], status
        return status

    async def timeline(self, ref: str, **query: Any) -> Json:
        """The timeline of a case by its reference."""
        return await self.api.timeline((await self.case(ref))["id"], **query)

    async def case(self, ref: str) -> Json:
        """A case by its reference."""
        found = (await self.api.get("/v1/cases", external_ref=ref)).json()["items"]
        assert len(found) == 1, found
        return dict(found[0])


async def until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    """Wait while other tasks run, until the condition holds; fail after the deadline."""
    for _ in range(int(seconds * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"not within {seconds} s")


def counts(status: Json) -> tuple[int, int, int]:
    """Lines taken, unchanged, refused."""
    return status["lines_taken"], status["lines_unchanged"], status["lines_refused"]


def problem(status: Json) -> tuple[int, str, str | None]:
    """Line, code and pointer of the only problem."""
    assert len(status["problems"]) == 1, status["problems"]
    only = status["problems"][0]
    return only["line"], only["type"].rsplit("/", 1)[1], only["pointer"]
