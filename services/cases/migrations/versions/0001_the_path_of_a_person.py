"""Providers, files with their commands and facts, imports; keys of requests and the event log."""

from collections.abc import Iterable

from alembic import op

from shared.db.base import row_level_security
from shared.db.idempotency import create_idempotency_table_v1
from shared.events.tables import create_log_tables_v1, drop_log_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE provider (
    tenant text NOT NULL,
    id uuid NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    mitgliedskoerperschaft text NOT NULL,
    external_ref text,
    valid_from date NOT NULL,
    valid_to date,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_provider PRIMARY KEY (tenant, id),
    CONSTRAINT uq_provider_tenant_external_ref UNIQUE (tenant, external_ref),
    CONSTRAINT ck_provider_tenant CHECK (tenant IN ('LVR', 'LWL')),
    CONSTRAINT ck_provider_version CHECK (version >= 1),
    CONSTRAINT ck_provider_kind CHECK (kind IN ('WFBM', 'ANDERER_LEISTUNGSANBIETER')),
    CONSTRAINT ck_provider_mitgliedskoerperschaft CHECK (mitgliedskoerperschaft ~ '^[0-9]{5}$'),
    CONSTRAINT ck_provider_validity CHECK (valid_to >= valid_from)
);

CREATE TABLE case_file (
    tenant text NOT NULL,
    id uuid NOT NULL,
    external_ref text NOT NULL,
    payer_mk text NOT NULL,
    residence_mk text NOT NULL,
    disability text NOT NULL,
    kombi boolean NOT NULL,
    version integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    line_hash bytea,
    line_version integer,
    CONSTRAINT pk_case_file PRIMARY KEY (tenant, id),
    CONSTRAINT uq_case_file_tenant_external_ref UNIQUE (tenant, external_ref),
    CONSTRAINT ck_case_file_tenant CHECK (tenant IN ('LVR', 'LWL')),
    CONSTRAINT ck_case_file_payer_mk CHECK (payer_mk ~ '^[0-9]{5}$'),
    CONSTRAINT ck_case_file_residence_mk CHECK (residence_mk ~ '^[0-9]{5}$'),
    CONSTRAINT ck_case_file_disability CHECK (disability IN ('GEISTIG', 'KOERPERLICH', 'SEELISCH')),
    CONSTRAINT ck_case_file_version CHECK (version >= 1),
    CONSTRAINT ck_case_file_line CHECK (
        (line_hash IS NULL) = (line_version IS NULL) AND line_version BETWEEN 1 AND version
    )
);

CREATE TABLE command (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    version integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    act text NOT NULL,
    reason text,
    subject text NOT NULL,
    client_id text NOT NULL,
    CONSTRAINT pk_command PRIMARY KEY (tenant, case_id, version),
    CONSTRAINT fk_command_tenant_case_id_case_file FOREIGN KEY (tenant, case_id) REFERENCES case_file (tenant, id),
    CONSTRAINT ck_command_version CHECK (version >= 1),
    CONSTRAINT ck_command_act CHECK (act IN ('REGISTER', 'ADD', 'AMEND', 'CANCEL', 'CORRECT', 'IMPORT')),
    CONSTRAINT ck_command_registration CHECK ((act = 'REGISTER') = (version = 1)),
    CONSTRAINT ck_command_reason CHECK (char_length(reason) BETWEEN 1 AND 500)
);

CREATE TABLE fact (
    tenant text NOT NULL,
    case_id uuid NOT NULL,
    fact_id uuid NOT NULL,
    from_version integer NOT NULL,
    to_version integer,
    entry integer NOT NULL,
    kind text NOT NULL,
    effective_on date NOT NULL,
    attributes jsonb NOT NULL,
    cancelled boolean NOT NULL,
    origin text NOT NULL,
    external_ref text,
    movement jsonb,
    movement_recorded_at timestamptz,
    to_phase text,
    to_provider_id uuid,
    to_payer_mk text,
    CONSTRAINT pk_fact PRIMARY KEY (tenant, case_id, fact_id, from_version),
    CONSTRAINT fk_fact_tenant_case_id_from_version_command
        FOREIGN KEY (tenant, case_id, from_version) REFERENCES command (tenant, case_id, version),
    CONSTRAINT ck_fact_versions CHECK (from_version >= 2 AND to_version > from_version),
    CONSTRAINT ck_fact_entry CHECK (entry >= 1),
    CONSTRAINT ck_fact_kind CHECK (kind IN (
        'ZUGANG_EV', 'ZUGANG_BBB', 'EINTRITT_BBB', 'ZUGANG_ARBEITSBEREICH', 'PLATZWECHSEL', 'ANBIETERWECHSEL',
        'MERKMALSAENDERUNG', 'UEBERGANG', 'WERKSTATTALTERNATIVE', 'FOERDERENDE', 'FOLGEFOERDERUNG', 'RUECKKEHR',
        'AUFNAHME_ZUVERDIENST', 'ABGANG'
    )),
    CONSTRAINT ck_fact_effective_on CHECK (effective_on >= DATE '1970-01-01'),
    CONSTRAINT ck_fact_attributes CHECK (jsonb_typeof(attributes) = 'object'),
    CONSTRAINT ck_fact_origin CHECK (origin IN ('API', 'IMPORT')),
    CONSTRAINT ck_fact_cancelled CHECK (cancelled = (movement IS NULL)),
    CONSTRAINT ck_fact_movement CHECK ((movement IS NULL) = (movement_recorded_at IS NULL)),
    CONSTRAINT ck_fact_to_phase CHECK (to_phase IN (
        'EV', 'BBB', 'ARBEITSBEREICH', 'BUDGET_FUER_ARBEIT', 'BUDGET_FUER_AUSBILDUNG', 'WERKSTATTALTERNATIVE',
        'ALLGEMEINER_ARBEITSMARKT', 'ZUVERDIENST'
    )),
    CONSTRAINT ck_fact_to_cell CHECK ((to_phase IS NULL) = (to_payer_mk IS NULL)),
    CONSTRAINT ck_fact_to_provider CHECK (
        (coalesce(to_phase, '') IN ('EV', 'BBB', 'ARBEITSBEREICH')) = (to_provider_id IS NOT NULL)
    )
);
CREATE UNIQUE INDEX uq_fact_present ON fact (tenant, case_id, fact_id) WHERE to_version IS NULL;
CREATE UNIQUE INDEX uq_fact_external_ref ON fact (tenant, case_id, external_ref)
    WHERE to_version IS NULL AND external_ref IS NOT NULL;
