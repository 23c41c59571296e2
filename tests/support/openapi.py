"""The OpenAPI documents of the services: as committed, and as clients of the last release know them.

`python -m tests.support.openapi [service …]` writes `docs/openapi/<service>.json` anew. `--release` also writes the
documents of a release, `docs/openapi/released/`: what is in there is never broken within /v1, and only a release may
replace it.
"""

import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI

DOCUMENTS = Path(__file__).parents[2] / "docs" / "openapi"
RELEASED = DOCUMENTS / "released"
SERVICES = ("cases", "budgets", "metrics")
_METHODS = ("get", "put", "post", "delete", "patch")
_DEPTH = 12


def text_of(document: Mapping[str, Any]) -> str:
    """The document as it is committed."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def assert_committed(app: FastAPI, service: str) -> None:
    """Fail with the way out if `docs/openapi/<service>.json` is not what the application says of itself."""
    path = DOCUMENTS / f"{service}.json"
    committed = json.loads(path.read_text()) if path.exists() else {}
    same = json.loads(text_of(app.openapi())) == committed
    assert same, f"run `python -m tests.support.openapi {service}` and look at the difference"


def assert_unbroken(app: FastAPI, service: str) -> None:
    """Fail if a client of the last release could stumble. Before the first release there are no clients."""
    path = RELEASED / f"{service}.json"
    released = json.loads(path.read_text()) if path.exists() else {"paths": {}}
    breaks = list(breaking_changes(released, app.openapi()))
    assert not breaks, f"{service} breaks clients of /v1: {breaks}"


def breaking_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What a client of `old` could stumble over in `new`.

    A removed path, operation, success status or response property; a parameter or request property that is new and
    required, or became so; a value less in an enumeration of a request, a property less that a request may have.
    """
    for path, item in old["paths"].items():
        for method in (method for method in _METHODS if method in item):
            place = f"{method.upper()} {path}"
            other = new["paths"].get(path, {}).get(method)
            if other is None:
                yield f"{place}: removed"
                continue
            yield from _parameters(place, old, item[method], new, other)
            yield from _requests(place, old, item[method], new, other)
            yield from _responses(place, old, item[method], new, other)


def _parameters(place: str, old: Any, before: Any, new: Any, after: Any) -> Iterator[str]:
    known = {(p["in"], p["name"]): p for p in before.get("parameters", [])}
    present = {(p["in"], p["name"]): p for p in after.get("parameters", [])}
    for key in known.keys() - present.keys():
        yield f"{place}: parameter {key[1]} removed"
    for key, parameter in present.items():
        was = known.get(key)
        if parameter.get("required") and not (was or {}).get("required"):
            yield f"{place}: parameter {key[1]} required"
        if was is not None:
            yield from _narrowed(f"{place}: {key[1]}", old, was["schema"], new, parameter["schema"], 0)


def _requests(place: str, old: Any, before: Any, new: Any, after: Any) -> Iterator[str]:
    was = before.get("requestBody", {}).get("content", {})
    now = after.get("requestBody", {}).get("content", {})
    if now and not was and after["requestBody"].get("required"):
        yield f"{place}: body required"
    for media, content in was.items():
        if media not in now:
            yield f"{place}: {media} no longer taken"
        elif "schema" in content:
            yield from _narrowed(f"{place}: body", old, content["schema"], new, now[media].get("schema", {}), 0)


def _responses(place: str, old: Any, before: Any, new: Any, after: Any) -> Iterator[str]:
    for status, response in before["responses"].items():
        if not status.startswith("2"):
            continue
        other = after["responses"].get(status)
        if other is None:
            yield f"{place}: {status} no longer answered"
            continue
        for media, content in response.get("content", {}).items():
            now = other.get("content", {}).get(media)
            if now is None:
                yield f"{place}: {status} no longer in {media}"
            else:
                yield from _lost(f"{place}: {status}", old, content.get("schema", {}), new, now.get("schema", {}), 0)


def _resolved(document: Any, schema: Any) -> Any:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _branches(document: Any, schema: Any) -> list[Any]:
    schema = _resolved(document, schema)
    parts = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return [_resolved(document, part) for part in parts]


