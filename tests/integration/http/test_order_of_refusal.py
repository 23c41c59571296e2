"""Whatever is wrong with a request at once, the answer is the one of the first fault in the order of the contract."""

from itertools import product
from uuid import UUID

import httpx
import psycopg
import pytest

from shared.observability.identifiers import new_id
from tests.integration.http.conftest import KitDatabase
from tests.support.tokens import TokenMint

TOO_LARGE = b'{"name": "' + b"x" * 1_048_576 + b'"}'

TOKENS = {
    "fine": None,
    "none": (401, "token-missing"),
    "forged": (401, "token-invalid"),
    "scope": (403, "scope-missing"),
    "all": (403, "no-traeger"),
}
OBJECTS = {"own": None, "foreign": (404, "not-found"), "no id": (404, "not-found")}
MEDIA = {"application/json": None, "text/plain": (415, "unsupported-media-type")}
KEYS = {"fresh": None, None: (400, "idempotency-key-missing"), "k" * 256: (400, "idempotency-key-malformed")}
MATCHES = {'"1"': None, "3": (400, "if-match-malformed"), None: (428, "if-match-missing"), '"7"': None}
BODIES = {
    b'{"name": "a"}': None,
    b'{"name": ': (400, "malformed-json"),
    b'{"name": 7}': (422, "invalid-request"),
    b'{"name": "a\\u0000"}': (422, "forbidden-character"),
    b'{"name": "a\\ud800"}': (422, "forbidden-character"),
    b'{"name": "a", "then": "refuse"}': None,
    TOO_LARGE: (413, "body-too-large"),
}


@pytest.fixture
def things(database: KitDatabase) -> dict[str, str]:
    """One thing of the LWL, one of the LVR."""
    ids = {"own": new_id(), "foreign": new_id()}
    with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
        for name, tenant in (("own", "LWL"), ("foreign", "LVR")):
            connection.execute("INSERT INTO thing VALUES (%s, %s, 'a', 1)", (tenant, ids[name]))
    return {name: str(value) for name, value in ids.items()} | {"no id": "17"}


def expected(token: str, thing: str, media: str, key: str | None, match: str | None, body: bytes) -> tuple[int, str]:
    """The first fault in the order 401, 403, 404, 415, 413, 400 (key), If-Match, body, 412, 409."""
    size = BODIES[body] if body is TOO_LARGE else None
    stale = (412, "stale-version") if match == '"7"' else None
    conflict = (409, "conflict") if b"refuse" in body else None
    order = (
        TOKENS[token],
        OBJECTS[thing],
        MEDIA[media],
        size,
        KEYS[key],
        MATCHES[match],
        BODIES[body],
        stale,
        conflict,
    )
    return next((fault for fault in order if fault is not None), (200, ""))


async def test_every_combination_of_faults_is_refused_by_its_first(
    client: httpx.AsyncClient, database: KitDatabase, mint: TokenMint, things: dict[str, str]
) -> None:
    authorization = {
        "fine": mint.bearer("cases:write"),
        "none": {},
        "forged": {"Authorization": "Bearer abc"},
        "scope": mint.bearer("cases:read"),
        "all": mint.bearer("cases:write feed:read", tenant="*"),
    }
    seen: dict[int, int] = {}
    for number, (token, thing, media, key, match, body) in enumerate(
        product(TOKENS, OBJECTS, MEDIA, KEYS, MATCHES, BODIES)
    ):
        headers = {**authorization[token], "Content-Type": media}
        if key is not None:
            headers["Idempotency-Key"] = f"{number}{key}" if key == "fresh" else key
        if match is not None:
            headers["If-Match"] = match
        answer = await client.post(f"/v1/things/{things[thing]}/acts", headers=headers, content=body)
        status, code = expected(token, thing, media, key, match, body)
        assert answer.status_code == status, (token, thing, media, key, match, body[:40], answer.text)
        seen[status] = seen.get(status, 0) + 1
        if status == 200:
            with psycopg.connect(database.superuser_conninfo, autocommit=True) as connection:
                connection.execute("UPDATE thing SET version = 1")
        else:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == f"https://teilhabe.nrw.de/problems/{code}"
            assert answer.json()["instance"] == f"urn:uuid:{UUID(answer.headers['x-request-id'])}"
    assert set(seen) == {200, 400, 401, 403, 404, 409, 412, 413, 415, 422, 428}
    assert database.rows("SELECT count(*) FROM idempotency_key") == [(seen[200],)], "a refused request frees its key"
