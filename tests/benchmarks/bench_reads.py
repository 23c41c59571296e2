"""How fast key figures are read at two sizes of the store, and how fast the store takes movements in."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

import httpx
import psycopg
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from deploy.local.ports import free_port
from deploy.local.postgres import PostgresServer
from deploy.postgres.bootstrap import ROLES, bootstrap, role_name
from services.metrics.main import create_app
from services.metrics.service.compaction import STARTS_AT
from services.metrics.settings import Settings
from shared.http.jwks import FixedKeys
from shared.observability.clock import SystemClock
from tests.benchmarks.metrics_store import Store
from tests.benchmarks.report import Measurement, Section
from tests.support.databases import Cluster, TestDatabase
from tests.support.processes import wait_for
from tests.support.tokens import TokenMint

SIZES = (100_000, 1_000_000)
ROUNDS = 15
WARM_UP = 3
P95_MS = 25.0
RATIO = 1.5
APPENDED_PER_SECOND = 40_000

COMPLETED = tuple(
    f"/v1/kpis/{figure}/values?period={period}&group_by={group}{more}"
    for figure in (
        "foerderquote_1",
        "foerderquote_2",
        "uebergangsdichte",
        "uebergangsdichte_alle",
        "uebergaenge_je_zugang",
        "wechselquote_aap",
        "wechselquote_intern",
        "kombiquote",
        "aap_quote",
        "rueckkehrquote",
        "spaetzugangsquote",
        "verweildauer_bis_uebergang",
        "anzahl_zugang_ev_bbb",
        "bestand_arbeitsbereich",
    )
    for period, group, more in (
        ("2025-Q4", "TOTAL", ""),
        ("2024", "MITGLIEDSKOERPERSCHAFT", "&attribution=RESIDENCE"),
        ("2023-Q3", "PROVIDER", ""),
        ("2025-11", "DISABILITY", "&date_basis=DECIDED"),
    )
)
"""Completed periods: what the promise is about. With this, a cohort."""
COHORT = "/v1/kpis/rueckkehrquote_kohorte/values?period=2025-Q4&cohort_from=2024&cohort_to=2024"
RUNNING = tuple(f"{address}&known_on=2025-12-17" for address in COMPLETED if "2025-Q4" in address)
"""A period of which the last month is not over: its movements are read themselves."""
EARLIER = tuple(f"{address}&known_on=2024-05-31" for address in COMPLETED if "2023-Q3" in address)
SERIES = tuple(
    f"/v1/kpis/{figure}/values?period_from=2016-Q1&period_to=2025-Q4&window=QUARTER&group_by={group}"
    for figure in ("uebergangsdichte", "foerderquote_1")
    for group in ("TOTAL", "MITGLIEDSKOERPERSCHAFT")
)


def measure() -> Section:
    """Fill both stores, then ask both the same questions in turns."""
    mint = TokenMint(audience="urn:teilhabe:metrics", now=SystemClock().now())
    with ExitStack() as stack:
        cluster = stack.enter_context(_cluster())
        stores = [Store(size, cluster.create("metrics")) for size in SIZES]
        for store in stores:
            asyncio.run(store.fill())
            store.port = stack.enter_context(_serving(store.database, mint))
        lasting = int((mint.now + timedelta(hours=3)).timestamp())
        headers = mint.bearer("metrics:read metrics:internal", exp=lasting)
        for name, addresses in (
            ("completed", (*COMPLETED, COHORT)),
            ("running", RUNNING),
            ("earlier", EARLIER),
            ("series", SERIES),
        ):
            _ask(stores, name, addresses, headers)
        asyncio.run(stores[-1].append(STARTS_AT - 1))
        _ask(stores[-1:], "tail", COMPLETED, headers)
    return Section(
        title="Reading key figures",
        method=f"{SIZES[0]:,} and {SIZES[1]:,} movements over 20 years, 60 providers, recorded with delay and"
        " corrected later; PostgreSQL with fsync; one uvicorn process per size, one request after the other, the"
        f" sizes in turns, {ROUNDS} rounds over {len(COMPLETED) + 1} questions. Appending: from the bytes of events"
        " to the commit, one process; compacting: all of it, one process.",
        measurements=list(_results(stores)),
    )


def _results(stores: Sequence[Store]) -> Iterator[Measurement]:
    small, large = stores
    for store in stores:
        p95 = quantiles(store.milliseconds["completed"], n=20)[-1]
        shown = f"{median(store.milliseconds['completed']):.1f} / {p95:.1f} ms"
        yield Measurement(
            f"completed period, {store.movements:,} movements, p50 / p95",
            shown,
            f"p95 < {P95_MS:.0f} ms",
            p95 < P95_MS,
        )
    ratio = median(large.milliseconds["completed"]) / median(small.milliseconds["completed"])
    yield Measurement("ratio of the medians", f"{ratio:.2f}", f"<= {RATIO}", ratio <= RATIO)
    for name, title in (
        ("running", "running month"),
        ("earlier", "as known on an earlier day"),
        ("series", "40 quarters at once"),
    ):
        for store in stores:
            values = store.milliseconds[name]
            shown = f"{median(values):.1f} / {quantiles(values, n=20)[-1]:.1f} ms"
            yield Measurement(f"{title}, {store.movements:,} movements, p50 / p95", shown)
    values = large.milliseconds["tail"]
    shown = f"{median(values):.1f} / {quantiles(values, n=20)[-1]:.1f} ms"
    yield Measurement(f"completed period, {STARTS_AT - 1:,} movements behind the marks, p50 / p95", shown)
    rate = large.appended / large.append_seconds
    bound = f">= {APPENDED_PER_SECOND:,}/s"
    yield Measurement("movements appended", f"{rate:,.0f}/s", bound, rate >= APPENDED_PER_SECOND)
    for store in stores:
        rate = store.movements / store.compact_seconds
        yield Measurement(f"movements compacted, {store.movements:,} in all", f"{rate:,.0f}/s")


def _ask(stores: Sequence[Store], name: str, addresses: Sequence[str], headers: dict[str, str]) -> None:
    for store in stores:
        store.milliseconds[name] = []
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                httpx.Client(base_url=f"http://127.0.0.1:{store.port}", headers=headers, trust_env=False)
            )
            for store in stores
        ]
        for turn in range(WARM_UP + ROUNDS):
            for address in addresses:
                for store, client in zip(stores, clients, strict=True):
                    begun = time.perf_counter()
                    answer = client.get(address)
                    took = (time.perf_counter() - begun) * 1000
                    assert answer.status_code == 200, (address, answer.text)
                    if turn >= WARM_UP:
                        store.milliseconds[name].append(took)


@contextmanager
def _cluster() -> Iterator[Cluster]:
    """A cluster that loses nothing."""
    with tempfile.TemporaryDirectory() as folder:
        passwords = {role_name("metrics", role): secrets.token_hex(8) for role in ROLES}
        server = PostgresServer(Path(folder) / "postgres", free_port(), secrets.token_hex(8))
        server.start()
        try:
            with psycopg.connect(server.conninfo(), autocommit=True) as connection:
                bootstrap(connection, passwords, ["metrics"])
            yield Cluster(server, passwords)
        finally:
            server.stop()


@contextmanager
def _serving(database: TestDatabase, mint: TokenMint) -> Iterator[int]:
    """A uvicorn process with the application; its port."""
    port = free_port()
    told = {"database_url": database.app_url, "issuer": mint.issuer, "key": mint.key.as_dict(private=True)}
    line = [
        sys.executable, "-m", "uvicorn", "--factory", "tests.benchmarks.bench_reads:metrics_app",
        "--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    process = subprocess.Popen(line, env={**os.environ, "BENCH_READS": json.dumps(told)})
    try:
        wait_for(lambda: _answers(port), what=f"metrics on port {port}")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/docs", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def metrics_app() -> FastAPI:
    """The service as it is, but for the issuer: its key is given. What it needs comes in `BENCH_READS`."""
    told = json.loads(os.environ["BENCH_READS"])
    settings = Settings.model_validate(
        {
            "database_url": told["database_url"],
            "worker_database_url": told["database_url"],
            "issuer": told["issuer"],
            "jwks_url": "https://issuer.test/jwks",
            "cases_url": "http://cases.test",
            "budgets_url": "http://budgets.test",
            "token_url": "https://issuer.test/token",
            "client_id": "metrics",
            "client_secret": "secret",
        }
    )
    return create_app(settings, keys=FixedKeys(KeySet([ECKey.import_key(told["key"])])), producers={})
