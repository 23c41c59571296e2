"""What every answer of every application has: number, headers, problems, figures, documentation, health."""

import re
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from shared.http.openapi import operations
from shared.kernel.clock import FixedClock
from tests.integration.http.conftest import KitDatabase
from tests.support.tokens import TokenMint

NUMBER = "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"


@pytest.mark.parametrize(("sent", "kept"), [(NUMBER, True), ("x" * 500, False), ("<script>", False), (None, False)])
async def test_a_request_has_one_number(client: httpx.AsyncClient, sent: str | None, kept: bool) -> None:
    answer = await client.get("/v1/nowhere", headers={} if sent is None else {"X-Request-ID": sent})
    number = answer.headers["x-request-id"]
    assert (number == sent) == kept
    assert UUID(number).version == 7
    assert answer.json()["instance"] == f"urn:uuid:{number}"


@pytest.mark.parametrize("path", ["/v1/things", "/v1/nowhere", "/livez", "/docs", "/openapi.json", "/metrics"])
async def test_every_answer_has_security_headers(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


async def test_an_unknown_address_and_method_are_problems(client: httpx.AsyncClient) -> None:
    for answer, status, code in (
        (await client.get("/v1/nowhere"), 404, "unknown-route"),
        (await client.get("/v1/things/"), 404, "unknown-route"),
        (await client.delete("/v1/things"), 405, "method-not-allowed"),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"].endswith(f"/{code}")
    assert answer.headers["allow"] == "GET, POST"


async def test_what_nobody_caught_is_a_500_without_text(client: httpx.AsyncClient, clerk: dict[str, str]) -> None:
    answer = await client.post(
        "/v1/things", json={"name": "Mustermann", "then": "crash"}, headers={**clerk, "Idempotency-Key": "k"}
    )
    assert answer.status_code == 500
    assert answer.json()["type"].endswith("/internal-error")
    assert "secret" not in answer.text
    assert "Mustermann" not in answer.text


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("nmae=x", "/query/nmae"),
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("limit=x", "/query/limit"),
        ("since=2024-02-30", "/query/since"),
        ("since=1709164800", "/query/since"),
        ("name=a%00b", "/query/name"),
    ],
)
async def test_a_query_is_refused_at_its_fault(
    client: httpx.AsyncClient, clerk: dict[str, str], query: str, pointer: str
) -> None:
    answer = await client.get(f"/v1/things?{query}", headers=clerk)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "thing_id", ["7", "%00", "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a1", "%7B" + NUMBER + "%7D", NUMBER]
)
async def test_an_id_that_nothing_has_is_not_found_before_its_query_is_judged(
    client: httpx.AsyncClient, clerk: dict[str, str], thing_id: str
) -> None:
    answer = await client.get(f"/v1/things/{thing_id}?on=never&what=ever", headers=clerk)
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/not-found")


