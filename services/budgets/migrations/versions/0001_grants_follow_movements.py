"""Grants and their history, what was told of facts, the event log and the progress of the consumer."""

from alembic import op

from shared.db.base import row_level_security
from shared.events.tables import (
    create_consumer_tables_v1,
    create_log_tables_v1,
    drop_consumer_tables_v1,
    drop_log_tables_v1,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE case_file (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    case_version integer NOT NULL,
    CONSTRAINT pk_case_file PRIMARY KEY (tenant, case_id),
    CONSTRAINT ck_case_file_tenant CHECK (tenant IN ('LVR', 'LWL'))
);

CREATE TABLE told_fact (
    tenant text NOT NULL,
    fact_id uuid NOT NULL,
    case_id uuid NOT NULL,
    case_version integer NOT NULL,
    entry_version integer NOT NULL,
    entry_index integer NOT NULL,
    effective_on date NOT NULL,
    opens text,
    enters text,
    leaves text,
    left_since date,
    CONSTRAINT pk_told_fact PRIMARY KEY (tenant, fact_id),
    CONSTRAINT fk_told_fact_tenant_case_id_case_file
        FOREIGN KEY (tenant, case_id) REFERENCES case_file (tenant, case_id),
    CONSTRAINT ck_told_fact_entry CHECK (entry_version <= case_version),
    CONSTRAINT ck_told_fact_left_since CHECK ((leaves IS NULL) = (left_since IS NULL))
);
CREATE INDEX ix_told_fact_tenant_case_id ON told_fact (tenant, case_id);

CREATE TABLE grants (
    tenant text NOT NULL,
    id uuid NOT NULL,
    case_id uuid NOT NULL,
    opened_by_fact uuid NOT NULL,
    instrument text NOT NULL,
    state text NOT NULL,
    start_on date NOT NULL,
    end_on date,
    decided_on date,
    cell_before jsonb,
    cell_after jsonb NOT NULL,
    version integer NOT NULL,
    case_version integer NOT NULL,
    CONSTRAINT pk_grants PRIMARY KEY (tenant, id),
    CONSTRAINT uq_grants_tenant_opened_by_fact_instrument UNIQUE (tenant, opened_by_fact, instrument),
    CONSTRAINT fk_grants_tenant_case_id_case_file
        FOREIGN KEY (tenant, case_id) REFERENCES case_file (tenant, case_id),
    CONSTRAINT ck_grants_instrument CHECK (
        instrument IN ('BUDGET_FUER_ARBEIT', 'BUDGET_FUER_AUSBILDUNG', 'WERKSTATTALTERNATIVE', 'ZUVERDIENST')),
    CONSTRAINT ck_grants_state CHECK (state IN ('VORSCHLAG', 'ZURUECKGEZOGEN')),
    CONSTRAINT ck_grants_period CHECK (end_on >= start_on - 1),
    CONSTRAINT ck_grants_version CHECK (version >= 1)
);
CREATE INDEX ix_grants_tenant_case_id ON grants (tenant, case_id);

CREATE TABLE grant_history (
    tenant text NOT NULL,
    grant_id uuid NOT NULL,
    version integer NOT NULL,
    at timestamptz NOT NULL,
    by text NOT NULL,
    act text NOT NULL,
    comment text,
    case_version integer,
    CONSTRAINT pk_grant_history PRIMARY KEY (tenant, grant_id, version),
    CONSTRAINT fk_grant_history_tenant_grant_id_grants
        FOREIGN KEY (tenant, grant_id) REFERENCES grants (tenant, id)
);
"""

OWN_TABLES = ("case_file", "told_fact", "grants", "grant_history")


def upgrade() -> None:
    op.execute(TABLES)
    for table in OWN_TABLES:
        for statement in row_level_security(table):
            op.execute(statement)
    op.execute("GRANT SELECT ON grants, grant_history TO budgets_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON case_file, told_fact, grants TO budgets_worker")
    op.execute("GRANT SELECT, INSERT ON grant_history TO budgets_worker")
    create_log_tables_v1(op, "budgets")
    create_consumer_tables_v1(op, "budgets")


def downgrade() -> None:
    drop_consumer_tables_v1(op)
    drop_log_tables_v1(op)
    for table in reversed(OWN_TABLES):
        op.execute(f"DROP TABLE {table}")
