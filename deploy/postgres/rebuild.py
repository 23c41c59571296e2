"""Starts the key figures anew: everything that was folded is forgotten, the log is read again from its first event.

In one transaction beside the checkpoint, so the running consumer notices by its own compare-and-set and begins at
number 1. Until it has caught up `lag_events` tells how much is missing. Comparison groups and the numbers of
providers stay; what was parked is tried again.
"""

from psycopg import Connection

_STATEMENTS = (
    "SET LOCAL lock_timeout = '30s'",
    "LOCK TABLE checkpoint IN ACCESS EXCLUSIVE MODE",
    "UPDATE checkpoint SET seq = 0, applied = 0, ignored = 0, parked = 0, last_event_id = NULL",
    "UPDATE checkpoint SET recorded_until = NULL",
    "UPDATE cube_mark SET seq = 0",
    "TRUNCATE movement, cube, parked",
)


def forget_figures(connection: Connection) -> None:
    """Empty the projection of metrics. A superuser's connection; the caller commits."""
    for statement in _STATEMENTS:
        connection.execute(statement)
