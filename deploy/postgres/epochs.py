"""A new epoch for the event log of a service, its own readers taken along.

After a restore the log may lack events that readers outside have already seen, and numbers it gives out next would
mean something else to them. Under a new epoch they are told so (409) and start again, while our own consumers, whose
state comes from the same backup, go on with the next event.
"""

import secrets
from collections.abc import Iterable

from psycopg import Connection

_CHECKPOINTS = "UPDATE checkpoint SET epoch = %(new)s WHERE source = %(source)s AND epoch = %(old)s"
_PARKED = (
    "UPDATE parked SET epoch = %(new)s, envelopes = ARRAY("
    "SELECT CASE WHEN starts_with(value, %(before)s) THEN %(after)s || substr(value, length(%(before)s) + 1)"
    " ELSE value END FROM unnest(envelopes) WITH ORDINALITY AS e(value, place) ORDER BY place)"
    " WHERE source = %(source)s AND epoch = %(old)s"
)
_LOG = (
    "UPDATE event_log SET envelope = %(after)s || substr(envelope, length(%(before)s) + 1)"
    " WHERE starts_with(envelope, %(before)s)"
)
_FOREIGN = "SELECT count(*) FROM event_log WHERE NOT starts_with(envelope, %(after)s)"


class MixedLogError(Exception):
    """The log holds events of several epochs; nothing was changed."""


def open_epoch(service: str, producer: Connection, consumers: Iterable[Connection], *, reason: str) -> str:
    """Open a new epoch and return it. Superuser connections; the caller commits all of them or none.

    Raises `MixedLogError`.
    """
    row = producer.execute("SELECT epoch FROM feed_meta WHERE current").fetchone()
    assert row is not None, "every log has a current epoch since its first migration"
    old, new = row[0], f"{service}-{secrets.token_hex(6)}"
    values = {"source": f"/{service}", "old": old, "new": new, "before": _prefix(old), "after": _prefix(new)}
    producer.execute("UPDATE feed_meta SET current = false WHERE current")
    producer.execute("INSERT INTO feed_meta VALUES (%s, clock_timestamp(), %s, true)", (new, reason))
    producer.execute("DELETE FROM relay_cursor")
    producer.execute(_LOG, values)
    if producer.execute(_FOREIGN, values).fetchone() != (0,):
        raise MixedLogError(f"the log of {service} holds events of another epoch than {old}")
    for consumer in consumers:
        consumer.execute(_CHECKPOINTS, values)
        consumer.execute(_PARKED, values)
    return new


def _prefix(epoch: str) -> str:
    """How every stored event begins, see `shared.events.stamper`."""
    return f'{{"feedepoch":"{epoch}"'
