"""What a command tells its user when it cannot do its work: one line on stderr, exit code 1."""


class CommandFailedError(Exception):
    """The command failed; the message is one line that says why, and where possible what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
