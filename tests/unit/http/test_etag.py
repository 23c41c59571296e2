"""Versions as ETags."""

import pytest
from starlette.responses import Response

from shared.http.etag import (
    ANY_VERSION,
    MalformedConditionError,
    PreconditionMissingError,
    check_version,
    etag,
    expected_version,
    not_modified,
)
from shared.kernel.errors import StaleError


@pytest.mark.parametrize("version", [0, 1, 7, 2**31 - 1])
def test_a_version_is_read_back_from_its_etag(version: int) -> None:
    assert expected_version(etag(version)) == version
    assert expected_version(f"  {etag(version)} ") == version


def test_a_star_takes_every_version() -> None:
    assert expected_version("*") == ANY_VERSION
    check_version(17, ANY_VERSION)


@pytest.mark.parametrize("header", [None, "", "  "])
def test_a_change_without_a_version_is_refused(header: str | None) -> None:
    with pytest.raises(PreconditionMissingError):
        expected_version(header)


@pytest.mark.parametrize(
    "header", ["1", '"a"', 'W/"1"', '"1", "2"', '"01"', '"-1"', '"1', '""', '"2147483648"', '"99999999999"', '"١"']
)
def test_what_is_no_etag_of_ours_is_malformed(header: str) -> None:
    with pytest.raises(MalformedConditionError):
        expected_version(header)


def test_another_version_is_stale() -> None:
    check_version(3, 3)
    with pytest.raises(StaleError):
        check_version(4, 3)


@pytest.mark.parametrize(
    ("header", "spared"),
    [('"3"', True), ('W/"3"', True), ('"1", "3"', True), ("*", True), ('"4"', False), ("3", False), (None, False)],
)
def test_who_has_the_version_already_gets_no_body(header: str | None, spared: bool) -> None:
    answer = not_modified(Response("{}", headers={"ETag": '"3"'}), header)
    assert (answer is not None) == spared
    if answer is not None:
        assert (answer.status_code, answer.headers["etag"], answer.body) == (304, '"3"', b"")


def test_an_answer_without_etag_or_success_is_always_sent() -> None:
    assert not_modified(Response("{}"), "*") is None
    assert not_modified(Response("{}", 404, {"ETag": '"3"'}), '"3"') is None
