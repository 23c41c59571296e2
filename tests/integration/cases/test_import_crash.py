"""`kill -9` of the worker in the middle of an import: the next one goes on behind the last committed chunk."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from services.cases.service.actor import Actor
from services.cases.service.imports.intake import ImportService
from shared.db.engine import tenant_transaction
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.clock import SystemClock
from tests.integration.cases.books import app_engine, case, fact, migrated, ndjson, work_off, workshop, zugang
from tests.support.databases import Cluster, TestDatabase
from tests.support.processes import wait_for

LINES = 9_000
SCOPES = ("cases:write", "cases:correct", "cases:migrate")


def book() -> bytes:
    """New cases, cases that come again changed, dated commands, refused lines, providers in between."""
    dice = Random(7)
    lines: list[Any] = [workshop(), workshop("other", "05566")]
    for number in range(LINES):
        choice = dice.random()
        if choice < 0.7:
            lines.append(case(str(number), zugang(external_ref="1"), fact("EINTRITT_BBB", "2018-04-01")))
        elif choice < 0.85:
            again = str(dice.randrange(max(number, 1)))
            lines.append(case(again, zugang("2018-02-01", external_ref="1"), fact("EINTRITT_BBB", "2018-04-01")))
        elif choice < 0.9:
            command = ("2020-01-01", [{"add": zugang(external_ref="1")}])
            lines.append(
                migrated(str(number), command, ("2021-01-01", [{"add": fact("EINTRITT_BBB", "2018-04-01")}]))
            )
        elif choice < 0.9995:
            lines.append(case(str(number), fact("EINTRITT_BBB", "2018-04-01")))
        else:
            lines.append(workshop(f"late-{number}"))
    return ndjson(*lines)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


async def send(database: TestDatabase, body: bytes) -> str:
    clock = SystemClock()
    async with (
        app_engine(database.app_url) as engine,
        tenant_transaction(engine, Traeger.LWL, "anna") as connection,
    ):
        actor = Actor(Traeger.LWL, "anna", "test")
        service = ImportService(connection=connection, actor=actor, clock=clock)
        return str((await service.receive(body=_pieces(body), scopes=SCOPES, dry_run=False)).import_id)


def select(database: TestDatabase, statement: str) -> list[dict[str, Any]]:
    with psycopg.connect(database.superuser_conninfo, autocommit=True, row_factory=dict_row) as connection:
        return connection.execute(statement).fetchall()


def outcome(database: TestDatabase) -> dict[str, Any]:
    """All that an import leaves, without the ids and instants that differ from run to run."""
    events = select(
        database,
        "SELECT c.external_ref, o.key_version, e.type, e.body::jsonb -> 'data' ->> 'sign' AS sign,"
        " e.body::jsonb -> 'data' ->> 'effective_on' AS effective_on, o.id, e.n"
        " FROM outbox_in AS o LEFT JOIN case_file AS c ON c.id = o.key,"
        " unnest(o.types, o.bodies) WITH ORDINALITY AS e(type, body, n)",
    )
    return {
        "job": select(
            database, "SELECT state, lines_total, lines_taken, lines_unchanged, lines_refused FROM import_job"
        ),
        "problems": select(database, "SELECT line, external_ref, type, pointer FROM import_problem ORDER BY line"),
        "files": select(
            database,
            "SELECT external_ref, version, line_hash IS NOT NULL AS hashed, line_version FROM case_file"
            " ORDER BY external_ref",
        ),
        "facts": select(
            database,
            "SELECT c.external_ref, f.entry, f.from_version, f.to_version, f.kind, f.effective_on, f.cancelled,"
            " f.external_ref AS fact_ref, f.attributes ->> 'provider_id' IS NOT NULL AS names_provider"
            " FROM fact AS f JOIN case_file AS c ON c.id = f.case_id"
            " ORDER BY c.external_ref, f.entry, f.from_version",
        ),
        "commands": select(database, "SELECT act, version, count(*) AS n FROM command GROUP BY 1, 2 ORDER BY 1, 2"),
        "providers": select(database, "SELECT external_ref, version FROM provider ORDER BY external_ref"),
        "events": Counter(
            (row["external_ref"], row["key_version"], row["n"], row["type"], row["sign"], row["effective_on"])
            for row in events
        ),
    }


@contextmanager
def worker_process(database: TestDatabase) -> Iterator[subprocess.Popen[bytes]]:
    """The worker of `cases` with its import loop, as it runs in production."""
    environment = {
        "CASES_DATABASE_URL": database.app_url,
        "CASES_WORKER_DATABASE_URL": database.worker_url,
        "CASES_ISSUER": "https://issuer.test",
        "CASES_JWKS_URL": "https://issuer.test/jwks",
    }
    command = [sys.executable, "-m", "services.cases.worker", "import"]
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def lines_done(database: TestDatabase) -> int:
    return int(select(database, "SELECT lines_done FROM import_job")[0]["lines_done"])


def kill_in_the_middle(database: TestDatabase, dice: Random) -> None:
    """Let a worker take at least one chunk, then kill it wherever it is."""
    before = lines_done(database)
    with worker_process(database) as process:
        wait_for(lambda: lines_done(database) > before or None, what="the worker takes lines")
        time.sleep(dice.random() * 0.3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert lines_done(database) < LINES, "the import ended before it could be disturbed"


@pytest.fixture
def second_database(cluster: Cluster) -> Iterator[TestDatabase]:
    database = cluster.create("cases")
    yield database
    cluster.drop(database)


async def test_killed_again_and_again_it_ends_as_an_undisturbed_import(
    cases_database: TestDatabase, second_database: TestDatabase
) -> None:
    body = book()
    await send(cases_database, body)
    await send(second_database, body)
    async with app_engine(second_database.app_url) as engine:
        await work_off(engine, SystemClock())
    dice = Random(11)
    for _ in range(3):
        kill_in_the_middle(cases_database, dice)
    with worker_process(cases_database):
        done = "SELECT 1 FROM import_job WHERE state = 'DONE'"
        wait_for(lambda: select(cases_database, done) or None, seconds=120, what="the import ends")
    undisturbed = outcome(second_database)
    assert undisturbed["job"][0]["lines_refused"] > 500
    assert len(undisturbed["files"]) > 5_000
    assert outcome(cases_database) == undisturbed


async def test_asked_to_end_the_worker_finishes_its_chunk_and_ends_well(cases_database: TestDatabase) -> None:
    await send(cases_database, book())
    with worker_process(cases_database) as process:
        wait_for(lambda: lines_done(cases_database) or None, what="the worker takes lines")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    done = lines_done(cases_database)
    assert 0 < done < LINES
    async with app_engine(cases_database.app_url) as engine:
        await work_off(engine, SystemClock())
    assert select(cases_database, "SELECT state FROM import_job") == [{"state": "DONE"}]


async def test_two_workers_share_an_import_without_doing_anything_twice(
    cases_database: TestDatabase, second_database: TestDatabase
) -> None:
    body = book()
    await send(cases_database, body)
    await send(second_database, body)
    async with app_engine(second_database.app_url) as engine:
        await work_off(engine, SystemClock())
    with worker_process(cases_database), worker_process(cases_database):
        done = "SELECT 1 FROM import_job WHERE state = 'DONE'"
        wait_for(lambda: select(cases_database, done) or None, seconds=120, what="the import ends")
    assert outcome(cases_database) == outcome(second_database)


async def test_the_second_book_of_a_traeger_waits_for_the_first(cases_database: TestDatabase) -> None:
    first = await send(cases_database, ndjson(workshop(), case("a", zugang(external_ref="1"))))
    second = await send(cases_database, ndjson(case("a", zugang("2018-02-01", external_ref="1"))))
    assert first < second
    async with app_engine(cases_database.app_url) as engine:
        await work_off(engine, SystemClock())
    facts = select(cases_database, "SELECT effective_on::text FROM fact WHERE to_version IS NULL")
    assert facts == [{"effective_on": "2018-02-01"}]


async def test_an_import_that_cannot_be_worked_on_fails_and_the_next_goes_on(cases_database: TestDatabase) -> None:
    await send(cases_database, ndjson(workshop(), case("a", zugang())))
    with psycopg.connect(cases_database.superuser_conninfo, autocommit=True) as connection:
        connection.execute("UPDATE import_chunk SET first_byte = first_byte + 7")
    await send(cases_database, ndjson(workshop(), case("b", zugang())))
    async with app_engine(cases_database.app_url) as engine:
        await work_off(engine, SystemClock())
    states = select(cases_database, "SELECT state, lines_done FROM import_job ORDER BY id")
    assert [tuple(row.values()) for row in states] == [("FAILED", 0), ("DONE", 2)]


async def test_a_chunk_that_takes_too_long_is_tried_again_with_fewer_lines(cases_database: TestDatabase) -> None:
    with psycopg.connect(cases_database.superuser_conninfo, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF (SELECT count(*) FROM fresh) > 200 THEN RAISE 'too slow' USING ERRCODE = '57014'; END IF;"
            " RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE TRIGGER slow AFTER INSERT ON case_file REFERENCING NEW TABLE AS fresh"
            " FOR EACH STATEMENT EXECUTE FUNCTION slow()"
        )
    await send(cases_database, ndjson(workshop(), *[case(str(number), zugang()) for number in range(700)]))
    async with app_engine(cases_database.app_url) as engine:
        await work_off(engine, SystemClock())
    states = select(cases_database, "SELECT state, lines_taken, lines_done FROM import_job")
    assert [tuple(row.values()) for row in states] == [("DONE", 701, 701)]
    assert select(cases_database, "SELECT count(*) AS n FROM case_file") == [{"n": 700}]
