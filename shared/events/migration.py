"""The statements that create the tables of `shared.events.tables`, called by the migrations of the services.

A function with a version in its name never changes once a migration that calls it has been released. Roles:
`{service}_app` stands behind requests and is confined to its tenant, `{service}_worker` runs the loops. Nobody may
change or remove what is in `event_log`.
"""

from collections.abc import Iterable
from typing import Protocol

from shared.contracts.parts import PARTS
from shared.db.base import row_level_security


class Statements(Protocol):
    """What is used of Alembic's `op`."""

    def execute(self, sqltext: str) -> None:
        """Run one statement inside the migration."""
        ...


_LOG_TABLES = (
    """
    CREATE TABLE outbox_in (
        id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
        tenant text NOT NULL,
        part smallint NOT NULL,
        key uuid NOT NULL,
        key_version integer NOT NULL,
        recorded_at timestamptz NOT NULL,
        event_ids uuid[] NOT NULL,
        types text[] NOT NULL,
        bodies text[] STORAGE EXTERNAL NOT NULL,
        CONSTRAINT pk_outbox_in PRIMARY KEY (id),
        CONSTRAINT ck_outbox_in_whole_command CHECK (
            cardinality(event_ids) > 0 AND cardinality(types) = cardinality(event_ids)
            AND cardinality(bodies) = cardinality(event_ids))
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)
    """,
    """
    CREATE TABLE event_log (
        part smallint NOT NULL,
        seq bigint NOT NULL,
        tenant text NOT NULL,
        event_id uuid NOT NULL,
        key uuid NOT NULL,
        key_version integer NOT NULL,
        index smallint NOT NULL,
        type text NOT NULL,
        time timestamptz NOT NULL,
        stamped_at timestamptz NOT NULL,
        envelope text NOT NULL,
        CONSTRAINT pk_event_log PRIMARY KEY (part, seq),
        CONSTRAINT uq_event_log_event_id UNIQUE (event_id),
        CONSTRAINT uq_event_log_key_key_version_index UNIQUE (key, key_version, index),
        CONSTRAINT ck_event_log_numbered_from_one CHECK (seq > 0)
    )
    """,
    """
    CREATE TABLE feed_head (
        part smallint NOT NULL,
        first bigint NOT NULL,
        seq bigint NOT NULL,
        CONSTRAINT pk_feed_head PRIMARY KEY (part),
        CONSTRAINT ck_feed_head_first_before_head CHECK (first > 0 AND seq >= first - 1)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE feed_meta (
        epoch text NOT NULL,
        created_at timestamptz NOT NULL,
        reason text NOT NULL,
        current boolean NOT NULL,
        CONSTRAINT pk_feed_meta PRIMARY KEY (epoch),
        CONSTRAINT ck_feed_meta_epoch_without_dot CHECK (epoch ~ '^[A-Za-z0-9_-]{1,64}$')
    )
    """,
    "CREATE UNIQUE INDEX uq_feed_meta_current ON feed_meta (current) WHERE current",
    """
    CREATE TABLE relay_cursor (
        sink text NOT NULL,
        part smallint NOT NULL,
        epoch text NOT NULL,
        published_seq bigint NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT pk_relay_cursor PRIMARY KEY (sink, part)
    )
    """,
)

_CONSUMER_TABLES = (
    """
    CREATE TABLE checkpoint (
        source text NOT NULL,
        part smallint NOT NULL,
        epoch text NOT NULL,
        seq bigint NOT NULL,
        last_event_id uuid,
        applied bigint NOT NULL,
        ignored bigint NOT NULL,
        parked bigint NOT NULL,
        duplicates bigint NOT NULL,
        gaps bigint NOT NULL,
        recorded_until timestamptz,
        updated_at timestamptz NOT NULL,
        CONSTRAINT pk_checkpoint PRIMARY KEY (source, part),
        CONSTRAINT ck_checkpoint_every_event_counted CHECK (seq = applied + ignored + parked)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE parked (
        source text NOT NULL,
        part smallint NOT NULL,
        first_seq bigint NOT NULL,
        last_seq bigint NOT NULL,
        epoch text NOT NULL,
        tenant text NOT NULL,
        subject text NOT NULL,
        types text[] NOT NULL,
        envelopes text[] NOT NULL,
        reason text NOT NULL,
        parked_at timestamptz NOT NULL,
        resolved_at timestamptz,
        resolution text,
        CONSTRAINT pk_parked PRIMARY KEY (source, part, first_seq),
        CONSTRAINT ck_parked_whole_command CHECK (cardinality(envelopes) = last_seq - first_seq + 1),
        CONSTRAINT ck_parked_resolved_with_resolution CHECK ((resolved_at IS NULL) = (resolution IS NULL))
    )
    """,
    "CREATE INDEX ix_parked_unresolved ON parked (tenant) WHERE resolved_at IS NULL",
    """
    CREATE TABLE foreign_record (
        source text NOT NULL,
        part smallint NOT NULL,
        digest bytea NOT NULL,
        reason text NOT NULL,
        value bytea NOT NULL,
        seen_at timestamptz NOT NULL,
        times bigint NOT NULL,
        CONSTRAINT pk_foreign_record PRIMARY KEY (source, part, digest)
    )
    """,
)


def create_log_tables_v1(op: Statements, service: str) -> None:
    """Create the event log of a producer, open its first epoch and grant its roles what their work needs."""
    _run(op, _LOG_TABLES)
    for table in ("outbox_in", "event_log"):
        _run(op, row_level_security(table))
    _run(
        op,
        (
            f"INSERT INTO feed_head SELECT part, 1, 0 FROM generate_series(0, {PARTS - 1}) AS part",  # noqa: S608 - a constant
            "INSERT INTO feed_meta SELECT"
            f" '{service}-' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12), now(), 'first epoch', true",
            f"GRANT SELECT, INSERT ON outbox_in TO {service}_app",
            f"GRANT SELECT ON event_log, feed_head, feed_meta TO {service}_app",
            f"GRANT SELECT, INSERT, DELETE ON outbox_in TO {service}_worker",
            f"GRANT SELECT, INSERT ON event_log TO {service}_worker",
            f"GRANT SELECT, UPDATE ON feed_head TO {service}_worker",
            f"GRANT SELECT ON feed_meta TO {service}_worker",
            f"GRANT SELECT, INSERT, UPDATE ON relay_cursor TO {service}_worker",
        ),
    )


def create_consumer_tables_v1(op: Statements, service: str) -> None:
    """Create the checkpoint of a consumer and grant its roles what their work needs."""
    _run(op, _CONSUMER_TABLES)
    _run(op, row_level_security("parked"))
    _run(
        op,
        (
            f"GRANT SELECT ON checkpoint, parked TO {service}_app",
            f"GRANT SELECT, INSERT, UPDATE ON checkpoint, parked, foreign_record TO {service}_worker",
        ),
    )


def drop_log_tables_v1(op: Statements) -> None:
    """Undo `create_log_tables_v1`: the whole log is gone."""
    op.execute("DROP TABLE outbox_in, event_log, feed_head, feed_meta, relay_cursor")


def drop_consumer_tables_v1(op: Statements) -> None:
    """Undo `create_consumer_tables_v1`."""
    op.execute("DROP TABLE checkpoint, parked, foreign_record")


def _run(op: Statements, statements: Iterable[str]) -> None:
    for statement in statements:
        op.execute(statement)
