"""The outermost layer of every application, plain ASGI: number, headers, figures and log line of a request."""

import re
import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.exchange import SCOPE_KEY
from shared.http.problems import internal_error
from shared.observability.identifiers import new_id
from shared.observability.logging import get_logger, place_of

REQUEST_ID_KEY = "teilhabe.request_id"

_UUID = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_DOCS_POLICY = (
    b"default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; frame-ancestors 'none'"
)
_SILENT = ("/livez", "/readyz", "/metrics")


class RequestFigures:
    """Rate, errors and duration by route template: no path, no id and nobody is a label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self._count = Counter("http_requests", "Requests answered", labels, registry=registry)
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time until the first byte of the answer",
            ("method", "route"),
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request has been answered."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = (self._count.labels(method, route, str(status)), self._seconds.labels(method, route))
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)


class RequestContext:
    """Gives a request its number, the answer its headers, and turns what nobody caught into a 500 without text."""

    def __init__(
        self, app: ASGIApp, *, figures: RequestFigures, hsts: bool = False, docs_paths: tuple[str, ...] = ()
    ):
        self._app = app
        self._figures = figures
        self._headers = (*_SECURITY_HEADERS, _HSTS) if hsts else _SECURITY_HEADERS
        self._docs_paths = docs_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope[REQUEST_ID_KEY] = request_id
        answer = _Answer(send, self._answer_headers(scope, request_id))
        begin = time.perf_counter()
        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            answer.status = answer.status or 499
        except Exception as error:  # the last net: nothing of it may reach the caller, all that may is logged
            get_logger().error("request failed", request_id=request_id, route=_route(scope), **place_of(error))
            if answer.status == 0:
                await internal_error(Request(scope))(scope, receive, answer)
        finally:
            self._report(scope, request_id, answer.status, (answer.started_at or time.perf_counter()) - begin)

    def _answer_headers(self, scope: Scope, request_id: str) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", request_id.encode()), *self._headers]
        if scope["path"].startswith(self._docs_paths):
            headers.insert(0, (b"content-security-policy", _DOCS_POLICY))
        return headers

    def _report(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        if scope["path"] in _SILENT:
            return
        route = _route(scope)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._figures.count(method, route, status, seconds)
        exchange = scope.get(SCOPE_KEY)
        caller = exchange.caller if exchange is not None else None
        get_logger().info(
            "request",
            request_id=request_id,
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 1),
            client_id=caller and caller.client_id,
            tenant=caller and caller.traeger,
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Answer:
    """`send`, with the headers that every answer has unless it brings its own."""

    __slots__ = ("_headers", "_send", "started_at", "status")

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = headers
        self.status = 0
        self.started_at = 0.0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.started_at = time.perf_counter()
            headers = list(message.get("headers", ()))
            present = {name for name, _ in headers}
            for name, value in self._headers:
                if name not in present:
                    headers.append((name, value))
                    present.add(name)
            message["headers"] = headers
        await self._send(message)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _UUID.fullmatch(value) else str(new_id())
    return str(new_id())


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "unmatched")
