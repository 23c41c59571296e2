"""TCP ports of this machine's loopback address."""

import secrets
import socket

_FIRST, _LAST = 20_000, 32_000
"""Below the range from which the system takes ports for outgoing connections: there, any client of ours could take a
port between its choice and the moment when its server listens."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody holds at the moment, and that no outgoing connection will take."""
    while True:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now (one that just closed its connections counts as free)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
