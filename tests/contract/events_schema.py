"""Is this what the AsyncAPI document says? For any test that gets hold of an event."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DOCUMENT = Path(__file__).parents[2] / "docs" / "asyncapi.json"
_URI = "urn:asyncapi"
_FORMATS = FormatChecker()


@_FORMATS.checks("date-time", raises=ValueError)
def _is_instant_in_utc(value: object) -> bool:
    return not isinstance(value, str) or (value.endswith("Z") and bool(datetime.fromisoformat(value)))


@cache
def asyncapi() -> Mapping[str, Any]:
    """The document that is checked in."""
    document: Mapping[str, Any] = json.loads(DOCUMENT.read_text())
    return document


@cache
def _validators() -> Mapping[str, Draft202012Validator]:
    registry: Registry[Any] = Registry().with_resource(_URI, DRAFT202012.create_resource(asyncapi()))
    return {
        message["name"]: Draft202012Validator(
            {"$ref": f"{_URI}#/components/messages/{key}/payload"}, registry=registry, format_checker=_FORMATS
        )
        for key, message in asyncapi()["components"]["messages"].items()
    }


def assert_as_documented(value: bytes | str) -> str:
    """Fails where an event differs from the document, or has a type it does not know. Returns the type."""
    event = json.loads(value)
    _validators()[event["type"]].validate(event)
    return str(event["type"])
