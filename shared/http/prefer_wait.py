"""`Event-Position`: where the events of a POST went, and `Prefer: wait=N` (RFC 7240) to wait until they are there.

The work sits on `http.response.start`, that is after the commit, and holds neither a transaction nor a connection
while it waits. A repeated request looks the position up afresh.
"""

import re
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.events.positions import wait_until_stamped
from shared.http.exchange import SCOPE_KEY, Exchange
from shared.http.feed import head_watch
from shared.http.routing import REPLAYED_HEADER
from shared.observability.logging import get_logger, place_of

POSITION_HEADER = "Event-Position"
MAX_WAIT_SECONDS = 10

_REPLAYED = REPLAYED_HEADER.lower().encode()
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,4})\"?\s*(?=$|[,;])", re.IGNORECASE)


def preferred_wait(header: str | None) -> int:
    """The seconds a caller wants to wait, at most 10; 0 for none. Anything else in the header is ignored."""
    found = _WAIT.search(header or "")
    return min(int(found[1]), MAX_WAIT_SECONDS) if found else 0


class PreferWait:
    """Pure ASGI: adds the header to successful answers of requests that wrote a command with events.

    Without a preference nothing is waited for; the header then comes only on a repeated request, whose events have
    had the time to be stamped.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return

        async def send_with_position(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                await _add_position(scope, message)
            await send(message)

        await self._app(scope, receive, send_with_position)


async def _add_position(scope: Scope, message: Message) -> None:
    exchange: Exchange | None = scope.get(SCOPE_KEY)
    if exchange is None or exchange.command is None or exchange.caller is None:
        return
    seconds = preferred_wait(exchange.request.headers.get("prefer"))
    replayed = any(name.lower() == _REPLAYED for name, _ in message["headers"])
    if not seconds and not replayed:
        return
    app: Any = scope["app"]
    try:
        position = await wait_until_stamped(
            exchange.state.engine,
            head_watch(app),
            traeger=exchange.caller.own_traeger,
            key=exchange.command.key,
            key_version=exchange.command.version,
            seconds=seconds,
        )
    except (SQLAlchemyError, OSError) as error:
        get_logger().warning("event position not found", **place_of(error))  # the work is committed all the same
        return
    if position is not None:
        message["headers"] = [*message["headers"], (POSITION_HEADER.lower().encode(), str(position).encode())]
