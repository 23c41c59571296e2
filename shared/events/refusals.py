"""What the feed refuses. The server raises these, the client raises the same ones from the answer."""

from shared.kernel.errors import Category, ConflictError, DomainError, NotFoundError, UnavailableError


class ForeignEpochError(ConflictError):
    """The reader stands in another epoch than the log: its numbers mean nothing here, it must begin anew."""

    code = "foreign-epoch"
    title = "The position is of another epoch"

    def __init__(self, current: str) -> None:
        super().__init__(
            "the log has another epoch now; positions of the earlier one are void", extensions={"epoch": current}
        )
        self.current = current


class PrunedError(DomainError):
    """The events behind the position are no longer kept."""

    category = Category.GONE
    code = "pruned"
    title = "These events are no longer kept"

    def __init__(self, first: int) -> None:
        super().__init__("the log begins behind this position", extensions={"first": first})
        self.first = first


class AheadOfHeadError(DomainError):
    """The reader claims events that the log does not have: the log was put back to an earlier state."""

    category = Category.MALFORMED
    code = "ahead-of-head"
    title = "The position lies ahead of the log"

    def __init__(self, head: int) -> None:
        super().__init__("the log ends before this position", extensions={"head": head})
        self.head = head


class UnknownPartError(NotFoundError):
    """No such part, or one of another Träger: the caller cannot tell which."""

    def __init__(self) -> None:
        super().__init__("there is no such part")


class FeedBusyError(UnavailableError):
    """Too many readers wait at the moment."""

    code = "too-many-waiting"
    title = "Too many readers wait for events"

    def __init__(self) -> None:
        super().__init__("ask again without waiting, or later")


class FeedUnreachableError(UnavailableError):
    """The producer gave no usable answer; the same question may succeed later."""
