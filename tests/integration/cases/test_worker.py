"""The worker as a process: it does its work, drains on SIGTERM, and says when it cannot."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest

from services.cases.settings import Settings
from services.cases.worker import purge_keys, run
from shared.db.engine import create_engine
from shared.kernel.clock import FixedClock
from tests.integration.cases.api import Api, new_key
from tests.integration.cases.conftest import Rows
from tests.support.databases import TestDatabase
from tests.support.processes import wait_for


def start(settings: Settings, *names: str) -> subprocess.Popen[str]:
    """`python -m services.cases.worker` with these settings."""
    environment = {
        **os.environ,
        "CASES_DATABASE_URL": settings.database_url.get_secret_value(),
        "CASES_WORKER_DATABASE_URL": settings.worker_database_url.get_secret_value(),
        "CASES_ISSUER": settings.issuer,
        "CASES_JWKS_URL": settings.jwks_url,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "services.cases.worker", *names],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class TestProcess:
    async def test_runs_everything_until_sigterm_and_ends_with_zero(
        self, lwl: Api, settings: Settings, rows: Rows
    ) -> None:
        process = start(settings)
        try:
            case = await lwl.register()
            headers = lwl.headers(key=new_key()) | {"Content-Type": "application/x-ndjson"}
            line = (
                b'{"external_ref":"b","payer_mk":"05515","residence_mk":"05515","disability":"GEISTIG","kombi":false,'
            )
            line += b'"movements":[]}\n'
            await lwl.client.post("/v1/imports", content=line, headers=headers)

            def both_done() -> bool:
                assert process.poll() is None, process.stdout and process.stdout.read()
                (states,) = rows("SELECT array_agg(state) AS all FROM import_job")
                (stamped,) = rows("SELECT count(*) AS n FROM event_log")
                return bool(states["all"] == ["DONE"] and stamped["n"] == 2)

            await asyncio.to_thread(wait_for, both_done, what="an import and two stamped events")
            assert (await lwl.case(case["id"]))["version"] == 1
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert process.stdout is not None
            process.stdout.close()

    def test_knows_its_loops_by_name(self, settings: Settings) -> None:
        process = start(settings, "stamper", "compactor")
        output, _ = process.communicate(timeout=20)
        assert process.returncode == 2
        assert "compactor" in output

    async def test_a_failing_loop_ends_the_process_with_one(
        self, lwl: Api, settings: Settings, clock: FixedClock, cases_database: TestDatabase
    ) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(run(settings, ["stamper", "import"], clock=clock, stop=stop))
        with psycopg.connect(cases_database.superuser_conninfo, autocommit=True) as connection:
            connection.execute("REVOKE INSERT ON event_log FROM cases_worker")
            try:
                await lwl.register()
                assert await asyncio.wait_for(task, 20) == 1
            finally:
                connection.execute("GRANT INSERT ON event_log TO cases_worker")
        assert stop.is_set()


class TestPurge:
    @pytest.mark.parametrize(("days", "left"), [(29, 1), (31, 0)])
    async def test_forgets_answers_after_thirty_days(
        self, lwl: Api, cases_database: TestDatabase, clock: FixedClock, rows: Rows, days: int, left: int
    ) -> None:
        await lwl.register()
        clock.instant += timedelta(days=days)
        engine, stop = create_engine(cases_database.worker_url, application_name="purge"), asyncio.Event()
        task = asyncio.create_task(purge_keys(engine, clock=clock, stop=stop, every_seconds=0.05))
        try:
            await asyncio.to_thread(
                wait_for, lambda: len(rows("SELECT 1 FROM idempotency_key")) == left, what=f"{left} keys"
            )
        finally:
            stop.set()
            await task
            await engine.dispose()
