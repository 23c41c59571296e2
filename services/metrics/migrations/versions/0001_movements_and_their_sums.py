"""Movements, providers, the cube with its marks, comparison groups, progress of the consumers."""

from alembic import op

from shared.contracts.parts import PARTS
from shared.db.base import row_level_security
from shared.events.tables import create_consumer_tables_v1, drop_consumer_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_CELL = """
    {0}_phase smallint,
    {0}_provider integer,
    {0}_place smallint,
    {0}_payer integer,
    {0}_residence integer,
    {0}_disability smallint,
    {0}_kombi boolean,
"""

TABLES = (
    f"""
CREATE TABLE movement (
    source smallint NOT NULL,
    part smallint NOT NULL,
    seq bigint NOT NULL,
    tenant text NOT NULL,
    sign smallint NOT NULL,
    kind smallint NOT NULL,
    instrument smallint,
    effective_on date NOT NULL,
    basis_on date NOT NULL,
    decided_on date,
    recorded_on date NOT NULL,
    from_since date,
    alternative_on date,
    uebergang_on date,
    {_CELL.format("from")}
    {_CELL.format("to")}
    {_CELL.format("uebergang")}
    case_id uuid NOT NULL,
    fact_id uuid NOT NULL,
    case_version integer NOT NULL,
    index smallint NOT NULL,
    of smallint NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_movement PRIMARY KEY (source, part, seq),
    CONSTRAINT ck_movement_sign CHECK (sign IN (-1, 1)),
    CONSTRAINT ck_movement_basis CHECK (basis_on = coalesce(decided_on, effective_on))
)
""",
    "CREATE INDEX ix_movement_tenant_effective_on ON movement (tenant, effective_on)",
    "CREATE INDEX ix_movement_tenant_basis_on ON movement (tenant, basis_on)",
    "CREATE INDEX ix_movement_tenant_recorded_on ON movement (tenant, recorded_on)",
    "CREATE INDEX ix_movement_tenant_uebergang_on ON movement (tenant, uebergang_on) WHERE uebergang_on IS NOT NULL",
    """
CREATE TABLE provider (
    no integer GENERATED ALWAYS AS IDENTITY (START WITH 100000),
    tenant text NOT NULL,
    provider_id uuid NOT NULL,
    mitgliedskoerperschaft integer NOT NULL,
    version integer NOT NULL,
    name text,
    kind smallint,
    valid_from date,
    valid_to date,
    CONSTRAINT pk_provider PRIMARY KEY (no),
    CONSTRAINT uq_provider_tenant_provider_id UNIQUE (tenant, provider_id),
    CONSTRAINT ck_provider_described CHECK (
        (version = 0) = (name IS NULL) AND (version = 0) = (kind IS NULL) AND (version = 0) = (valid_from IS NULL))
)
""",
    """
CREATE TABLE cube (
    tenant text NOT NULL,
    traeger smallint NOT NULL,
    measure smallint NOT NULL,
    attribution smallint NOT NULL,
    level smallint NOT NULL,
    month smallint NOT NULL,
    recorded_month smallint NOT NULL,
    key integer NOT NULL,
    disability smallint NOT NULL,
    basis smallint NOT NULL,
    cohort_month smallint NOT NULL,
    net integer NOT NULL,
    moment integer NOT NULL,
    CONSTRAINT pk_cube PRIMARY KEY
        (traeger, measure, attribution, level, month, recorded_month, key, disability, basis, cohort_month),
    CONSTRAINT ck_cube_traeger CHECK (traeger = CASE tenant WHEN 'LVR' THEN 1 ELSE 2 END),
    CONSTRAINT ck_cube_level CHECK (level BETWEEN 1 AND 4)
) WITH (fillfactor = 80)
""",
    """
CREATE TABLE cube_mark (
    source smallint NOT NULL,
    part smallint NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT pk_cube_mark PRIMARY KEY (source, part)
) WITH (fillfactor = 50)
""",
    """
CREATE TABLE comparison_group (
    tenant text NOT NULL,
    id text NOT NULL,
    version integer NOT NULL,
    title text NOT NULL,
    members jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    CONSTRAINT pk_comparison_group PRIMARY KEY (tenant, id, version),
    CONSTRAINT ck_comparison_group_version CHECK (version >= 1)
)
""",
)

SOURCES = 2

MARKS = f"""
INSERT INTO cube_mark
SELECT source, part, 0 FROM generate_series(1, {SOURCES}) AS source, generate_series(0, {PARTS - 1}) AS part
"""  # noqa: S608 - constants

GRANTS = (
    "GRANT SELECT ON movement, provider, cube, cube_mark TO metrics_app",
    "GRANT SELECT, INSERT ON comparison_group TO metrics_app",
    "GRANT SELECT, INSERT ON movement TO metrics_worker",
    "GRANT SELECT, INSERT, UPDATE ON provider, cube TO metrics_worker",
    "GRANT SELECT, UPDATE ON cube_mark TO metrics_worker",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table in ("movement", "provider", "cube", "comparison_group"):
        for statement in row_level_security(table):
            op.execute(statement)
    op.execute(MARKS)
    for statement in GRANTS:
        op.execute(statement)
    create_consumer_tables_v1(op, "metrics")


def downgrade() -> None:
    drop_consumer_tables_v1(op)
    op.execute("DROP TABLE movement, provider, cube, cube_mark, comparison_group")
