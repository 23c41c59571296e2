"""The statements that read and write files by the hundred."""

from sqlalchemy import text

from services.cases.repository.rows import FACT_COLUMNS

_HEAD = (
    "SELECT id, external_ref, payer_mk, residence_mk, disability, kombi, version, recorded_at, line_hash,"
    " line_version FROM case_file"
)

HEADS = text(f"{_HEAD} WHERE tenant = :tenant AND external_ref = ANY(CAST(:refs AS text[]))")
READ = text(f"{_HEAD} WHERE tenant = :tenant AND id = ANY(CAST(:ids AS uuid[]))")
LOCK = text(f"{READ.text} ORDER BY id FOR UPDATE")

FACTS = text(
    f"""
    SELECT f.case_id, json_agg(json_build_array({FACT_COLUMNS}) ORDER BY f.effective_on, f.entry)::text AS facts
    FROM fact AS f
    WHERE f.tenant = :tenant AND f.case_id = ANY(CAST(:ids AS uuid[])) AND f.to_version IS NULL
    GROUP BY f.case_id
    """  # noqa: S608 - a constant list of columns
)

CANCELLED_BY_HAND = text(
    """
    SELECT f.case_id, f.kind, f.effective_on
    FROM fact AS f
    JOIN command AS k ON k.tenant = f.tenant AND k.case_id = f.case_id AND k.version = f.from_version
    WHERE f.tenant = :tenant AND f.case_id = ANY(CAST(:ids AS uuid[])) AND f.to_version IS NULL
      AND f.cancelled AND f.origin = 'IMPORT' AND f.external_ref IS NULL AND k.act <> 'IMPORT'
    """
)

_COLUMNS = {
    "import_file": "id uuid, external_ref text, payer_mk text, residence_mk text, disability text, kombi boolean,"
    " version integer, recorded_at timestamptz, line_hash bytea, line_version integer, stored_version integer",
    "import_command": "case_id uuid, version integer, recorded_at timestamptz, act text, reason text",
    "import_closing": "case_id uuid, fact_id uuid, to_version integer",
    "import_fact": "case_id uuid, fact_id uuid, from_version integer, to_version integer, entry integer, kind text,"
    " effective_on date, attributes jsonb, cancelled boolean, origin text, external_ref text, movement jsonb,"
    " movement_recorded_at timestamptz, to_phase text, to_provider_id uuid, to_payer_mk text",
    "import_event": "part smallint, key uuid, key_version integer, recorded_at timestamptz, event_ids text,"
    " types text, bodies text",
}

EMPTY_TABLES = (
    *(
        text(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({columns}) ON COMMIT DELETE ROWS")
        for table, columns in _COLUMNS.items()
    ),
    text(f"TRUNCATE {', '.join(f'pg_temp.{table}' for table in _COLUMNS)}"),
)
"""Temporary tables of the session, there and empty."""

INSERT_FILES = text(
    """
    INSERT INTO case_file (tenant, id, external_ref, payer_mk, residence_mk, disability, kombi, version, recorded_at,
                           line_hash, line_version)
    SELECT :tenant, id, external_ref, payer_mk, residence_mk, disability, kombi, version, recorded_at, line_hash,
           line_version
    FROM pg_temp.import_file WHERE stored_version = 0
    ON CONFLICT (tenant, external_ref) DO NOTHING
    """
)

UPDATE_FILES = text(
    """
    UPDATE case_file AS c
    SET version = i.version, recorded_at = i.recorded_at, line_hash = i.line_hash, line_version = i.line_version
    FROM pg_temp.import_file AS i
    WHERE i.stored_version > 0 AND c.tenant = :tenant AND c.id = i.id
    """
)

INSERT_COMMANDS = text(
    """
    INSERT INTO command (tenant, case_id, version, recorded_at, act, reason, subject, client_id)
    SELECT :tenant, case_id, version, recorded_at, act, reason, :subject, :client_id FROM pg_temp.import_command
    """
)

CLOSE_FACTS = text(
    """
    UPDATE fact AS f SET to_version = i.to_version
    FROM pg_temp.import_closing AS i
    WHERE f.tenant = :tenant AND f.case_id = i.case_id AND f.fact_id = i.fact_id AND f.to_version IS NULL
    """
)

INSERT_FACTS = text(
    """
    INSERT INTO fact (tenant, case_id, fact_id, from_version, to_version, entry, kind, effective_on, attributes,
                      cancelled, origin, external_ref, movement, movement_recorded_at, to_phase, to_provider_id,
                      to_payer_mk)
    SELECT :tenant, case_id, fact_id, from_version, to_version, entry, kind, effective_on, attributes, cancelled,
           origin, external_ref, movement, movement_recorded_at, to_phase, to_provider_id, to_payer_mk
    FROM pg_temp.import_fact
    """
)

INSERT_EVENTS = text(
    r"""
    INSERT INTO outbox_in (tenant, part, key, key_version, recorded_at, event_ids, types, bodies)
    SELECT :tenant, part, key, key_version, recorded_at, CAST(string_to_array(event_ids, ',') AS uuid[]),
           string_to_array(types, ','), string_to_array(bodies, E'\x1f')
    FROM pg_temp.import_event
    ORDER BY ctid
    """
)
"""The identity column of the inbox is drawn in the order of the copied rows, which is that of the commands."""
