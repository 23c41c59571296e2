"""The tables of `cases`. Every one belongs to a Träger; constraints assert a second time what the domain ensures.

A change writes, never overwrites: `command` is append-only, and of a `fact` only `to_version` is ever set later. So
the timeline of a case as it was known on any day is a plain read.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.db.base import new_metadata
from shared.db.idempotency import define_idempotency_table
from shared.events.tables import define_log_tables

metadata = new_metadata()

provider = Table(
    "provider",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("mitgliedskoerperschaft", Text, nullable=False),
    Column("external_ref", Text),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "external_ref"),
    CheckConstraint("tenant IN ('LVR', 'LWL')", name="tenant"),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint("kind IN ('WFBM', 'ANDERER_LEISTUNGSANBIETER')", name="kind"),
    CheckConstraint("mitgliedskoerperschaft ~ '^[0-9]{5}$'", name="mitgliedskoerperschaft"),
    CheckConstraint("valid_to >= valid_from", name="validity"),
)
"""A WfbM or anderer Leistungsanbieter. Both days of its validity are inclusive; `valid_to` null is open."""

case_file = Table(
    "case_file",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("external_ref", Text, nullable=False),
    Column("payer_mk", Text, nullable=False),
    Column("residence_mk", Text, nullable=False),
    Column("disability", Text, nullable=False),
    Column("kombi", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("line_hash", LargeBinary),
    Column("line_version", Integer),
    PrimaryKeyConstraint("tenant", "id"),
    UniqueConstraint("tenant", "external_ref"),
    CheckConstraint("tenant IN ('LVR', 'LWL')", name="tenant"),
    CheckConstraint("payer_mk ~ '^[0-9]{5}$'", name="payer_mk"),
    CheckConstraint("residence_mk ~ '^[0-9]{5}$'", name="residence_mk"),
    CheckConstraint("disability IN ('GEISTIG', 'KOERPERLICH', 'SEELISCH')", name="disability"),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint(
        "(line_hash IS NULL) = (line_version IS NULL) AND line_version BETWEEN 1 AND version", name="line"
    ),
)
"""A person's file: what registration fixed, the present version and the instant of its command.

`line_hash` is the digest of the last import line that was taken, beside the version the file then had: an equal
line for a file of that version needs no look at the facts.
"""

command = Table(
    "command",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("act", Text, nullable=False),
    Column("reason", Text),
    Column("subject", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "case_id", "version"),
    ForeignKeyConstraint(["tenant", "case_id"], ["case_file.tenant", "case_file.id"]),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint("act IN ('REGISTER', 'ADD', 'AMEND', 'CANCEL', 'CORRECT', 'IMPORT')", name="act"),
    CheckConstraint("(act = 'REGISTER') = (version = 1)", name="registration"),
    CheckConstraint("char_length(reason) BETWEEN 1 AND 500", name="reason"),
)
"""Who did what to a file, when and why. Append-only: version 1 is the registration."""

fact = Table(
    "fact",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("fact_id", Uuid, nullable=False),
    Column("from_version", Integer, nullable=False),
    Column("to_version", Integer),
    Column("entry", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("origin", Text, nullable=False),
    Column("external_ref", Text),
    Column("movement", JSONB),
    Column("movement_recorded_at", DateTime(timezone=True)),
    Column("to_phase", Text),
    Column("to_provider_id", Uuid),
    Column("to_payer_mk", Text),
    PrimaryKeyConstraint("tenant", "case_id", "fact_id", "from_version"),
    ForeignKeyConstraint(
        ["tenant", "case_id", "from_version"], ["command.tenant", "command.case_id", "command.version"]
    ),
    Index(
        "uq_fact_present",
        "tenant",
        "case_id",
        "fact_id",
        unique=True,
        postgresql_where=text("to_version IS NULL"),
    ),
    Index(
        "uq_fact_external_ref",
        "tenant",
        "case_id",
        "external_ref",
        unique=True,
        postgresql_where=text("to_version IS NULL AND external_ref IS NOT NULL"),
    ),
    Index("ix_fact_phase", "tenant", "to_phase", "case_id", postgresql_where=text("to_version IS NULL")),
    Index("ix_fact_payer", "tenant", "to_payer_mk", "case_id", postgresql_where=text("to_version IS NULL")),
    Index(
        "ix_fact_provider",
        "tenant",
        "to_provider_id",
        "case_id",
        postgresql_where=text("to_version IS NULL AND to_provider_id IS NOT NULL"),
    ),
    CheckConstraint("from_version >= 2 AND to_version > from_version", name="versions"),
    CheckConstraint("entry >= 1", name="entry"),
    CheckConstraint(
        "kind IN ('ZUGANG_EV', 'ZUGANG_BBB', 'EINTRITT_BBB', 'ZUGANG_ARBEITSBEREICH', 'PLATZWECHSEL',"
        " 'ANBIETERWECHSEL', 'MERKMALSAENDERUNG', 'UEBERGANG', 'WERKSTATTALTERNATIVE', 'FOERDERENDE',"
        " 'FOLGEFOERDERUNG', 'RUECKKEHR', 'AUFNAHME_ZUVERDIENST', 'ABGANG')",
        name="kind",
    ),
    CheckConstraint("effective_on >= DATE '1970-01-01'", name="effective_on"),
    CheckConstraint("jsonb_typeof(attributes) = 'object'", name="attributes"),
    CheckConstraint("origin IN ('API', 'IMPORT')", name="origin"),
    CheckConstraint("cancelled = (movement IS NULL)", name="cancelled"),
    CheckConstraint("(movement IS NULL) = (movement_recorded_at IS NULL)", name="movement"),
    CheckConstraint(
        "to_phase IN ('EV', 'BBB', 'ARBEITSBEREICH', 'BUDGET_FUER_ARBEIT', 'BUDGET_FUER_AUSBILDUNG',"
        " 'WERKSTATTALTERNATIVE', 'ALLGEMEINER_ARBEITSMARKT', 'ZUVERDIENST')",
        name="to_phase",
    ),
    CheckConstraint("(to_phase IS NULL) = (to_payer_mk IS NULL)", name="to_cell"),
    CheckConstraint(
        "(coalesce(to_phase, '') IN ('EV', 'BBB', 'ARBEITSBEREICH')) = (to_provider_id IS NOT NULL)",
        name="to_provider",
    ),
)
"""The facts of the timelines, one row per state of a fact: valid from `from_version` of its case until before
`to_version`, null = present. A new row is written whenever the fact or only its movement changes.

