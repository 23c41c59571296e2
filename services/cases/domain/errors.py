"""Refusals of the domain: 422 for what the request alone shows, 409 for what the timeline does not allow."""

from typing import ClassVar

from shared.kernel.errors import ConflictError, InvalidError


class InvalidMovementError(InvalidError):
    """The request itself is wrong; `errors` points at each field."""

    code = "invalid-movement"
    title = "The movement is not valid"


class InvalidRegistrationError(InvalidError):
    """A case cannot be registered with these attributes."""

    code = "invalid-case"
    title = "The case is not valid"


class InvalidProviderError(InvalidError):
    """A provider cannot be registered or changed like this."""

    code = "invalid-provider"
    title = "The provider is not valid"


class TooManyFactsError(InvalidError):
    """A case holds at most 400 facts."""

    code = "too-many-facts"
    title = "The case holds too many facts"


class TimelineError(ConflictError):
    """The resulting timeline is not legal.

    Extensions: `breaks_at` (the first fact in timeline order that breaks; null for a fact that was to be added) and
    `allowed` (the kinds possible at that place).
    """

    code: ClassVar[str] = "movement-not-allowed"
    title: ClassVar[str] = "The movement is not allowed here"


class NothingChangesError(TimelineError):
    """A change of place, provider or attributes that changes nothing."""

    code = "nothing-changes"
    title = "The movement would change nothing"


class ProviderNotValidError(TimelineError):
    """A provider is not valid on a day somebody stays there."""

    code = "provider-not-valid"
    title = "The provider is not valid on every day of the stay"


class FactCancelledError(ConflictError):
    """A cancelled fact stays cancelled."""

    code = "fact-cancelled"
    title = "The fact has been cancelled"


class ProviderInUseError(ConflictError):
    """The validity of a provider cannot end while somebody stays there. Extension: `in_use_until`."""

    code = "provider-in-use"
    title = "Somebody stays at the provider"
