"""What the database itself forbids: rows of the other Träger, rewriting the past, impossible states."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import Uuid

from services.cases.tables import metadata
from tests.integration.cases.api import Api
from tests.support.databases import TestDatabase

TENANT_TABLES = sorted(table.name for table in metadata.sorted_tables if "tenant" in table.columns)


def connect(url: str) -> psycopg.Connection:
    """A plain connection from an SQLAlchemy URL."""
    return psycopg.connect(url.replace("+psycopg", ""))


@pytest.fixture
async def filled(lwl: Api, lvr: Api) -> dict[str, str]:
    """A case with a movement and an import for each Träger; the ids of the cases."""
    ids = {}
    for api in (lwl, lvr):
        case, _ = await api.register(), await api.provider()
        await api.record(case["id"], 1, "AUFNAHME_ZUVERDIENST", "2026-02-01")
        headers = api.headers(key=f"book-{api.tenant}") | {"Content-Type": "application/x-ndjson"}
        assert (await api.client.post("/v1/imports", content=b"{}\n", headers=headers)).status_code == 202
        ids[api.tenant] = case["id"]
    return ids


@pytest.fixture
def app_connection(cases_database: TestDatabase, filled: dict[str, str]) -> Iterator[psycopg.Connection]:
    """A connection of the role behind requests, in a transaction bound to nobody yet."""
    with connect(cases_database.app_url) as connection:
        yield connection
        connection.rollback()


def bind(connection: psycopg.Connection, tenant: str) -> None:
    """What every request does first."""
    connection.execute("SELECT set_config('app.tenant_id', %s, true)", (tenant,))


class TestRows:
    def test_a_session_without_a_tenant_sees_nothing(self, app_connection: psycopg.Connection) -> None:
        for setting in (None, ""):
            if setting is not None:
                bind(app_connection, setting)
            for table in TENANT_TABLES:
                query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                assert app_connection.execute(query).fetchone() == (0,), table

    @pytest.mark.parametrize("tenant", ["LWL", "LVR"])
    def test_a_tenant_sees_its_own(self, app_connection: psycopg.Connection, tenant: str) -> None:
        bind(app_connection, tenant)
        filled = 0
        for table in TENANT_TABLES:
            query = sql.SQL("SELECT DISTINCT tenant FROM {}").format(sql.Identifier(table))
            seen = app_connection.execute(query).fetchall()
            assert seen in ([(tenant,)], []), table
            filled += bool(seen)
        assert filled >= 8

    def test_the_binding_ends_with_the_transaction(self, app_connection: psycopg.Connection) -> None:
        bind(app_connection, "LWL")
        app_connection.commit()
        assert app_connection.execute("SELECT count(*) FROM case_file").fetchone() == (0,)

    def test_nothing_is_written_for_another_tenant(
        self, app_connection: psycopg.Connection, filled: dict[str, str]
    ) -> None:
        bind(app_connection, "LWL")
        statements = (
            "INSERT INTO case_file SELECT 'LVR', gen_random_uuid(), 'x', payer_mk, residence_mk, disability, kombi,"
            " 1, recorded_at FROM case_file",
            "INSERT INTO outbox_in (tenant, part, key, key_version, recorded_at, event_ids, types, bodies)"
            " SELECT 'LVR', part, key, key_version + 1, recorded_at, event_ids, types, bodies FROM outbox_in",
        )
        for statement in statements:
            with pytest.raises(errors.InsufficientPrivilege), app_connection.transaction():
                app_connection.execute(statement)
        changed = app_connection.execute("UPDATE case_file SET version = 9 WHERE id = %s", (filled["LVR"],))
        assert changed.rowcount == 0


class TestPast:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE command SET reason = 'other'",
            "DELETE FROM command",
            "UPDATE fact SET movement = NULL",
            "UPDATE fact SET effective_on = effective_on",
            "DELETE FROM fact",
            "UPDATE case_file SET payer_mk = '05570'",
            "DELETE FROM case_file",
            "UPDATE provider SET kind = kind",
            "UPDATE provider SET valid_from = valid_from",
            "DELETE FROM provider",
            "UPDATE event_log SET envelope = ''",
            "DELETE FROM event_log",
            "UPDATE outbox_in SET bodies = bodies",
            "DELETE FROM outbox_in",
            "UPDATE idempotency_key SET status = 200",
            "DELETE FROM idempotency_key",
            "DELETE FROM import_job",
            "UPDATE import_job SET scopes = ''",
            "UPDATE import_problem SET title = ''",
            "SET ROLE cases_owner",
        ],
    )
    def test_is_out_of_reach_for_requests(self, app_connection: psycopg.Connection, statement: str) -> None:
        bind(app_connection, "LWL")
        with pytest.raises(errors.InsufficientPrivilege):
            app_connection.execute(sql.SQL(statement))

    def test_is_out_of_sight_for_the_loops(self, cases_database: TestDatabase, filled: dict[str, str]) -> None:
        with connect(cases_database.worker_url) as connection:
            for table in ("case_file", "command", "fact", "provider", "import_job", "import_chunk"):
                query = sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(table))
                with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                    connection.execute(query)
            assert connection.execute("SELECT count(*) FROM outbox_in").fetchone() == (6,)


class TestStates:
    """The second assertion: what the domain ensures, the tables refuse too."""

    @pytest.mark.parametrize(
        ("statement", "error"),
        [
            ("UPDATE fact SET to_version = from_version", errors.CheckViolation),
            ("UPDATE fact SET cancelled = true", errors.CheckViolation),
            ("UPDATE fact SET movement = NULL", errors.CheckViolation),
            ("UPDATE fact SET to_phase = NULL", errors.CheckViolation),
            ("UPDATE fact SET to_phase = 'EV'", errors.CheckViolation),
            ("UPDATE fact SET to_provider_id = gen_random_uuid()", errors.CheckViolation),
            ("UPDATE fact SET effective_on = '1969-12-31'", errors.CheckViolation),
            ("UPDATE fact SET entry = 0", errors.CheckViolation),
            ("UPDATE fact SET kind = 'UNBEKANNT'", errors.CheckViolation),
            ("UPDATE fact SET from_version = 7", errors.ForeignKeyViolation),
            ("UPDATE case_file SET line_hash = ''", errors.CheckViolation),
            ("UPDATE case_file SET line_hash = '', line_version = version + 1", errors.CheckViolation),
            ("UPDATE case_file SET disability = 'X'", errors.CheckViolation),
            ("UPDATE case_file SET tenant = 'XYZ'", errors.CheckViolation),
            ("UPDATE command SET act = 'ADD'", errors.CheckViolation),
            ("UPDATE command SET reason = ''", errors.CheckViolation),
            ("UPDATE provider SET valid_to = valid_from - 1", errors.CheckViolation),
            ("UPDATE import_job SET lines_done = 1", errors.CheckViolation),
            ("UPDATE import_job SET position = body_bytes + 1", errors.CheckViolation),
            ("UPDATE import_job SET state = 'DONE'", errors.CheckViolation),
            ("DELETE FROM command", errors.ForeignKeyViolation),
            (
                "INSERT INTO fact SELECT tenant, case_id, fact_id, from_version + 1, to_version, entry, kind,"
                " effective_on, attributes, cancelled, origin, external_ref, movement, movement_recorded_at,"
                " to_phase, to_provider_id, to_payer_mk FROM fact",
                errors.UniqueViolation,
            ),
        ],
    )
    def test_are_refused(
        self,
        cases_database: TestDatabase,
        filled: dict[str, str],
        statement: str,
        error: type[Exception],
    ) -> None:
        with psycopg.connect(cases_database.superuser_conninfo) as connection:
            with pytest.raises(error), connection.transaction():
                connection.execute(sql.SQL(statement))
            connection.rollback()


def test_ids_are_uuids_of_version_7(cases_database: TestDatabase, filled: dict[str, str]) -> None:
    with psycopg.connect(cases_database.superuser_conninfo) as connection:
        for table, column in (("case_file", "id"), ("provider", "id"), ("fact", "fact_id"), ("import_job", "id")):
            assert isinstance(metadata.tables[table].c[column].type, Uuid)
            query = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), sql.Identifier(table))
            ids: list[UUID] = [row[0] for row in connection.execute(query)]
            assert {identifier.version for identifier in ids} == {7}
