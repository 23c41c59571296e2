"""What pydantic finds wrong with a request, said in words that name what is allowed and never what was sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.kernel.errors import Category, DomainError, FieldError, NotFoundError

_OWN_WORDS: Mapping[str, str] = {
    "date_from_datetime_parsing": "Must be a date of the calendar, YYYY-MM-DD.",
    "date_parsing": "Must be a date of the calendar, YYYY-MM-DD.",
    "date_type": "Must be a date of the calendar, YYYY-MM-DD.",
    "datetime_from_date_parsing": "Must be an instant of RFC 3339, in UTC with Z.",
    "datetime_parsing": "Must be an instant of RFC 3339, in UTC with Z.",
    "dict_type": "Must be a JSON object.",
    "extra_forbidden": "This member is not known here.",
    "json_invalid": "The body is not JSON of RFC 8259 in UTF-8.",
    "list_type": "Must be a JSON array.",
    "missing": "This member is required.",
    "model_attributes_type": "Must be a JSON object.",
    "model_type": "Must be a JSON object.",
    "string_unicode": "Must be text of Unicode characters.",
    "uuid_parsing": "Must be a UUID in its canonical form.",
    "uuid_type": "Must be a UUID in its canonical form.",
}

_LIBRARY_WORDS = frozenset(
    {
        "bool_type", "bool_parsing", "enum", "greater_than", "greater_than_equal", "int_from_float",
        "int_parsing", "int_parsing_size", "int_type", "less_than", "less_than_equal", "literal_error",
        "none_required", "string_pattern_mismatch", "string_too_long",
        "string_too_short", "string_type", "too_long", "too_short", "value_error",
    }
)  # fmt: skip
"""Kinds of fault whose message names only what is allowed; every other one gets a neutral sentence."""

_POINTER_LENGTH = 200


class UnreadableBodyError(DomainError):
    """The body is not JSON at all."""

    category = Category.MALFORMED
    code = "malformed-json"
    title = "The body cannot be read"


class InvalidRequestError(DomainError):
    """Readable, but not what the operation takes; `errors` lists every fault."""

    code = "invalid-request"
    title = "The request is not valid"


def refusal_of(faults: Sequence[Mapping[str, Any]]) -> DomainError:
    """The typed refusal for what pydantic found wrong; values of the caller never get in."""
    if any(fault["loc"][:1] == ("path",) for fault in faults):
        return NotFoundError("Nothing has this id.")
    errors = tuple(FieldError(pointer_of(fault["loc"]), fault["type"], message_of(fault)) for fault in faults)
    if any(fault["type"] == "json_invalid" for fault in faults):
        return UnreadableBodyError(_OWN_WORDS["json_invalid"], errors=errors)
    return InvalidRequestError("The request contains what this operation does not take; see errors.", errors=errors)


def pointer_of(location: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901): into the body, or `/query/<name>` and `/header/<name>` for parameters."""
    parts = location[1:] if location[:1] == ("body",) else location
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return pointer[:_POINTER_LENGTH].encode("utf-8", "replace").decode()


def message_of(fault: Mapping[str, Any]) -> str:
    """A sentence that says what is allowed, without a word of the caller's."""
    kind: str = fault["type"]
    if kind in _OWN_WORDS:
        return _OWN_WORDS[kind]
    if kind in _LIBRARY_WORDS:
        return str(fault["msg"]).removeprefix("Value error, ")
    return "This value is not allowed here."
