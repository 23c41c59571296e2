"""How fast a book is taken over: alone with the stamper, sent again, and until every consumer has caught up."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from deploy.local.ports import free_port
from deploy.local.postgres import PostgresServer
from deploy.postgres.bootstrap import ROLES, bootstrap, role_name
from services.cases.service.actor import Actor
from services.cases.service.imports import ImportService
from shared.db.engine import create_engine, tenant_transaction
from shared.kernel.mitgliedskoerperschaften import Traeger, of_traeger
from shared.observability.clock import SystemClock
from tests.benchmarks.report import Measurement, Section
from tests.support.databases import Cluster, TestDatabase
from tests.support.processes import wait_for
from tests.support.product import running_product

HISTORIES = 40_000
PER_HISTORY = 3
EVERYWHERE = 20_000
RATE_ALONE = 8_000
RATE_EVERYWHERE = 3_500
MEGABYTES = 300
_SECONDS = 600.0


def measure() -> Section:
    """One run of each: the rates are those of the whole import, not of its best moment."""
    body = book(HISTORIES)
    with _database() as database, _worker(database, "stamper"):
        first, memory = _timed(database, body)
        stamped = _until_stamped(database)
        again, _ = _timed(database, body)
    everywhere = _everywhere(book(EVERYWHERE))
    alone = HISTORIES * PER_HISTORY / first
    return Section(
        title="Taking over a book",
        method=f"{HISTORIES:,} histories of {PER_HISTORY} movements ({len(body) / 1e6:.0f} MB), 60 providers;"
        " PostgreSQL with fsync, the stamper and the import as processes of their own, consumers stopped. Then the"
        f" whole product with {EVERYWHERE:,} histories on the feed, from the POST until budgets and metrics are at"
        " the heads of the log.",
        measurements=[
            Measurement("movements committed", f"{alone:,.0f}/s", f">= {RATE_ALONE:,}/s", alone >= RATE_ALONE),
            Measurement("stamped behind the last commit", f"{stamped:.2f} s"),
            Measurement("memory of the import", f"{memory:.0f} MB", f"< {MEGABYTES} MB", memory < MEGABYTES),
            Measurement("the same book again, unchanged", f"{(HISTORIES + 60) / again:,.0f} lines/s"),
            Measurement(
                "movements until nothing lags, everything running",
                f"{everywhere:,.0f}/s",
                f">= {RATE_EVERYWHERE:,}/s",
                everywhere >= RATE_EVERYWHERE,
            ),
        ],
    )


def book(histories: int) -> bytes:
    """A seeded book of the LWL: ZUGANG_EV, EINTRITT_BBB, ZUGANG_ARBEITSBEREICH for everybody."""
    dice = Random(3)
    places = [entry.ags for entry in of_traeger(Traeger.LWL)]
    lines: list[dict[str, Any]] = [
        {
            "provider": {
                "external_ref": f"wfbm-{number}",
                "name": f"Werkstatt {number}",
                "kind": "WFBM",
                "mitgliedskoerperschaft": dice.choice(places),
                "valid_from": "1990-01-01",
                "valid_to": None,
            }
        }
        for number in range(60)
    ]
    lines += [_history(number, dice, dice.choice(places)) for number in range(histories)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _history(number: int, dice: Random, ags: str) -> dict[str, Any]:
    year = dice.randrange(2005, 2021)
    return {
        "external_ref": f"fall-{number}",
        "payer_mk": ags,
        "residence_mk": ags,
        "disability": dice.choice(["GEISTIG", "KOERPERLICH", "SEELISCH"]),
        "kombi": dice.random() < 0.5,
        "movements": [
            {
                "kind": "ZUGANG_EV",
                "effective_on": f"{year}-0{dice.randrange(1, 10)}-01",
                "provider_ref": f"wfbm-{dice.randrange(60)}",
                "zugangsweg": "FOERDERSCHULE",
                "external_ref": "1",
            },
            {"kind": "EINTRITT_BBB", "effective_on": f"{year + 1}-0{dice.randrange(1, 10)}-01", "external_ref": "2"},
            {
                "kind": "ZUGANG_ARBEITSBEREICH",
                "effective_on": f"{year + 3}-0{dice.randrange(1, 10)}-01",
                "external_ref": "3",
            },
        ],
    }


@contextmanager
def _database() -> Iterator[TestDatabase]:
    """A migrated database of cases in a cluster that loses nothing."""
    with tempfile.TemporaryDirectory() as folder:
        passwords = {role_name("cases", role): secrets.token_hex(8) for role in ROLES}
        server = PostgresServer(Path(folder) / "postgres", free_port(), secrets.token_hex(8))
        server.start()
        try:
            with psycopg.connect(server.conninfo(), autocommit=True) as connection:
                bootstrap(connection, passwords, ["cases"])
            yield Cluster(server, passwords).create("cases")
        finally:
            server.stop()


@contextmanager
def _worker(database: TestDatabase, loop: str) -> Iterator[int]:
    """A worker process of cases with one loop; its pid."""
    told = {
        "CASES_DATABASE_URL": database.app_url,
        "CASES_WORKER_DATABASE_URL": database.worker_url,
        "CASES_ISSUER": "https://issuer.test",
        "CASES_JWKS_URL": "https://issuer.test/jwks",
    }
    command = [sys.executable, "-m", "services.cases.worker", loop]
    process = subprocess.Popen(command, env=os.environ | told, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _timed(database: TestDatabase, body: bytes) -> tuple[float, float]:
    """Seconds from the begin of receiving to the end of the import, and the most megabytes of its process."""
    with _worker(database, "import") as pid:
        wait_for(lambda: _ask(database, _CONNECTED) > 0, what="the worker has begun")
        asyncio.run(_send(database, body))
        wait_for(lambda: _ask(database, _RUNNING) == 0, seconds=_SECONDS, what="the import ends")
        status = Path(f"/proc/{pid}/status").read_text()
    assert _ask(database, "SELECT sum(lines_refused) FROM import_job") == 0
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return _ask(database, _LAST), peak / 1024


_CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cases-import'"
_RUNNING = "SELECT count(*) FROM import_job WHERE state = 'RUNNING'"
_LAST = "SELECT extract(epoch FROM finished_at - created_at)::float8 FROM import_job ORDER BY id DESC LIMIT 1"
_WAITING = "SELECT count(*) FROM outbox_in"


def _ask(database: TestDatabase, statement: str) -> float:
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        return float(connection.execute(statement).fetchall()[0][0])


async def _send(database: TestDatabase, body: bytes) -> None:
    engine = create_engine(database.app_url, application_name="bench", pool_size=1)
    async with tenant_transaction(engine, Traeger.LWL, "bench") as connection:
        service = ImportService(
            connection=connection, actor=Actor(Traeger.LWL, "bench", "bench"), clock=SystemClock()
        )
        await service.receive(body=_pieces(body), scopes=["cases:write"], dry_run=False)
    await engine.dispose()


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


def _until_stamped(database: TestDatabase) -> float:
    begun = time.monotonic()
    wait_for(lambda: _ask(database, _WAITING) == 0, what="everything is stamped")
    return time.monotonic() - begun


def _everywhere(body: bytes) -> float:
    """Movements per second through the whole product."""
    with tempfile.TemporaryDirectory() as folder, running_product(Path(folder) / "data") as product:
        with product.client("cases") as client:
            begun = time.monotonic()
            headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "bench-import"}
            answer = client.post("/v1/imports", content=body, headers=headers)
            assert answer.status_code == 202, answer.text
            address = answer.headers["Location"]
            status = wait_for(
                lambda: found if (found := client.get(address).json())["state"] != "RUNNING" else None,
                seconds=_SECONDS,
                what="the import ends",
            )
            assert (status["state"], status["lines_refused"]) == ("DONE", 0), status
        product.wait_until_caught_up()
        return EVERYWHERE * PER_HISTORY / (time.monotonic() - begun)
