"""Bodies: JSON only, bounded, strict.

A request model derives from `RequestModel`. The route reads the bytes with pydantic's JSON mode, so a date is a
string `YYYY-MM-DD` and nothing else, a number never passes for a text, and unknown members are refused.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

from fastapi import Request
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from shared.http.parameters import read_day, read_instant
from shared.kernel.errors import Category, DomainError, FieldError

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
MAX_BODY_BYTES = 1_048_576

_SUSPICIOUS = re.compile(rb"\\u(0000|[dD][89a-fA-F])")
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")


class UnsupportedMediaError(DomainError):
    """The body comes in a media type that this operation does not read."""

    category = Category.UNSUPPORTED
    code = "unsupported-media-type"
    title = "The media type is not taken here"


class BodyTooLargeError(DomainError):
    """The body exceeds the limit of the operation."""

    category = Category.TOO_LARGE
    code = "body-too-large"
    title = "The body is too large"


class ForbiddenCharacterError(DomainError):
    """A text contains NUL or half of a surrogate pair, which no database column takes."""

    code = "forbidden-character"
    title = "A text contains a character that is not allowed"


_READERS: dict[str, Callable[[Any], Any]] = {"date": read_day, "datetime": read_instant}
_NO_SCHEMAS = frozenset({"cls", "config", "default", "function", "metadata", "serialization"})


def _with_one_spelling(schema: Any) -> Any:
    """The schema, its days and instants taken from one spelling only."""
    if isinstance(schema, list):
        return [_with_one_spelling(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    reader = _READERS.get(schema.get("type", ""))
    if reader is not None:
        return core_schema.no_info_before_validator_function(reader, cast(CoreSchema, schema))
    if schema.get("type") == "function-before" and schema["function"]["function"] in _READERS.values():
        return schema
    return {name: part if name in _NO_SCHEMAS else _with_one_spelling(part) for name, part in schema.items()}


class RequestModel(BaseModel):
    """Base of everything a request body consists of: closed and strict, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: CoreSchema = _with_one_spelling(handler(source))
        return schema


class FromJson:
    """Marks a body whose annotation is validated straight from the bytes, in JSON mode."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # Named twice, the model stays a schema of its own in the document instead of being written out in place.
        return core_schema.json_or_python_schema(
            json_schema=handler(source), python_schema=core_schema.json_schema(handler(source))
        )


def media_type_of(request: Request) -> str:
    """The media type of a request without its parameters, in lower case; empty if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_media_type(request: Request, allowed: tuple[str, ...]) -> None:
    """Raises `UnsupportedMediaError` (415)."""
    if media_type_of(request) not in allowed or request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaError(f"This operation reads {' or '.join(allowed)}, not encoded.")


def too_large(limit: int) -> BodyTooLargeError:
    """The refusal for a body of more than `limit` bytes."""
    return BodyTooLargeError(f"At most {limit} bytes are taken.", extensions={"limit_bytes": limit})


async def read_body(request: Request, limit: int) -> bytes | None:
    """The whole body, or None if it has more than `limit` bytes (then it is not read to its end)."""
    declared = request.headers.get("content-length")
    if declared is not None and (not declared.isdecimal() or int(declared) > limit):
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def check_characters(body: bytes) -> None:
    """Raises `ForbiddenCharacterError` (422) for NUL and lone surrogates; a body that is no JSON passes here."""
    if _SUSPICIOUS.search(body) is None:
        return
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    places = tuple(_places(value, ""))
    if places:
        raise ForbiddenCharacterError(
            "Texts must not contain NUL or lone surrogates.",
            errors=[FieldError(p[:200], "forbidden-character", "Leave NUL and lone surrogates out.") for p in places],
        )


def has_forbidden_character(text: str) -> bool:
    """Whether a text contains NUL or a lone surrogate."""
    return _FORBIDDEN.search(text) is not None


def _places(value: Any, pointer: str) -> Iterator[str]:
    if isinstance(value, str):
        if has_forbidden_character(value):
            yield pointer
    elif isinstance(value, dict):
        for name, member in value.items():
            if has_forbidden_character(name):
                yield pointer
            else:
                yield from _places(member, f"{pointer}/{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _places(member, f"{pointer}/{index}")


class BodyStream:
    """A long body as it arrives: bounded, and hashed on the way so that it can be told from another one.

    Iterating raises `BodyTooLargeError` (413) beyond the limit. A client that goes away raises
    `starlette.requests.ClientDisconnect`: nothing of the transaction stays.
    """

    def __init__(self, request: Request, limit: int) -> None:
        self._request = request
        self._limit = limit
        self._hash = hashlib.sha256()
        self._begun = False
        self.size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._begun = True
        async for chunk in self._request.stream():
            self.size += len(chunk)
            if self.size > self._limit:
                raise too_large(self._limit)
            self._hash.update(chunk)
            if chunk:
                yield chunk

    async def digest(self) -> bytes:
        """The hash of the whole body. What nobody has read is read now; a body half read is an error of ours."""
        if not self._begun:
            async for _ in self:
                pass
        return self._hash.digest()
