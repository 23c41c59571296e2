"""The tables of `budgets`. Every one belongs to a Träger; what a grant has been is in its growing history."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.base import new_metadata
from shared.events.tables import define_consumer_tables, define_log_tables

metadata = new_metadata()

case_file = Table(
    "case_file",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("case_version", Integer, nullable=False),
    PrimaryKeyConstraint("tenant", "case_id"),
    CheckConstraint("tenant IN ('LVR', 'LWL')", name="tenant"),
)
"""One row per case with money: whoever applies a command of the case holds it."""

told_fact = Table(
    "told_fact",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("fact_id", Uuid, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("case_version", Integer, nullable=False),
    Column("entry_version", Integer, nullable=False),
    Column("entry_index", Integer, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("opens", Text, nullable=True),
    Column("enters", Text, nullable=True),
    Column("leaves", Text, nullable=True),
    Column("left_since", Date, nullable=True),
    PrimaryKeyConstraint("tenant", "fact_id"),
    ForeignKeyConstraint(["tenant", "case_id"], ["case_file.tenant", "case_file.case_id"]),
    CheckConstraint("entry_version <= case_version", name="entry"),
    CheckConstraint("(leaves IS NULL) = (left_since IS NULL)", name="left_since"),
    Index("ix_told_fact_tenant_case_id", "tenant", "case_id"),
)
"""What the newest command said of a fact that leads into or out of a funded phase, or once did."""

grants = Table(
    "grants",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("opened_by_fact", Uuid, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("start_on", Date, nullable=False),
    Column("end_on", Date, nullable=True),
    Column("decided_on", Date, nullable=True),
    Column("cell_before", JSONB, nullable=True),
    Column("cell_after", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("case_version", Integer, nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "opened_by_fact", "instrument"),
    ForeignKeyConstraint(["tenant", "case_id"], ["case_file.tenant", "case_file.case_id"]),
    CheckConstraint(
        "instrument IN ('BUDGET_FUER_ARBEIT', 'BUDGET_FUER_AUSBILDUNG', 'WERKSTATTALTERNATIVE', 'ZUVERDIENST')",
        name="instrument",
    ),
    CheckConstraint("state IN ('VORSCHLAG', 'ZURUECKGEZOGEN')", name="state"),
    CheckConstraint("end_on >= start_on - 1", name="period"),
    CheckConstraint("version >= 1", name="version"),
    Index("ix_grants_tenant_case_id", "tenant", "case_id"),
)

grant_history = Table(
    "grant_history",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("grant_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("comment", Text, nullable=True),
    Column("case_version", Integer, nullable=True),
    PrimaryKeyConstraint("tenant", "grant_id", "version"),
    ForeignKeyConstraint(["tenant", "grant_id"], ["grants.tenant", "grants.id"]),
)

log = define_log_tables(metadata)
progress = define_consumer_tables(metadata)
