"""The worker as a process: it waits for a producer that is away, drains on SIGTERM, and knows its loops."""

import asyncio
import os
import signal
import subprocess
import sys

import psycopg
import pytest

from services.budgets.settings import Settings
from services.budgets.worker import run
from shared.kernel.clock import FixedClock
from tests.integration.budgets.conftest import settings_for
from tests.support.databases import TestDatabase
from tests.support.processes import wait_for
from tests.support.tokens import NOW, TokenMint


@pytest.fixture
def settings(budgets_database: TestDatabase, mint: TokenMint) -> Settings:
    """Settings of a worker whose producer does not answer."""
    return settings_for(budgets_database, mint)


def start(settings: Settings, *names: str) -> "subprocess.Popen[str]":
    """`python -m services.budgets.worker` with these settings."""
    environment = {
        **os.environ,
        "BUDGETS_DATABASE_URL": settings.database_url.get_secret_value(),
        "BUDGETS_WORKER_DATABASE_URL": settings.worker_database_url.get_secret_value(),
        "BUDGETS_ISSUER": settings.issuer,
        "BUDGETS_JWKS_URL": settings.jwks_url,
        "BUDGETS_CASES_URL": settings.cases_url,
        "BUDGETS_TOKEN_URL": settings.token_url,
        "BUDGETS_CLIENT_ID": settings.client_id,
        "BUDGETS_CLIENT_SECRET": settings.client_secret.get_secret_value(),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "services.budgets.worker", *names],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_waits_for_a_producer_that_is_away_and_ends_with_zero(
    settings: Settings, budgets_database: TestDatabase
) -> None:
    process = start(settings)
    try:

        def connected() -> bool:
            assert process.poll() is None, process.stdout and process.stdout.read()
            with psycopg.connect(budgets_database.superuser_conninfo, autocommit=True) as connection:
                found = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'budgets-worker'"
                    " AND datname = current_database()"
                ).fetchone()
            return found is not None and found[0] > 0

        wait_for(connected, what="the worker connects")
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert settings.client_secret.get_secret_value() not in output


def test_knows_its_loops_by_name(settings: Settings) -> None:
    process = start(settings, "stamper", "compactor")
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "compactor" in output


async def test_a_failing_loop_ends_the_process_with_one(settings: Settings, budgets_database: TestDatabase) -> None:
    stop = asyncio.Event()
    with psycopg.connect(budgets_database.superuser_conninfo, autocommit=True) as connection:
        connection.execute("REVOKE SELECT ON outbox_in FROM budgets_worker")
        try:
            running = run(settings, ["stamper", "consumer"], clock=FixedClock(NOW), stop=stop)
            assert await asyncio.wait_for(running, 30) == 1
        finally:
            connection.execute("GRANT SELECT ON outbox_in TO budgets_worker")
    assert stop.is_set()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"client_secret": "secret"}, "client_secret"),
        ({"issuer": "http://issuer.test"}, "issuer"),
        ({"token_url": "http://issuer.test/token"}, "token_url"),
        ({"database_url": "postgresql+psycopg://budgets_app:budgets_app@db/budgets"}, "database_url"),
        ({"transport": "kafka"}, "kafka_bootstrap"),
    ],
)
def test_production_refuses_what_can_be_guessed(
    budgets_database: TestDatabase, mint: TokenMint, changes: dict[str, str], fault: str
) -> None:
    sound = {"environment": "production", "token_url": "https://issuer.test/token"}
    settings_for(budgets_database, mint, **sound)
    with pytest.raises(ValueError, match=fault):
        settings_for(budgets_database, mint, **{**sound, **changes})
