"""How fast a movement is recorded, beside an endpoint that only checks the token and writes two rows."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import httpx
import psycopg

from deploy.local.ports import free_port
from deploy.local.postgres import PostgresServer
from deploy.postgres.bootstrap import ROLES, bootstrap, role_name
from shared.observability.clock import SystemClock
from shared.observability.identifiers import new_id
from tests.benchmarks.post_apps import BARE_TABLES
from tests.benchmarks.report import Measurement, Section
from tests.support.databases import Cluster, TestDatabase
from tests.support.processes import wait_for
from tests.support.tokens import TokenMint

CONNECTIONS = 16
ROUNDS = 3
SECONDS = 5.0
WARM_UP_SECONDS = 2.0
CASES_PER_LANE = 400
RATIO = 0.5

_STEPS: tuple[dict[str, Any], ...] = (
    {"kind": "ZUGANG_EV", "effective_on": "2024-01-01"},
    {"kind": "EINTRITT_BBB", "effective_on": "2024-04-01"},
    {"kind": "ZUGANG_ARBEITSBEREICH", "effective_on": "2025-04-01"},
    {"kind": "PLATZWECHSEL", "effective_on": "2025-09-01", "place": "AAP_EINZEL"},
)
"""The four movements every case gets, each on the version the one before has left."""

_CASES = """
    WITH filed AS (
        INSERT INTO case_file
            (tenant, id, external_ref, payer_mk, residence_mk, disability, kombi, version, recorded_at)
        SELECT 'LWL', id, id::text, '05515', '05515', 'GEISTIG', false, 1, now() FROM unnest(%s::uuid[]) AS id
        RETURNING tenant, id
    )
    INSERT INTO command (tenant, case_id, version, recorded_at, act, subject, client_id)
    SELECT tenant, id, 1, now(), 'REGISTER', 'bench', 'bench' FROM filed
"""
_PROVIDER = """
    INSERT INTO provider (tenant, id, version, name, kind, mitgliedskoerperschaft, valid_from, recorded_at)
    VALUES ('LWL', %s, 1, 'Werkstatt', 'WFBM', '05515', '1990-01-01', now())
"""

_keys = count()


def measure() -> Section:
    """Both endpoints in turns, three times each, the load from a process of its own."""
    mint = TokenMint(audience="urn:teilhabe:cases", now=SystemClock().now())
    provider_id = new_id()
    rates: dict[str, list[float]] = {"cases": [], "bare": []}
    latencies: dict[str, list[list[float]]] = {"cases": [], "bare": []}
    with (
        _database() as database,
        _serving("cases_app", database, mint) as cases,
        _serving("bare_app", database, mint) as bare,
    ):
        with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
            for statement in BARE_TABLES:
                connection.execute(statement)
            connection.execute(_PROVIDER, (provider_id,))
        for seconds in (WARM_UP_SECONDS, *[SECONDS] * ROUNDS):
            for name, port in (("bare", bare), ("cases", cases)):
                lanes = _lanes(database, provider_id)
                answer = _load(port, seconds, lanes, mint)
                if seconds == SECONDS:
                    rates[name].append(answer["answered"] / answer["seconds"])
                    latencies[name].append(answer["latencies_ms"])
    ratios = [cases / bare for cases, bare in zip(rates["cases"], rates["bare"], strict=True)]
    return Section(
        title="Recording a movement over HTTP",
        method=f"{CONNECTIONS} connections from a process of their own, {ROUNDS} rounds of {SECONDS:.0f} s, taking"
        " turns; PostgreSQL with fsync; one uvicorn process each. The bare endpoint has the same pool and check of"
        " the token, set_config and two INSERTs. Every case gets four movements. The rate is the median of the"
        " rounds, the ratio the median of the ratios.",
        measurements=[
            Measurement("POST of a movement", f"{median(rates['cases']):,.0f}/s"),
            Measurement("bare endpoint", f"{median(rates['bare']):,.0f}/s"),
            Measurement("ratio", f"{median(ratios):.2f}", f">= {RATIO}", median(ratios) >= RATIO),
            Measurement("POST of a movement, p50 / p95 / p99", _quantiles(latencies["cases"])),
            Measurement("bare endpoint, p50 / p95 / p99", _quantiles(latencies["bare"])),
        ],
    )


def _quantiles(rounds: list[list[float]]) -> str:
    return " / ".join(f"{median(values):.1f}" for values in zip(*rounds, strict=True)) + " ms"


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
def _serving(factory: str, database: TestDatabase, mint: TokenMint) -> Iterator[int]:
    """A uvicorn process with one of the applications; its port."""
    port = free_port()
    told = {
        "database_url": database.app_url,
        "worker_database_url": database.worker_url,
        "issuer": mint.issuer,
        "jwks_url": "https://issuer.test/jwks",
        "key": mint.key.as_dict(private=True),
    }
    line = [
        sys.executable, "-m", "uvicorn", "--factory", f"tests.benchmarks.post_apps:{factory}",
        "--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    process = subprocess.Popen(line, env={**os.environ, "BENCH_POST": json.dumps(told)})
    try:
        wait_for(lambda: _answers(port), what=f"{factory} on port {port}")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/docs", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _lanes(database: TestDatabase, provider_id: UUID) -> list[list[dict[str, Any]]]:
    """For each connection the requests of fresh cases."""
    lanes = [[new_id() for _ in range(CASES_PER_LANE)] for _ in range(CONNECTIONS)]
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        connection.execute(_CASES, ([case_id for lane in lanes for case_id in lane],))
    return [[_request(case_id, step, provider_id) for case_id in lane for step in range(4)] for lane in lanes]


def _request(case_id: UUID, step: int, provider_id: UUID) -> dict[str, Any]:
    body = {**_STEPS[step], **({"provider_id": str(provider_id)} if step == 0 else {})}
    headers = {"Idempotency-Key": f"bench-{next(_keys)}", "If-Match": f'"{step + 1}"'}
    return {"path": f"/v1/cases/{case_id}/movements", "headers": headers, "body": body}


def _load(port: int, seconds: float, lanes: list[list[dict[str, Any]]], mint: TokenMint) -> dict[str, Any]:
    lasting = int((mint.now + timedelta(hours=1)).timestamp())
    task = {
        "port": port,
        "seconds": seconds,
        "headers": mint.bearer("cases:read cases:write", exp=lasting),
        "lanes": lanes,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load"],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    assert set(answer["statuses"]) == {"201"}, answer["statuses"]
    return answer
