"""Which failures pass by themselves. Those are waited out without limit; nothing is ever set aside for them."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.kernel.errors import Category, DomainError

_PASSING_CLASSES = ("08", "40", "53", "57", "58")
"""SQLSTATE classes: connection, serialisation and deadlock, resources, shutdown, system error."""
_PASSING_STATES = ("25P03", "25P04", "55P03", "25006")
"""Idle in transaction, transaction timeout, lock timeout; read only, as a standby is that will be promoted."""


def is_transient(error: BaseException) -> bool:
    """Whether the same attempt may succeed later without anybody changing code or data."""
    if isinstance(error, DomainError):
        return error.category is Category.UNAVAILABLE
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if state is None:
            return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        return state[:2] in _PASSING_CLASSES or state in _PASSING_STATES
    return isinstance(error, OSError | TimeoutError | PoolTimeoutError)