async def test_pages_lead_through_a_collection_once(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    made = []
    for number in range(7):
        answer = await client.post(
            "/v1/things", json={"name": f"n{number % 2}"}, headers={**clerk, "Idempotency-Key": str(number)}
        )
        made.append(answer.json()["id"])
    seen, path = [], "/v1/things?limit=3"
    while path:
        answer = await client.get(path, headers=clerk)
        seen += [thing["id"] for thing in answer.json()["items"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
        assert (link is None) == (answer.json()["next_cursor"] is None)
        path = link[1] if link else ""
    assert seen == made
    cursor = (await client.get("/v1/things?limit=3", headers=clerk)).json()["next_cursor"]
    for foreign in (f"cursor={cursor}&name=n1", f"cursor={cursor}x", "cursor=%20", "cursor=" + "a" * 2000):
        refused = await client.get(f"/v1/things?{foreign}", headers=clerk)
        assert refused.status_code == 400
        assert refused.json()["type"].endswith("/cursor-not-valid")


async def test_who_has_a_version_already_gets_304(client: httpx.AsyncClient, clerk: dict[str, str]) -> None:
    made = await client.post("/v1/things", json={"name": "a"}, headers={**clerk, "Idempotency-Key": "k"})
    location = made.headers["location"]
    read = await client.get(location, headers=clerk)
    again = await client.get(location, headers={**clerk, "If-None-Match": read.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", '"1"')
    assert again.headers["cache-control"] == "no-store"


async def test_patches_come_in_two_media_types(client: httpx.AsyncClient, clerk: dict[str, str]) -> None:
    made = await client.post("/v1/things", json={"name": "a"}, headers={**clerk, "Idempotency-Key": "k"})
    types = ("application/merge-patch+json", "application/json; charset=utf-8", "Application/JSON")
    for version, media in enumerate(types, start=1):
        headers = {**clerk, "If-Match": f'"{version}"', "Content-Type": media}
        answer = await client.patch(made.headers["location"], content=b'{"name": "b"}', headers=headers)
        assert answer.headers["etag"] == f'"{version + 1}"'
    for media in ("application/json-patch+json", "text/json", "application/x-ndjson"):
        answer = await client.patch(
            made.headers["location"],
            content=b'{"name": "b"}',
            headers={**clerk, "If-Match": '"4"', "Content-Type": media},
        )
        assert answer.status_code == 415
    zipped = {**clerk, "If-Match": '"4"', "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await client.patch(made.headers["location"], content=b"x", headers=zipped)).status_code == 415


async def test_a_put_that_may_create_needs_a_version_only_of_what_is_there(
    client: httpx.AsyncClient, database: KitDatabase, clerk: dict[str, str]
) -> None:
    path = f"/v1/places/{NUMBER}"

    async def put(match: str | None = None, body: bytes = b'{"name": "a"}') -> int:
        condition = {} if match is None else {"If-Match": match}
        headers = {**clerk, **condition, "Content-Type": "application/json"}
        return (await client.put(path, content=body, headers=headers)).status_code

    assert await put('"1"') == 412
    assert await put("1") == 400
    assert await put(body=b'{"name": "a", "then": "refuse"}') == 409
    assert database.things() == 0, "an answer of refusal commits nothing, however it was made"
    assert await put() == 201
    assert await put() == 428
    assert await put(body=b"{") == 428
    assert await put('"2"') == 412
    assert await put('"1"') == 200
    assert database.things() == 1


async def test_what_is_known_without_the_database_is_judged_before_the_query_too(
    client: httpx.AsyncClient, clerk: dict[str, str]
) -> None:
    assert (await client.get("/v1/colours/red", headers=clerk)).json() == {"colour": "red"}
    assert (await client.get("/v1/colours/blue?on=never", headers=clerk)).status_code == 404
    assert (await client.get("/v1/colours/red?on=never", headers=clerk)).status_code == 422
    assert (await client.get("/v1/colours/blue")).status_code == 401


async def test_a_body_that_is_missing_is_said_so(client: httpx.AsyncClient, clerk: dict[str, str]) -> None:
    answer = await client.post("/v1/things", headers={**clerk, "Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "", "code": "missing", "message": "This member is required."}]


async def test_a_refusal_for_want_of_a_token_carries_a_challenge(
    client: httpx.AsyncClient, mint: TokenMint, clock: FixedClock
) -> None:
    none = await client.get("/v1/things")
    assert none.headers["www-authenticate"] == 'Bearer realm="teilhabe"'
    headers = mint.bearer("cases:read")
    clock.instant += timedelta(hours=2)
    expired = await client.get("/v1/things", headers=headers)
    assert expired.status_code == 401
    assert expired.headers["www-authenticate"] == 'Bearer realm="teilhabe", error="invalid_token"'


async def test_a_client_for_all_traeger_gets_to_feeds_only(client: httpx.AsyncClient, mint: TokenMint) -> None:
    everybody = mint.bearer("feed:read cases:read cases:write", tenant="*")
    assert (await client.get("/v1/anybody", headers=everybody)).json() == {"traeger": None}
    assert (await client.get("/v1/things", headers=everybody)).status_code == 403
    assert (await client.get("/v1/anybody", headers=mint.bearer("feed:read"))).json() == {"traeger": "LWL"}
    assert (await client.get("/v1/anybody", headers=mint.bearer("cases:read", tenant="*"))).status_code == 403


async def test_figures_count_by_template_and_name_nobody(client: httpx.AsyncClient, clerk: dict[str, str]) -> None:
    await client.get(f"/v1/things/{NUMBER}?on=2024-01-01", headers=clerk)
    await client.get(f"/v1/{NUMBER}")
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/v1/things/{thing_id}",status="404"} 1.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'http_request_duration_seconds_count{method="GET",route="/v1/things/{thing_id}"} 1.0' in text
    assert "db_pool_connections_in_use 0.0" in text
    assert NUMBER not in text
    assert "anna" not in text


async def test_the_documentation_needs_nothing_from_outside(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    for source in sources:
        assert source.startswith("/static-offline-docs/")
        assert (await client.get(source)).status_code == 200
    assert not re.search(r"https?://", page)


async def test_liveness_asks_nobody(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_the_document_follows_from_the_guards(app: FastAPI) -> None:
    document = app.openapi()
    assert "HTTPValidationError" not in str(document)
    assert document["info"]["x-audience"]
    found = {(method, path): operation for path, method, operation in operations(document)}
    act = found["post", "/v1/things/{thing_id}/acts"]
    assert act["security"] == [{"bearer": ["cases:write"]}]
    assert [p["name"] for p in act["parameters"]] == ["Idempotency-Key", "If-Match"]
    assert sorted(act["responses"]) == [
        "200", "400", "401", "403", "404", "409", "412", "413", "415", "422", "428", "500", "503",
    ]  # fmt: skip
    for status, response in act["responses"].items():
        media = "application/json" if status == "200" else "application/problem+json"
        assert list(response["content"]) == [media]
    assert act["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/NewThing"}
    patch = found["patch", "/v1/things/{thing_id}"]
    assert set(patch["requestBody"]["content"]) == {"application/json", "application/merge-patch+json"}
    listing = found["get", "/v1/things"]
    assert "413" not in listing["responses"]
    assert found["get", "/v1/anybody"]["security"] == [{"bearer": ["feed:read"]}]
