"""Logs: one JSON object per line on stdout, with keys of a list only, so that nothing of a person gets in."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

ALLOWED_KEYS = frozenset(
    {
        "timestamp", "level", "event", "logger", "service", "request_id", "tenant", "client_id", "method", "route",
        "status", "duration_ms", "error_type", "error_place", "sqlstate", "loop", "part", "epoch", "seq", "count",
        "case_id", "event_id", "event_type", "import_id", "line", "lines", "revision", "signal", "attempt", "lag",
        "topic", "url", "reason", "process", "port", "seconds",
    }
)  # fmt: skip
"""What may be logged: categories, counts, ids of records and the place of a failure. Never texts of exceptions."""

_DROPPED = "dropped_keys"
_encode = msgspec.json.Encoder(enc_hook=str).encode


def configure_logging(service: str, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send the logs of this process, those of libraries too, to `stream` (default stdout). For main and worker."""
    target = stream or sys.stdout
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, _named(service), only_allowed, _rendered],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_LibraryFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """The logger of this process: `get_logger().info("stamped", count=12)`. Silent until logging is configured."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger() if structlog.is_configured() else _silent
    return logger


_silent: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
    structlog.ReturnLogger(), processors=[], wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)


def only_allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every key that is not on the list; say which, never their values."""
    foreign = sorted(event.keys() - ALLOWED_KEYS)
    for key in foreign:
        del event[key]
    if foreign:
        event[_DROPPED] = foreign
    return event


def place_of(error: BaseException) -> Mapping[str, str]:
    """What may be logged of an exception: its type, its SQLSTATE, and the line that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else "?"
    found = {"error_type": type(error).__name__, "error_place": place}
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return {**found, "sqlstate": state} if state else found


def _named(service: str) -> Any:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def _rendered(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return _encode(event).decode()


class _LibraryFormatter(logging.Formatter):
    """Records of libraries: the constant part of their message, and where an exception came from."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "timestamp": structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"],
            "level": record.levelname.lower(),
            "logger": record.name,
            "service": self._service,
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        if record.exc_info and record.exc_info[1] is not None:
            entry.update(place_of(record.exc_info[1]))
        return _encode(entry).decode()
