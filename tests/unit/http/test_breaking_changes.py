"""A change that could make a client of the committed document stumble is found; a harmless one is not."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from tests.support.openapi import breaking_changes

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/v1/things": {
            "post": {
                "parameters": [{"in": "query", "name": "dry_run", "required": False, "schema": {"type": "boolean"}}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}},
                },
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}},
                    "422": {"description": "no"},
                },
            },
            "get": {"responses": {"200": {"description": "yes"}}},
        }
    },
    "components": {
        "schemas": {
            "New": {
                "type": "object",
                "required": ["kind"],
                "properties": {
                    "kind": {"type": "string", "enum": ["A", "B"]},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
            "Out": {
                "type": "object",
                "required": ["id", "parts"],
                "properties": {
                    "id": {"type": "string"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                },
            },
            "Part": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "out": {"$ref": "#/components/schemas/Out"}},
            },
        }
    },
}

Change = Callable[[dict[str, Any]], Any]


def operation(document: dict[str, Any]) -> Any:
    return document["paths"]["/v1/things"]["post"]


def schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


BREAKS: dict[str, Change] = {
    "path": lambda d: d["paths"].clear(),
    "operation": lambda d: d["paths"]["/v1/things"].pop("get"),
    "success": lambda d: operation(d)["responses"].pop("201"),
    "response property": lambda d: schema(d, "Out")["properties"].pop("id"),
    "nested response property": lambda d: schema(d, "Part")["properties"].pop("name"),
    "response property optional": lambda d: schema(d, "Out")["required"].remove("id"),
    "response type": lambda d: schema(d, "Part")["properties"]["name"].update(type="integer"),
    "media type": lambda d: operation(d)["responses"]["201"]["content"].clear(),
    "new required property": lambda d: schema(d, "New").update(required=["kind", "note"]),
    "request property": lambda d: schema(d, "New")["properties"].pop("note"),
    "value": lambda d: schema(d, "New")["properties"]["kind"]["enum"].remove("B"),
    "enumeration": lambda d: schema(d, "New")["properties"]["note"]["anyOf"][0].update(enum=["x"]),
    "null": lambda d: schema(d, "New")["properties"]["note"]["anyOf"].pop(),
    "parameter": lambda d: operation(d)["parameters"].clear(),
    "required parameter": lambda d: operation(d)["parameters"][0].update(required=True),
    "another required parameter": lambda d: operation(d)["parameters"].append(
        {"in": "header", "name": "If-Match", "required": True, "schema": {"type": "string"}}
    ),
    "body": lambda d: d["paths"]["/v1/things"]["get"].update(requestBody=operation(d)["requestBody"]),
    "media type of the body": lambda d: operation(d)["requestBody"]["content"].clear(),
}

HARMLESS: dict[str, Change] = {
    "nothing": lambda d: None,
    "operation": lambda d: d["paths"].update({"/v1/more": {"get": {"responses": {}}}}),
    "response property": lambda d: schema(d, "Out")["properties"].update(more={"type": "string"}),
    "optional request property": lambda d: schema(d, "New")["properties"].update(more={"type": "string"}),
    "value": lambda d: schema(d, "New")["properties"]["kind"]["enum"].append("C"),
    "optional parameter": lambda d: operation(d)["parameters"].append(
        {"in": "query", "name": "more", "required": False, "schema": {"type": "string"}}
    ),
    "problem": lambda d: operation(d)["responses"].update({"409": {"description": "no"}}),
    "optional": lambda d: schema(d, "New")["required"].clear(),
    "description": lambda d: operation(d).update(summary="else"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_found(name: str) -> None:
    changed = deepcopy(DOCUMENT)
    BREAKS[name](changed)
    assert list(breaking_changes(DOCUMENT, changed))


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_passes(name: str) -> None:
    changed = deepcopy(DOCUMENT)
    HARMLESS[name](changed)
    assert list(breaking_changes(DOCUMENT, changed)) == []


def test_values_of_several_branches_are_taken_together() -> None:
    before = deepcopy(DOCUMENT)
    kind = before["components"]["schemas"]["New"]["properties"]
    kind["kind"] = {"anyOf": [{"type": "string", "enum": ["A", "B"]}, {"type": "string", "const": "NONE"}]}
    assert list(breaking_changes(before, deepcopy(before))) == []
    after = deepcopy(before)
    after["components"]["schemas"]["New"]["properties"]["kind"]["anyOf"].pop()
    (told,) = breaking_changes(before, after)
    assert told.endswith("value NONE no longer taken")
