"""The histories of all services: up, down and up again, to tables that are those of `tables.py`, closed to others."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import MetaData, create_engine, text

from shared.db.migrations import config_for, downgrade, upgrade
from tests.support.databases import Cluster, TestDatabase

ROOT = Path(__file__).parents[3]
SERVICES = sorted(path.parts[-3] for path in ROOT.glob("services/*/migrations/env.py"))

_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
           pg_get_expr(d.adbin, d.adrelid)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace(%(schema)s) AND c.relname <> 'alembic_version'
"""
_CONSTRAINTS = """
    SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
    FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
    WHERE c.relnamespace = to_regnamespace(%(schema)s) AND k.contype <> 'n' AND c.relname <> 'alembic_version'
"""
_INDEXES = """
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = %(schema)s AND tablename <> 'alembic_version'
"""


def metadata_of(service: str) -> MetaData:
    """The tables that the code of a service works with."""
    found: Any = importlib.import_module(f"services.{service}.tables").metadata
    assert isinstance(found, MetaData)
    return found


def revisions_of(service: str) -> list[str]:
    """All revisions, the first one first; there must be a single head."""
    directory = ScriptDirectory.from_config(config_for(service, ""))
    assert len(directory.get_heads()) == 1
    return [revision.revision for revision in directory.walk_revisions()][::-1]


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    """Each service with a history."""
    return str(request.param)


@pytest.fixture
def database(cluster: Cluster, service: str) -> Iterator[TestDatabase]:
    """Its migrated database."""
    created = cluster.create(service)
    yield created
    cluster.drop(created)


def shape(database: TestDatabase, schema: str) -> dict[str, set[tuple[Any, ...]]]:
    """Columns, constraints and indexes of a schema, without its name."""
    found = {}
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        for kind, query in (("columns", _COLUMNS), ("constraints", _CONSTRAINTS), ("indexes", _INDEXES)):
            rows = connection.execute(query, {"schema": schema}).fetchall()
            found[kind] = {
                tuple(value.replace(f"{schema}.", "") if isinstance(value, str) else value for value in row)
                for row in rows
            }
    return found


def test_every_step_goes_down_and_up_again(service: str, database: TestDatabase) -> None:
    revisions = revisions_of(service)
    at_head = shape(database, "public")
    assert at_head["columns"]
    downgrade(service, database.owner_url, "base")
    assert shape(database, "public")["columns"] == set()
    for before, revision in zip([None, *revisions], revisions, strict=False):
        upgrade(service, database.owner_url, revision)
        after = shape(database, "public")
        downgrade(service, database.owner_url, before or "base")
        upgrade(service, database.owner_url, revision)
        assert shape(database, "public") == after
    assert shape(database, "public") == at_head


def test_the_tables_are_those_the_code_works_with(service: str, database: TestDatabase) -> None:
    migrated = shape(database, "public")
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA model")
        connection.execute(
            sql.SQL("GRANT CREATE, USAGE ON SCHEMA model TO {}").format(sql.Identifier(f"{service}_owner"))
        )
    engine = create_engine(database.owner_url, execution_options={"schema_translate_map": {None: "model"}})
    with engine.begin() as connection:
        connection.execute(text("SET search_path TO model"))
        metadata_of(service).create_all(connection)
    engine.dispose()
    assert shape(database, "model") == migrated


def test_every_table_with_a_tenant_is_closed_to_other_tenants(service: str, database: TestDatabase) -> None:
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        tables = connection.execute(
            """
            SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
                   (SELECT array_agg(p.polname || ' ' || p.polcmd::text) FROM pg_policy AS p
                    WHERE p.polrelid = c.oid AND p.polpermissive AND p.polroles = '{0}')
            FROM pg_class AS c
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant'
            WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
            """
        ).fetchall()
    assert tables
    assert {row[0]: row[1:] for row in tables} == {row[0]: (True, True, ["tenant *"]) for row in tables}


def test_the_app_role_cannot_go_around_it(service: str, database: TestDatabase) -> None:
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication FROM pg_roles"
            " WHERE rolname LIKE %s",
            (f"{service}_%",),
        ).fetchall()
        owners = connection.execute(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v')"
        ).fetchall()
        members = connection.execute(
            "SELECT 1 FROM pg_auth_members WHERE member::regrole::text LIKE %s", (f"{service}_%",)
        ).fetchall()
    assert set(roles) == {
        (f"{service}_app", False, False, False, False),
        (f"{service}_owner", False, False, False, False),
        (f"{service}_worker", False, True, False, False),
    }
    assert owners == [(f"{service}_owner",)]
    assert members == []


def test_nobody_may_create_or_reshape_anything_but_the_owner(service: str, database: TestDatabase) -> None:
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        for role in (f"{service}_app", f"{service}_worker"):
            row = connection.execute(
                "SELECT has_schema_privilege(%(role)s, 'public', 'CREATE'),"
                " bool_or(has_table_privilege(%(role)s, oid, 'TRUNCATE, TRIGGER, REFERENCES, MAINTAIN'))"
                " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')",
                {"role": role},
            ).fetchone()
            assert row == (False, False), role
