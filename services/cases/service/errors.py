"""Refusals of the use cases."""

from shared.kernel.errors import FieldError, InvalidError, NotFoundError, StaleError


class FutureKnowledgeError(InvalidError):
    """Nobody can tell what will be known."""

    code = "known-on-in-the-future"
    title = "known_on is in the future"


def unknown_case() -> NotFoundError:
    """No such case, or one of the other Träger."""
    return NotFoundError("There is no such case.")


def unknown_fact() -> NotFoundError:
    """The case has never had such a fact."""
    return NotFoundError("The case has no such fact.")


def unknown_provider() -> NotFoundError:
    """No such provider, or one of the other Träger."""
    return NotFoundError("There is no such provider.")


def stale() -> StaleError:
    """Another command was faster."""
    return StaleError("Read the object again; its ETag has changed.")


def in_the_future() -> FutureKnowledgeError:
    """`known_on` after today."""
    error = FieldError("/query/known_on", "in-the-future", "today or earlier")
    return FutureKnowledgeError("What is known on a day can be told from that day on.", errors=[error])
