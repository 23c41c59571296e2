"""Versions as strong ETags: `"7"` is version 7. If-Match guards a change, If-None-Match spares a transfer."""

import re

from starlette.responses import Response

from shared.kernel.errors import Category, DomainError, StaleError

ANY_VERSION = -1
"""`If-Match: *`: whatever version there is."""

_MAX_VERSION = 2**31 - 1
_TAG = re.compile(r'"([1-9][0-9]{0,9}|0)"')


class PreconditionMissingError(DomainError):
    """A change of an existing object must name the version it starts from."""

    category = Category.PRECONDITION_REQUIRED
    code = "if-match-missing"
    title = "If-Match is required"


class MalformedConditionError(DomainError):
    """The header cannot be read."""

    category = Category.MALFORMED
    code = "if-match-malformed"
    title = "If-Match cannot be read"


def etag(version: int) -> str:
    """The strong ETag of a version."""
    return f'"{version}"'


def expected_version(header: str | None) -> int:
    """The version in `If-Match`. Raises `PreconditionMissingError` (428) or `MalformedConditionError` (400)."""
    if header is None or not header.strip():
        raise PreconditionMissingError('Send If-Match with the ETag that was read, for example If-Match: "3".')
    if header.strip() == "*":
        return ANY_VERSION
    match = _TAG.fullmatch(header.strip())
    if match is None or int(match[1]) > _MAX_VERSION:
        raise MalformedConditionError('If-Match is one strong ETag of this service, for example "3".')
    return int(match[1])


def check_version(actual: int, expected: int) -> None:
    """Raises `StaleError` (412) unless the object still has the expected version."""
    if expected not in (actual, ANY_VERSION):
        raise StaleError("Read the object again; its ETag has changed.")


def not_modified(response: Response, if_none_match: str | None) -> Response | None:
    """A 304 in place of an answer whose ETag the caller has already, or None."""
    tag = response.headers.get("etag")
    if tag is None or if_none_match is None or response.status_code != 200:
        return None
    known = {entry.strip().removeprefix("W/") for entry in if_none_match.split(",")}
    if tag not in known and "*" not in known:
        return None
    return Response(status_code=304, headers={"ETag": tag})
