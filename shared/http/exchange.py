"""One request while it is answered: who calls, in which transaction, with which conditions.

`shared.http.routing` fills it in the order in which requests are refused; dependencies read it.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.db.idempotency import CommandPlace
from shared.http.auth import Principal, TokenVerifier
from shared.kernel.clock import Clock
from shared.kernel.errors import NotFoundError

SCOPE_KEY = "teilhabe.exchange"


@dataclass(frozen=True, slots=True)
class AppState:
    """What every route can reach: the database as role `app`, the clock, and who checks tokens."""

    engine: AsyncEngine
    clock: Clock
    verifier: TokenVerifier


def app_state(app: FastAPI) -> AppState:
    """The state that `build_app` put into an application."""
    state: AppState = app.state.kit
    return state


class Exchange:
    """What is known about the running request. A member that the route did not ask for is not there."""

    __slots__ = ("_connection", "caller", "changes_unwritten", "command", "found", "request", "state", "version")

    def __init__(self, request: Request, state: AppState) -> None:
        self.request = request
        self.state = state
        self.found: Any = None
        """What `existing(...)` of the route has returned."""
        self.version: int | None = None
        """The version that If-Match names; `ANY_VERSION` for `*`."""
        self.command: CommandPlace | None = None
        """The command that the endpoint `wrote` to the outbox, restored on a replay."""
        self.changes_unwritten = False
        """The answer to this GET changes with the day too, without a new version: If-None-Match cannot spare it."""
        self._connection: AsyncConnection | None = None
        self.caller: Principal | None = None
        """Who calls, or None as long as nobody is known."""

    @property
    def principal(self) -> Principal:
        """The caller; the route must have declared `requires(...)`."""
        assert self.caller is not None, "the route declares no scope"
        return self.caller

    @property
    def connection(self) -> AsyncConnection:
        """The transaction of the request, bound to the caller's Träger. It commits before the answer starts."""
        assert self._connection is not None, "the route declares no Transaction, existing(...) or IdempotencyKey"
        return self._connection

    @connection.setter
    def connection(self, connection: AsyncConnection | None) -> None:
        self._connection = connection

    def wrote(self, key: UUID, version: int) -> None:
        """Note the command that the endpoint has written to the outbox, for `Event-Position`."""
        self.command = CommandPlace(key, version)

    def path_text(self, name: str) -> str:
        """A path parameter as it was sent. Raises `NotFoundError` for what no id can contain."""
        value: str = self.request.path_params[name]
        if "\0" in value or len(value) > 200:
            raise NotFoundError("Nothing has this id.")
        return value

    def path_id(self, name: str) -> UUID:
        """A path parameter as an id. Raises `NotFoundError` for everything that is no UUID in canonical form."""
        text = self.path_text(name)
        try:
            parsed = UUID(text)
        except ValueError:
            raise NotFoundError("Nothing has this id.") from None
        if str(parsed) != text.lower():
            raise NotFoundError("Nothing has this id.")
        return parsed


async def current_exchange(request: Request) -> Exchange:
    """The running exchange."""
    exchange: Exchange = request.scope[SCOPE_KEY]
    return exchange


CurrentExchange = Annotated[Exchange, Depends(current_exchange)]
"""For dependencies of a service: `async def cases(exchange: CurrentExchange) -> CaseService`."""
