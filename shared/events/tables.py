"""The tables of the event log (producers) and of the checkpoint (consumers).

`define_*` adds them to the metadata of a service; `shared.events.migration` holds the statements that create them.
"""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.events.migration import (
    create_consumer_tables_v1,
    create_log_tables_v1,
    drop_consumer_tables_v1,
    drop_log_tables_v1,
)

__all__ = [
    "CHANNEL",
    "ConsumerTables",
    "LogTables",
    "create_consumer_tables_v1",
    "create_log_tables_v1",
    "define_consumer_tables",
    "define_log_tables",
    "drop_consumer_tables_v1",
    "drop_log_tables_v1",
]

CHANNEL = "event_log"
"""The stamper notifies here after every round; the payload is empty, the heads tell the rest."""

_INSTANT = DateTime(timezone=True)


@dataclass(frozen=True, slots=True)
class LogTables:
    """What a producer of events has beside its own tables."""

    outbox_in: Table
    event_log: Table
    feed_head: Table
    feed_meta: Table
    relay_cursor: Table


@dataclass(frozen=True, slots=True)
class ConsumerTables:
    """What a consumer of events has beside its own tables."""

    checkpoint: Table
    parked: Table
    foreign_record: Table


def define_log_tables(metadata: MetaData) -> LogTables:
    """Inbox of committed commands, immutable log, heads, epochs, cursors of the relay."""
    outbox_in = Table(
        "outbox_in",
        metadata,
        Column("id", BigInteger, Identity(always=True, cache=1), primary_key=True),
        Column("tenant", Text, nullable=False),
        Column("part", SmallInteger, nullable=False),
        Column("key", Uuid, nullable=False),
        Column("key_version", Integer, nullable=False),
        Column("recorded_at", _INSTANT, nullable=False),
        Column("event_ids", ARRAY(Uuid), nullable=False),
        Column("types", ARRAY(Text), nullable=False),
        Column("bodies", ARRAY(Text), nullable=False),
        CheckConstraint(
            "cardinality(event_ids) > 0 AND cardinality(types) = cardinality(event_ids)"
            " AND cardinality(bodies) = cardinality(event_ids)",
            name="whole_command",
        ),
    )
    event_log = Table(
        "event_log",
        metadata,
        Column("part", SmallInteger, primary_key=True, autoincrement=False),
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("tenant", Text, nullable=False),
        Column("event_id", Uuid, nullable=False),
        Column("key", Uuid, nullable=False),
        Column("key_version", Integer, nullable=False),
        Column("index", SmallInteger, nullable=False),
        Column("type", Text, nullable=False),
        Column("time", _INSTANT, nullable=False),
        Column("stamped_at", _INSTANT, nullable=False),
        Column("envelope", Text, nullable=False),
        UniqueConstraint("event_id"),
        UniqueConstraint("key", "key_version", "index"),
        CheckConstraint("seq > 0", name="numbered_from_one"),
    )
    feed_head = Table(
        "feed_head",
        metadata,
        Column("part", SmallInteger, primary_key=True, autoincrement=False),
        Column("first", BigInteger, nullable=False),
        Column("seq", BigInteger, nullable=False),
        CheckConstraint("first > 0 AND seq >= first - 1", name="first_before_head"),
    )
    feed_meta = Table(
        "feed_meta",
        metadata,
        Column("epoch", Text, primary_key=True),
        Column("created_at", _INSTANT, nullable=False),
        Column("reason", Text, nullable=False),
        Column("current", Boolean, nullable=False),
        CheckConstraint("epoch ~ '^[A-Za-z0-9_-]{1,64}$'", name="epoch_without_dot"),
    )
    Index("uq_feed_meta_current", feed_meta.c.current, unique=True, postgresql_where=text("current"))
    relay_cursor = Table(
        "relay_cursor",
        metadata,
        Column("sink", Text, primary_key=True),
        Column("part", SmallInteger, primary_key=True, autoincrement=False),
        Column("epoch", Text, nullable=False),
        Column("published_seq", BigInteger, nullable=False),
        Column("updated_at", _INSTANT, nullable=False),
    )
    return LogTables(outbox_in, event_log, feed_head, feed_meta, relay_cursor)


def define_consumer_tables(metadata: MetaData) -> ConsumerTables:
    """Progress per source and part, commands set aside, records that are no events of the source."""
    checkpoint = Table(
        "checkpoint",
        metadata,
        Column("source", Text, primary_key=True),
        Column("part", SmallInteger, primary_key=True, autoincrement=False),
        Column("epoch", Text, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("last_event_id", Uuid),
        Column("applied", BigInteger, nullable=False),
        Column("ignored", BigInteger, nullable=False),
        Column("parked", BigInteger, nullable=False),
        Column("duplicates", BigInteger, nullable=False),
        Column("gaps", BigInteger, nullable=False),
        Column("recorded_until", _INSTANT),
        Column("updated_at", _INSTANT, nullable=False),
        CheckConstraint("seq = applied + ignored + parked", name="every_event_counted"),
    )
    parked = Table(
        "parked",
        metadata,
        Column("source", Text, primary_key=True),
        Column("part", SmallInteger, primary_key=True, autoincrement=False),
        Column("first_seq", BigInteger, primary_key=True, autoincrement=False),
        Column("last_seq", BigInteger, nullable=False),
        Column("epoch", Text, nullable=False),
        Column("tenant", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("types", ARRAY(Text), nullable=False),
        Column("envelopes", ARRAY(Text), nullable=False),
        Column("reason", Text, nullable=False),
        Column("parked_at", _INSTANT, nullable=False),
        Column("resolved_at", _INSTANT),
        Column("resolution", Text),
        CheckConstraint("cardinality(envelopes) = last_seq - first_seq + 1", name="whole_command"),
        CheckConstraint("(resolved_at IS NULL) = (resolution IS NULL)", name="resolved_with_resolution"),
    )
    Index("ix_parked_unresolved", parked.c.tenant, postgresql_where=text("resolved_at IS NULL"))
    foreign_record = Table(
        "foreign_record",
        metadata,
        Column("source", Text, primary_key=True),
        Column("part", SmallInteger, primary_key=True, autoincrement=False),
        Column("digest", LargeBinary, primary_key=True),
        Column("reason", Text, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("seen_at", _INSTANT, nullable=False),
        Column("times", BigInteger, nullable=False),
    )
    return ConsumerTables(checkpoint, parked, foreign_record)
