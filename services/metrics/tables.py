"""The tables of `metrics`: the movements as they arrived, and what is compacted from them.

`movement` is the truth and append-only; `cube` with its marks can be thrown away and computed again. Categories are
small numbers (`repository.codes`), an AGS is its number, a provider the number it got at first sight (from 100000, so
that one integer `key` holds either).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.base import new_metadata
from shared.events.tables import define_consumer_tables

metadata = new_metadata()

consumer_tables = define_consumer_tables(metadata)

FIRST_PROVIDER = 100_000
"""Numbers below are AGS, numbers from here on providers."""


def _cell(prefix: str) -> list[Column[object]]:
    return [
        Column(f"{prefix}_phase", SmallInteger),
        Column(f"{prefix}_provider", Integer),
        Column(f"{prefix}_place", SmallInteger),
        Column(f"{prefix}_payer", Integer),
        Column(f"{prefix}_residence", Integer),
        Column(f"{prefix}_disability", SmallInteger),
        Column(f"{prefix}_kombi", Boolean),
    ]


movement = Table(
    "movement",
    metadata,
    Column("source", SmallInteger, nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("sign", SmallInteger, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("instrument", SmallInteger),
    Column("effective_on", Date, nullable=False),
    Column("basis_on", Date, nullable=False),
    Column("decided_on", Date),
    Column("recorded_on", Date, nullable=False),
    Column("from_since", Date),
    Column("alternative_on", Date),
    Column("uebergang_on", Date),
    *_cell("from"),
    *_cell("to"),
    *_cell("uebergang"),
    Column("case_id", Uuid, nullable=False),
    Column("fact_id", Uuid, nullable=False),
    Column("case_version", Integer, nullable=False),
    Column("index", SmallInteger, nullable=False),
    Column("of", SmallInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("source", "part", "seq"),
    CheckConstraint("sign IN (-1, 1)", name="sign"),
    CheckConstraint("basis_on = coalesce(decided_on, effective_on)", name="basis"),
    Index("ix_movement_tenant_effective_on", "tenant", "effective_on"),
    Index("ix_movement_tenant_basis_on", "tenant", "basis_on"),
    Index("ix_movement_tenant_recorded_on", "tenant", "recorded_on"),
    Index(
        "ix_movement_tenant_uebergang_on",
        "tenant",
        "uebergang_on",
        postgresql_where=text("uebergang_on IS NOT NULL"),
    ),
)
"""One signed movement per row. `basis_on` is the day of the decision, or `effective_on` where there was none;
`recorded_at` is the `time` of the event (of the command that added or took back), `recorded_on` its day in Berlin."""

provider = Table(
    "provider",
    metadata,
    Column("no", Integer, Identity(always=True, start=FIRST_PROVIDER)),
    Column("tenant", Text, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    Column("mitgliedskoerperschaft", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text),
    Column("kind", SmallInteger),
    Column("valid_from", Date),
    Column("valid_to", Date),
    PrimaryKeyConstraint("no"),
    UniqueConstraint("tenant", "provider_id"),
    CheckConstraint(
        "(version = 0) = (name IS NULL) AND (version = 0) = (kind IS NULL) AND (version = 0) = (valid_from IS NULL)",
        name="described",
    ),
)
"""A provider; version 0 where a movement named it before its own event arrived."""

cube = Table(
    "cube",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("traeger", SmallInteger, nullable=False),
    Column("measure", SmallInteger, nullable=False),
    Column("attribution", SmallInteger, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("month", SmallInteger, nullable=False),
    Column("recorded_month", SmallInteger, nullable=False),
    Column("key", Integer, nullable=False),
    Column("disability", SmallInteger, nullable=False),
    Column("basis", SmallInteger, nullable=False),
    Column("cohort_month", SmallInteger, nullable=False),
    Column("net", Integer, nullable=False),
    Column("moment", Integer, nullable=False),
    PrimaryKeyConstraint(
        "traeger",
        "measure",
        "attribution",
        "level",
        "month",
        "recorded_month",
        "key",
        "disability",
        "basis",
        "cohort_month",
    ),
    CheckConstraint("traeger = CASE tenant WHEN 'LVR' THEN 1 ELSE 2 END", name="traeger"),
    CheckConstraint("level BETWEEN 1 AND 4", name="level"),
)
"""What the movements up to the marks add to each measure. Months are year × 12 + month - 1. `level`: 1 months
and 2 whole years over everything recorded whenever; 3 months by recorded month, 4 years by recorded year. The key
names the Träger by number: comparing text at every step costs half as much again as the whole row."""

cube_mark = Table(
    "cube_mark",
    metadata,
    Column("source", SmallInteger, nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("source", "part"),
)
"""Up to which number the movements of a part are in the cube; one row for every source and part from the start."""

comparison_group = Table(
    "comparison_group",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("members", JSONB, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "id", "version"),
    CheckConstraint("version >= 1", name="version"),
)
"""Versions of comparison groups, append-only; the highest is the current one."""
