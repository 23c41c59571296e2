"""Bodies are read strictly: JSON types, closed objects, characters that a database can hold."""

import json
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.http.bodies import ForbiddenCharacterError, FromJson, RequestModel, check_characters
from shared.http.parameters import Day, Id


class Kind(StrEnum):
    A = "A"


class Part(RequestModel):
    number: int


class Everything(RequestModel):
    text: str | None = None
    number: int | None = None
    flag: bool | None = None
    day: date | None = None
    instant: datetime | None = None
    id: UUID | None = None
    kind: Kind | None = None
    parts: list[Part] | None = None


ADAPTER: TypeAdapter[Everything] = TypeAdapter(Annotated[Everything, FromJson()])

FINE: dict[str, list[Any]] = {
    "text": ["", "ä", "7", None],
    "number": [0, -3, None],
    "flag": [True, False, None],
    "day": ["2024-02-29", None],
    "instant": ["2024-02-29T12:00:00Z", None],
    "id": ["019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10", None],
    "kind": ["A", None],
    "parts": [[], [{"number": 1}], None],
}

WRONG: dict[str, list[Any]] = {
    "text": [7, 1.5, True, [], {}],
    "number": ["7", 1.5, 7.0, True, [], {}],
    "flag": ["true", 1, 0, "A", []],
    "day": [
        20240229,
        "2023-02-29",
        "2024-2-29",
        "2024-02-29T00:00:00",
        "1709164800",
        0,
        1709164800,
        True,
        "29.02.2024",
    ],
    "instant": [1709164800, "1709164800", "2024-02-29 99:00", "2024-02-29T12:00:00", "2024-02-29", True],
    "id": ["017", 7, "zzzab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"],
    "kind": ["a", "B", 1],
    "parts": [{}, "x", [{"number": "1"}], [{"number": 1, "more": 1}], [[]], [None]],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FINE.items() for value in values])
def test_what_fits_is_taken(name: str, value: Any) -> None:
    ADAPTER.validate_python(json.dumps({name: value}).encode())


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_nothing_passes_for_another_type(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(json.dumps({name: value}).encode())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nope", b'{"text": "a"', b'{"text": "\xff"}', b'{"text": "a\nb"}', b"{'a': 1}"]
)
def test_what_is_no_json_is_told_apart(body: bytes) -> None:
    with pytest.raises(ValidationError) as fault:
        ADAPTER.validate_python(body)
    assert [error["type"] for error in fault.value.errors()] == ["json_invalid"]


def test_members_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(b'{"more": 1}')


TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
)


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(member) for key, member in value.items())
    if isinstance(value, list):
        return any(_has_nul(member) for member in value)
    return isinstance(value, str) and "\0" in value


@settings(deadline=None)
@given(VALUES)
def test_exactly_bodies_with_nul_are_refused(value: Any) -> None:
    for body in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode()):
        if _has_nul(value):
            with pytest.raises(ForbiddenCharacterError):
                check_characters(body)
        else:
            check_characters(body)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (rb'{"a": "\ud83d\ude00 \\u0000 \\ud800"}', []),
        (rb'{"a": "\ud800"}', ["/a"]),
        (rb'{"a": ["x", "\udc00\ud800"]}', ["/a/1"]),
        (rb'{"a\u0000": 1, "b": {"c": "\u0000"}}', ["", "/b/c"]),
        (rb'{"a": "\ud800"', []),
        (rb'"\uDFFF"', [""]),
    ],
)
def test_halves_of_a_pair_are_found_where_they_stand(body: bytes, pointers: list[str]) -> None:
    if not pointers:
        check_characters(body)
        return
    with pytest.raises(ForbiddenCharacterError) as refusal:
        check_characters(body)
    assert [error.pointer for error in refusal.value.errors] == pointers


@pytest.mark.parametrize(
    "text", ["2024-2-29", "1709164800", "2024-02-29T00:00:00", "0", "٢٠٢٤-٠٢-٢٩", " 2024-02-29", "2023-02-29"]
)
def test_a_day_in_a_query_has_one_spelling(text: str) -> None:
    assert TypeAdapter(Day).validate_python("2024-02-29") == date(2024, 2, 29)
    with pytest.raises(ValidationError):
        TypeAdapter(Day).validate_python(text)


@pytest.mark.parametrize(
    "text", ["{019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10}", "019ab2f49c1e7c648a513f0f2a4f6a10", "7", ""]
)
def test_an_id_in_a_query_has_one_spelling(text: str) -> None:
    assert TypeAdapter(Id).validate_python("019AB2F4-9c1e-7c64-8a51-3f0f2a4f6a10").version == 7
    with pytest.raises(ValidationError):
        TypeAdapter(Id).validate_python(text)