`movement` is the complete present movement as on the wire, null once the fact is cancelled; `to_…` repeats the cell
it leads to, for the filters. A fact without `to_phase` that is not cancelled leads to no cell (`ABGANG`).
"""

import_job = Table(
    "import_job",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("subject", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("body_bytes", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False, server_default=text("0")),
    Column("lines_total", BigInteger, nullable=False),
    Column("lines_done", BigInteger, nullable=False, server_default=text("0")),
    Column("lines_taken", BigInteger, nullable=False, server_default=text("0")),
    Column("lines_unchanged", BigInteger, nullable=False, server_default=text("0")),
    Column("lines_refused", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("tenant", "id"),
    Index("ix_import_job_running", "tenant", "id", postgresql_where=text("state = 'RUNNING'")),
    CheckConstraint("tenant IN ('LVR', 'LWL')", name="tenant"),
    CheckConstraint("state IN ('RUNNING', 'DONE', 'FAILED')", name="state"),
    CheckConstraint("(state = 'RUNNING') = (finished_at IS NULL)", name="finished"),
    CheckConstraint("position BETWEEN 0 AND body_bytes", name="position"),
    CheckConstraint(
        "lines_done = lines_taken + lines_unchanged + lines_refused AND lines_done <= lines_total"
        " AND lines_taken >= 0 AND lines_unchanged >= 0 AND lines_refused >= 0",
        name="lines",
    ),
)
"""An import whose body is stored completely. `position` = bytes whose lines are done, where work resumes.

`scopes` are those of the token that sent it (space separated): they decide what its lines may do.
"""

import_chunk = Table(
    "import_chunk",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("import_id", Uuid, nullable=False),
    Column("first_byte", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("tenant", "import_id", "first_byte"),
    CheckConstraint("tenant IN ('LVR', 'LWL')", name="tenant"),
    CheckConstraint("first_byte >= 0", name="first_byte"),
    CheckConstraint("octet_length(body) > 0", name="body"),
)
"""A piece of a stored body; `first_byte` is its offset. Pieces without a job: a transfer that runs, or broke."""

import_problem = Table(
    "import_problem",
    metadata,
    Column("tenant", Text, nullable=False),
    Column("import_id", Uuid, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("external_ref", Text),
    Column("type", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("pointer", Text),
    PrimaryKeyConstraint("tenant", "import_id", "line"),
    ForeignKeyConstraint(["tenant", "import_id"], ["import_job.tenant", "import_job.id"]),
    CheckConstraint("line >= 1", name="line"),
)
"""Why a line of an import was refused; lines are counted from 1."""

idempotency_key = define_idempotency_table(metadata)
log = define_log_tables(metadata)
