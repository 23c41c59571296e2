"""Nothing of a person gets into a log, whoever writes it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from shared.observability.logging import configure_logging, get_logger, place_of

MARKER = "Erika Mustermann"


@pytest.fixture
def lines() -> Iterator[Any]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("cases", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def test_a_line_is_one_json_object_with_known_keys(lines: Any) -> None:
    get_logger().info("stamped", count=12, part=3)
    (entry,) = lines()
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"level": "info", "event": "stamped", "service": "cases", "count": 12, "part": 3}


def test_a_key_that_is_not_on_the_list_is_dropped(lines: Any) -> None:
    get_logger().info("x", name=MARKER, body={"a": MARKER}, status=200)
    (entry,) = lines()
    assert MARKER not in json.dumps(entry)
    assert entry["dropped_keys"] == ["body", "name"]
    assert entry["status"] == 200


def test_what_is_bound_to_the_context_passes_the_same_gate(lines: Any) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r", person=MARKER):
        get_logger().warning("x")
    (entry,) = lines()
    assert entry["request_id"] == "r"
    assert entry["dropped_keys"] == ["person"]


def test_an_exception_leaves_its_type_and_place_only(lines: Any) -> None:
    try:
        raise ValueError(MARKER)
    except ValueError as error:
        get_logger().error("failed", **place_of(error))
        logging.getLogger("uvicorn.error").exception("in %s", MARKER)
    for entry in lines():
        assert MARKER not in json.dumps(entry)
        assert entry["error_type"] == "ValueError"
        assert entry["error_place"].startswith("tests.unit.http.test_logging:")


def test_records_of_libraries_lose_their_arguments(lines: Any) -> None:
    logging.getLogger("sqlalchemy").warning("parameters: %s", MARKER)
    logging.getLogger("aiokafka").info("chatter")
    (entry,) = lines()
    assert entry["event"] == "parameters: %s"
    assert entry["logger"] == "sqlalchemy"


def test_debug_is_silent(lines: Any) -> None:
    get_logger().debug("x")
    assert lines() == []


def test_an_unconfigured_process_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger().error("x")
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""
