"""What all tables share: names of constraints, and the row-level security of tables with a tenant."""

from collections.abc import Iterable

from sqlalchemy import MetaData

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def new_metadata() -> MetaData:
    """An empty collection of tables with our names for constraints."""
    return MetaData(naming_convention=NAMING)


def row_level_security(table: str) -> Iterable[str]:
    """The statements that confine a table to the tenant of the transaction, for everybody but BYPASSRLS roles.

    The scalar sub-select is evaluated once per statement, so the index on `tenant` is used. A transaction that
    is bound to no tenant sees nothing: an unset setting is NULL, an ended one the empty string.
    """
    condition = "tenant = (SELECT current_setting('app.tenant_id', true))"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition})"