CREATE INDEX ix_fact_phase ON fact (tenant, to_phase, case_id) WHERE to_version IS NULL;
CREATE INDEX ix_fact_payer ON fact (tenant, to_payer_mk, case_id) WHERE to_version IS NULL;
CREATE INDEX ix_fact_provider ON fact (tenant, to_provider_id, case_id)
    WHERE to_version IS NULL AND to_provider_id IS NOT NULL;

CREATE TABLE import_job (
    tenant text NOT NULL,
    id uuid NOT NULL,
    state text NOT NULL,
    dry_run boolean NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    subject text NOT NULL,
    client_id text NOT NULL,
    scopes text NOT NULL,
    body_bytes bigint NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    lines_total bigint NOT NULL,
    lines_done bigint NOT NULL DEFAULT 0,
    lines_taken bigint NOT NULL DEFAULT 0,
    lines_unchanged bigint NOT NULL DEFAULT 0,
    lines_refused bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_import_job PRIMARY KEY (tenant, id),
    CONSTRAINT ck_import_job_tenant CHECK (tenant IN ('LVR', 'LWL')),
    CONSTRAINT ck_import_job_state CHECK (state IN ('RUNNING', 'DONE', 'FAILED')),
    CONSTRAINT ck_import_job_finished CHECK ((state = 'RUNNING') = (finished_at IS NULL)),
    CONSTRAINT ck_import_job_position CHECK (position BETWEEN 0 AND body_bytes),
    CONSTRAINT ck_import_job_lines CHECK (
        lines_done = lines_taken + lines_unchanged + lines_refused AND lines_done <= lines_total
        AND lines_taken >= 0 AND lines_unchanged >= 0 AND lines_refused >= 0
    )
);
CREATE INDEX ix_import_job_running ON import_job (tenant, id) WHERE state = 'RUNNING';

CREATE TABLE import_chunk (
    tenant text NOT NULL,
    import_id uuid NOT NULL,
    first_byte bigint NOT NULL,
    body bytea NOT NULL,
    stored_at timestamptz NOT NULL,
    CONSTRAINT pk_import_chunk PRIMARY KEY (tenant, import_id, first_byte),
    CONSTRAINT ck_import_chunk_tenant CHECK (tenant IN ('LVR', 'LWL')),
    CONSTRAINT ck_import_chunk_first_byte CHECK (first_byte >= 0),
    CONSTRAINT ck_import_chunk_body CHECK (octet_length(body) > 0)
);
ALTER TABLE import_chunk ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE import_problem (
    tenant text NOT NULL,
    import_id uuid NOT NULL,
    line bigint NOT NULL,
    external_ref text,
    type text NOT NULL,
    title text NOT NULL,
    detail text NOT NULL,
    pointer text,
    CONSTRAINT pk_import_problem PRIMARY KEY (tenant, import_id, line),
    CONSTRAINT fk_import_problem_tenant_import_id_import_job
        FOREIGN KEY (tenant, import_id) REFERENCES import_job (tenant, id),
    CONSTRAINT ck_import_problem_line CHECK (line >= 1)
);
"""

OWN_TABLES = ("provider", "case_file", "command", "fact", "import_job", "import_chunk", "import_problem")


def grants() -> Iterable[str]:
    """What the role behind requests and imports may do. The past cannot be rewritten: no UPDATE of what was known."""
    yield f"GRANT SELECT, INSERT ON {', '.join(OWN_TABLES)} TO cases_app"
    yield "GRANT UPDATE (version, name, external_ref, valid_to, recorded_at) ON provider TO cases_app"
    yield "GRANT UPDATE (version, recorded_at, line_hash, line_version) ON case_file TO cases_app"
    yield "GRANT UPDATE (to_version) ON fact TO cases_app"
    yield (
        "GRANT UPDATE (state, finished_at, position, lines_total, lines_done, lines_taken, lines_unchanged,"
        " lines_refused) ON import_job TO cases_app"
    )
    yield "GRANT DELETE ON import_chunk TO cases_app"


def upgrade() -> None:
    op.execute(TABLES)
    for table in OWN_TABLES:
        for statement in row_level_security(table):
            op.execute(statement)
    for statement in grants():
        op.execute(statement)
    create_idempotency_table_v1(op, "cases")
    create_log_tables_v1(op, "cases")


def downgrade() -> None:
    drop_log_tables_v1(op)
    op.execute("DROP TABLE idempotency_key")
    for table in reversed(OWN_TABLES):
        op.execute(f"DROP TABLE {table}")
