"""What a route may ask for in its signature beside parameters and body. Asking is all: the route class does the work.

    @router.post("/cases/{case_id}/movements", status_code=201, responses=problems(409))
    async def record_movement(
        body: NewMovement, caller: CaseClerk, case: ExistingCase, version: IfMatch, key: IdempotencyKey, cases: Cases
    ) -> MovementOut: ...

Whatever the order of the arguments, a request is refused in the order 401, 403, 404, 415/413, 400 (key), 428, 422,
replay; 412 and 409 come from the use case.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.http.bodies import BodyStream
from shared.http.exchange import SCOPE_KEY, Exchange
from shared.kernel.errors import Category, DomainError

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


class MissingKeyError(DomainError):
    """The operation changes something and needs a key, so that it can be repeated safely."""

    category = Category.MALFORMED
    code = "idempotency-key-missing"
    title = "Idempotency-Key is required"


class MalformedKeyError(DomainError):
    """The key cannot be read."""

    category = Category.MALFORMED
    code = "idempotency-key-malformed"
    title = "Idempotency-Key cannot be read"


class ReusedKeyError(DomainError):
    """The key has been used for another request."""

    code = "idempotency-key-reused"
    title = "Idempotency-Key was used for another request"


class Existing:
    """Finds what the path names before anything else of the request is judged."""

    def __init__(self, find: Callable[[Exchange], Awaitable[Any]], *, in_transaction: bool = True) -> None:
        self.find = find
        self.in_transaction = in_transaction

    async def __call__(self, request: Request) -> Any:
        return request.scope[SCOPE_KEY].found


class _Key:
    async def __call__(self, request: Request) -> str:
        return idempotency_key(request.headers.get("idempotency-key"))


class _IfMatch:
    async def __call__(self, request: Request) -> int:
        version: int = request.scope[SCOPE_KEY].version
        return version


class _IfMatchUnlessCreating:
    async def __call__(self, request: Request) -> int | None:
        version: int | None = request.scope[SCOPE_KEY].version
        return version


class _Transaction:
    async def __call__(self, request: Request) -> AsyncConnection:
        connection: AsyncConnection = request.scope[SCOPE_KEY].connection
        return connection


class Streamed:
    """The body is read by the endpoint, in one of these media types and up to a limit."""

    def __init__(self, media_types: tuple[str, ...], max_bytes: int | Callable[[Request], int]) -> None:
        self.media_types = media_types
        self.max_bytes = max_bytes

    def limit(self, request: Request) -> int:
        """The limit in bytes, possibly a setting of the running application."""
        return self.max_bytes(request) if callable(self.max_bytes) else self.max_bytes

    async def __call__(self, request: Request) -> BodyStream:
        stream: BodyStream = request.scope["teilhabe.body"]
        return stream


class Patience:
    """The route may take longer than others, for it waits for something."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __call__(self) -> None:
        return None


KEY = _Key()
IF_MATCH = _IfMatch()
IF_MATCH_UNLESS_CREATING = _IfMatchUnlessCreating()
TRANSACTION = _Transaction()

IdempotencyKey = Annotated[str, Depends(KEY)]
"""The key of the request. Its answer is kept with the work, and given again to the same request."""

IfMatch = Annotated[int, Depends(IF_MATCH)]
"""The version the caller has read; compare it with `shared.http.etag.check_version`."""

IfMatchUnlessCreating = Annotated[int | None, Depends(IF_MATCH_UNLESS_CREATING)]
"""As `IfMatch`, for a PUT that may create: required only where `existing(...)` returned something, else None unless
the caller sent one all the same (then nothing has that version)."""

Transaction = Annotated[AsyncConnection, Depends(TRANSACTION)]
"""The transaction of the request, bound to the caller's Träger; it commits before the answer starts."""


def existing(find: Callable[[Exchange], Awaitable[Any]]) -> Any:
    """For `Annotated[Case, existing(find_case)]`: `find` returns what the path names or raises `NotFoundError`.

    It runs inside the transaction of the request (`exchange.connection`, `exchange.path_id("case_id")`), so it may
    lock the row. The endpoint gets what it returned. Every route with a parameter in its path needs one.
    """
    return Depends(Existing(find))


def known(find: Callable[[Exchange], Awaitable[Any]]) -> Any:
    """As `existing`, for what is known without the database: the route has no transaction on its account."""
    return Depends(Existing(find, in_transaction=False))


def streamed(*media_types: str, max_bytes: int | Callable[[Request], int]) -> Any:
    """For `Annotated[BodyStream, streamed("application/x-ndjson", max_bytes=…)]`: the endpoint reads the body."""
    return Depends(Streamed(media_types, max_bytes))


def patient(seconds: float) -> Any:
    """For `dependencies=[patient(40)]`: a long poll may take that long; other requests end after 15 seconds."""
    return Depends(Patience(seconds))


def idempotency_key(header: str | None) -> str:
    """The key in a header, plain or as a quoted string. Raises `MissingKeyError` or `MalformedKeyError` (400)."""
    if header is None or not header.strip():
        raise MissingKeyError("Send Idempotency-Key with 1 to 255 characters, best a UUID.")
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise MalformedKeyError("Idempotency-Key has 1 to 255 printable ASCII characters.")
    return key
