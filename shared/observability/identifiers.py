"""New ids. They are UUIDv7, so they sort by the time they were drawn and tell nothing else."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A fresh UUIDv7, ascending within this process."""
    return uuid7()
