"""Typed refusals. They are raised where the rule is known and mapped to HTTP once, in `shared.http.problems`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


class Category(StrEnum):
    """What kind of refusal an error is; the transport decides how to say it."""

    MALFORMED = "MALFORMED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    GONE = "GONE"
    STALE = "STALE"
    TOO_LARGE = "TOO_LARGE"
    UNSUPPORTED = "UNSUPPORTED"
    INVALID = "INVALID"
    PRECONDITION_REQUIRED = "PRECONDITION_REQUIRED"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in a request: JSON pointer of the place, a stable code, a sentence that says what is allowed."""

    pointer: str
    code: str
    message: str


class DomainError(Exception):
    """Base of all refusals. `code` is the last segment of the problem type, `detail` never echoes input."""

    category: ClassVar[Category] = Category.INVALID
    code: ClassVar[str] = "invalid"
    title: ClassVar[str] = "The request is not valid"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.extensions = dict(extensions or {})


class InvalidError(DomainError):
    """What the request alone shows to be wrong."""


class NotFoundError(DomainError):
    """No such object, or one of another Träger: the caller cannot tell which."""

    category = Category.NOT_FOUND
    code = "not-found"
    title = "There is no such object"


class ConflictError(DomainError):
    """Readable and valid, but impossible in the present state."""

    category = Category.CONFLICT
    code = "conflict"
    title = "The present state does not allow this"


class ForbiddenError(DomainError):
    """The caller is known but may not do this."""

    category = Category.FORBIDDEN
    code = "forbidden"
    title = "The token does not allow this"


class StaleError(DomainError):
    """Somebody else changed the object since the caller read it."""

    category = Category.STALE
    code = "stale-version"
    title = "The object has changed since it was read"


class UnavailableError(DomainError):
    """A part this answer needs does not answer at the moment; the same request may succeed later."""

    category = Category.UNAVAILABLE
    code = "unavailable"
    title = "The service cannot answer at the moment"
