"""The route class of all services: it refuses in one order, works in one transaction, and commits before it answers.

FastAPI reads and parses the body before it asks any dependency, so a request without a token and with broken JSON
would get 422. Here the guards that a signature declares (`shared.http.guards`) speak first, FastAPI comes after.
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from shared.db.idempotency import StoredAnswer, bind, bind_and_look_up, commit, remember_and_commit
from shared.http.bodies import (
    BodyStream,
    check_characters,
    check_media_type,
    has_forbidden_character,
    media_type_of,
    read_body,
    too_large,
)
from shared.http.etag import expected_version, not_modified
from shared.http.exchange import SCOPE_KEY, Exchange, app_state
from shared.http.faults import InvalidRequestError
from shared.http.guards import MalformedKeyError, MissingKeyError, ReusedKeyError, idempotency_key
from shared.http.plan import Plan, guard_parameters, guard_responses, plan_of, signature_of
from shared.http.problems import TooSlowError
from shared.kernel.errors import DomainError, FieldError, UnavailableError

REPLAYED_HEADER = "Idempotency-Replayed"
STREAM_SCOPE_KEY = "teilhabe.body"

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class KitRoute(APIRoute):
    """A route with guards. Made by the routers of `new_router`."""

    plan: Plan

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _or_replay(endpoint), **options)
        self.responses = {**guard_responses(self.plan), **self.responses}
        parameters = guard_parameters(self.plan)
        if parameters:
            self.openapi_extra = {**(self.openapi_extra or {}), "parameters": parameters}

    def get_route_handler(self) -> _Handler:
        inner = super().get_route_handler()
        self.plan = plan = plan_of(self.dependant, path=self.path, methods=self.methods or set())

        async def handle(request: Request) -> Response:
            if plan.time_limit_seconds is None:
                return await _answer(plan, request, inner)
            return await _within(plan.time_limit_seconds, _answer(plan, request, inner))

        return handle


def new_router(*, prefix: str = "/v1", tags: list[str] | None = None) -> APIRouter:
    """A router whose routes have guards. Every route declares `requires(...)`, or it has no caller."""
    return APIRouter(prefix=prefix, tags=list(tags or []), route_class=KitRoute)


class _ReadRequest(Request):
    """A request whose body has been read; `json()` gives the bytes, which the model parses itself."""

    content: bytes = b""

    async def body(self) -> bytes:
        return self.content

    async def json(self) -> Any:
        return self.content


class _KeyTakenError(Exception):
    """An equal request has committed first; this one must be undone."""


_LATE: set[asyncio.Task[Response]] = set()
"""Requests that were given up and still let go of their connection; held so that they are not collected before."""


async def _within(seconds: float, answering: Coroutine[Any, Any, Response]) -> Response:
    """The answer, or `TooSlowError` when the time is over.

    A task of its own: a database that stands still does not even answer a cancellation, and the caller shall not
    wait for that.
    """
    task = asyncio.create_task(answering)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if done:
        return task.result()
    task.cancel()
    _LATE.add(task)
    task.add_done_callback(_let_go)
    raise TooSlowError("The answer took too long; try the same request again.")


def _let_go(task: asyncio.Task[Response]) -> None:
    _LATE.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that it is not reported as lost: its caller has been answered long since


async def _answer(plan: Plan, request: Request, inner: _Handler) -> Response:
    exchange = Exchange(request, app_state(request.app))
    request.scope[SCOPE_KEY] = exchange
    if plan.bearer is not None:
        exchange.caller = await exchange.state.verifier.verify(request.headers.get("authorization"))
        plan.bearer.admit(exchange.caller)
    body = await read_body(request, plan.max_bytes) if plan.reads_json else b""
    work = _Work(plan, exchange, body, inner)
    response = await (work.in_transaction() if plan.in_transaction else work.without_transaction())
    if request.method == "GET" and not exchange.changes_unwritten:
        return not_modified(response, request.headers.get("if-none-match")) or response
    return response


class _Work:
    """Judging and answering one request whose caller is known and whose body is read (None: too large)."""

    __slots__ = ("body", "exchange", "inner", "key", "plan", "stored", "stream", "worked")

    def __init__(self, plan: Plan, exchange: Exchange, body: bytes | None, inner: _Handler) -> None:
        self.plan = plan
        self.exchange = exchange
        self.body = body
        self.inner = inner
        self.stream: BodyStream | None = None
        self.stored: StoredAnswer | None = None
        self.worked = False
        self.key: str | DomainError | None = None
        if plan.needs_key:
            try:
                self.key = idempotency_key(exchange.request.headers.get("idempotency-key"))
            except (MissingKeyError, MalformedKeyError) as error:
                self.key = error  # it is said when its turn comes

    async def without_transaction(self) -> Response:
        if self.plan.existing is not None:
            self.exchange.found = await self.plan.existing.find(self.exchange)
        self._judge()
        return await self._respond()

    async def in_transaction(self) -> Response:
        """The answer, committed. An equal request that was faster, or made this one impossible, gives its answer."""
        try:
            return await self._attempt()
        except (_KeyTakenError, DomainError) as refusal:
            if not (self.worked and isinstance(self.key, str)):
                raise
            async with self.exchange.state.engine.connect() as connection:
                stored = await self._bind(connection)
            if stored is None and isinstance(refusal, _KeyTakenError):
                raise UnavailableError("An equal request has just been forgotten; send it again.") from None
            if stored is None:
                raise
            return await self._replay(stored)

    async def _attempt(self) -> Response:
        exchange = self.exchange
        async with exchange.state.engine.connect() as connection:
            exchange.connection = connection
            self.stored = await self._bind(connection)
            if self.plan.existing is not None:
                exchange.found = await self.plan.existing.find(exchange)
            self._judge()
            response = await self._respond()
            if response.status_code >= 400:
                return response
            if self.worked and isinstance(self.key, str):
                await self._remember_and_commit(connection, self.key, response)
            else:
                await commit(connection)
            return response

    async def _bind(self, connection: AsyncConnection) -> StoredAnswer | None:
        caller = self.exchange.principal
        if not isinstance(self.key, str):
            await bind(connection, traeger=caller.own_traeger, subject=caller.subject)
            return None
        return await bind_and_look_up(
            connection, traeger=caller.own_traeger, subject=caller.subject, client_id=caller.client_id, key=self.key
        )

    def _judge(self) -> None:
        request, plan = self.exchange.request, self.plan
        if plan.streamed is not None:
            check_media_type(request, plan.media_types)
            limit = plan.streamed.limit(request)
            if int(request.headers.get("content-length", "0")) > limit:
                raise too_large(limit)
            self.stream = request.scope[STREAM_SCOPE_KEY] = BodyStream(request, limit)
        elif plan.media_types:
            if self.body or media_type_of(request):
                check_media_type(request, plan.media_types)
            if self.body is None:
                raise too_large(plan.max_bytes)
        if isinstance(self.key, DomainError):
            raise self.key
        header = request.headers.get("if-match")
        if plan.needs_version or (plan.needs_version_of_found and (self.exchange.found is not None or header)):
            self.exchange.version = expected_version(header)

    async def _respond(self) -> Response:
        request = self.exchange.request
        _check_query(request, self.plan.query_names)
        if self.plan.reads_json:
            assert self.body is not None, "a body that is too large has been refused"
            check_characters(self.body)
            reading = _ReadRequest(request.scope, request.receive)
            reading.content = self.body
            request = reading
        _WORK.set(self)
        return await self.inner(request)

    async def work_or_replay(self, endpoint: Callable[..., Any], values: dict[str, Any]) -> Any:
        """Called when everything the request alone shows is in order: the endpoint, or the answer it gave before."""
        if self.stored is not None:
            return await self._replay(self.stored)
        self.worked = True
        return await endpoint(**values)

    async def _replay(self, stored: StoredAnswer) -> Response:
        if stored.fingerprint != await self._fingerprint():
            raise ReusedKeyError("Use a new key: this one belongs to another method, path or body.")
        self.exchange.command = stored.command
        response = Response(stored.body, stored.status)
        response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in stored.headers]
        response.headers[REPLAYED_HEADER] = "true"
        return response

    async def _remember_and_commit(self, connection: AsyncConnection, key: str, response: Response) -> None:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
        answer = StoredAnswer(
            await self._fingerprint(), response.status_code, headers, bytes(response.body), self.exchange.command
        )
        caller, at = self.exchange.principal, self.exchange.state.clock.now()
        if not await remember_and_commit(
            connection, answer, traeger=caller.own_traeger, client_id=caller.client_id, key=key, at=at
        ):
            raise _KeyTakenError

    async def _fingerprint(self) -> bytes:
        """Method, target and body; not the headers, so that a repetition with the old ETag is the same request."""
        request = self.exchange.request
        target = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        content = await self.stream.digest() if self.stream else hashlib.sha256(self.body or b"").digest()
        return hashlib.sha256(target + content).digest()


_WORK: ContextVar[_Work] = ContextVar("work")


def _or_replay(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    async def call(**values: Any) -> Any:
        return await _WORK.get().work_or_replay(endpoint, values)

    call.__signature__ = signature_of(endpoint)  # type: ignore[attr-defined]  # what inspect.signature looks for
    return call


def _check_query(request: Request, known: frozenset[str]) -> None:
    """Raises `InvalidRequestError` (422) for parameters nobody would read, and characters no text may have."""
    if not request.scope["query_string"]:
        return
    faults = []
    for name, value in request.query_params.multi_items():
        if name not in known:
            pointer = f"/query/{name}"[:200].encode("utf-8", "replace").decode()
            faults.append(FieldError(pointer, "unknown-parameter", "The operation has no such parameter."))
        elif has_forbidden_character(value):
            faults.append(FieldError(f"/query/{name}", "forbidden-character", "Leave NUL characters out."))
    if faults:
        raise InvalidRequestError("The query contains what this operation does not take; see errors.", errors=faults)
