"""Who acts."""

from dataclasses import dataclass

from shared.kernel.mitgliedskoerperschaften import Traeger


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or program behind a command, the client it came through, and whose files it may see."""

    traeger: Traeger
    subject: str
    client_id: str