def _lost(place: str, old: Any, before: Any, new: Any, after: Any, depth: int) -> Iterator[str]:
    """Properties of a response that are gone or no longer always there."""
    if depth > _DEPTH:
        return
    now_branches = _branches(new, after)
    for was in _branches(old, before):
        candidates = [now for now in now_branches if now.get("type") == was.get("type")]
        if not candidates:
            yield f"{place}: {was.get('type')} no longer answered"
            continue
        now = candidates[0]
        for name, schema in was.get("properties", {}).items():
            if name not in now.get("properties", {}):
                yield f"{place}: property {name} removed"
            else:
                yield from _lost(f"{place}.{name}", old, schema, new, now["properties"][name], depth + 1)
        for name in set(was.get("required", [])) - set(now.get("required", [])):
            if name in now.get("properties", {}):
                yield f"{place}: property {name} no longer always there"
        if "items" in was and "items" in now:
            yield from _lost(f"{place}[]", old, was["items"], new, now["items"], depth + 1)


def _narrowed(place: str, old: Any, before: Any, new: Any, after: Any, depth: int) -> Iterator[str]:
    """What a request could say before and may not say any more."""
    if depth > _DEPTH:
        return
    was_branches, now_branches = _branches(old, before), _branches(new, after)
    for kind in dict.fromkeys(branch.get("type") for branch in was_branches):
        yield from _fewer_values(place, _values(was_branches, kind), _values(now_branches, kind))
    for was in was_branches:
        candidates = [now for now in now_branches if now.get("type") == was.get("type")]
        if not candidates:
            yield f"{place}: {was.get('type')} no longer taken"
            continue
        now = candidates[0]
        for name in set(now.get("required", [])) - set(was.get("required", [])):
            yield f"{place}: property {name} required"
        for name, schema in was.get("properties", {}).items():
            if name not in now.get("properties", {}):
                yield f"{place}: property {name} no longer taken"
            else:
                yield from _narrowed(f"{place}.{name}", old, schema, new, now["properties"][name], depth + 1)
        if "items" in was and "items" in now:
            yield from _narrowed(f"{place}[]", old, was["items"], new, now["items"], depth + 1)


def _values(branches: list[Any], kind: str | None) -> set[str] | None:
    """The values that the branches of one type take together; None if one of them takes any."""
    found: set[str] = set()
    for branch in branches:
        if branch.get("type") != kind:
            continue
        if "enum" not in branch and "const" not in branch:
            return None
        found |= set(branch.get("enum", [branch.get("const")]))
    return found


def _fewer_values(place: str, before: set[str] | None, now: set[str] | None) -> Iterator[str]:
    """Values that a request could name before; a type that is gone altogether is told elsewhere."""
    if not now:
        return
    if before is None:
        yield f"{place}: limited to an enumeration"
    for value in sorted((before or set()) - now):
        yield f"{place}: value {value} no longer taken"


_SETTINGS: Mapping[str, str] = {
    "issuer": "https://issuer.test",
    "jwks_url": "https://issuer.test/jwks",
    "environment": "test",
    "cases_url": "http://127.0.0.1:1",
    "budgets_url": "http://127.0.0.1:1",
    "token_url": "http://127.0.0.1:1/token",
    "client_id": "nobody",
    "client_secret": "none",
}


def application_of(service: str) -> FastAPI:
    """The application of a service with settings that reach nothing: enough to ask it for its document."""
    settings = importlib.import_module(f"services.{service}.settings").Settings
    urls = {
        "database_url": f"postgresql+psycopg://{service}_app:none@127.0.0.1:1/{service}",
        "worker_database_url": f"postgresql+psycopg://{service}_worker:none@127.0.0.1:1/{service}",
    }
    values = {name: value for name, value in {**_SETTINGS, **urls}.items() if name in settings.model_fields}
    app: FastAPI = importlib.import_module(f"services.{service}.main").create_app(settings.model_validate(values))
    return app


def main(arguments: list[str]) -> None:
    """Write the documents."""
    folders = [DOCUMENTS, RELEASED] if "--release" in arguments else [DOCUMENTS]
    for service in [name for name in arguments if name in SERVICES] or SERVICES:
        text = text_of(application_of(service).openapi())
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{service}.json").write_text(text)
            sys.stdout.write(f"{folder / service}.json\n")


if __name__ == "__main__":
    main(sys.argv[1:])
