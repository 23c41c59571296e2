"""The local issuer: what its tokens say, and to whom it gives them."""

import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from deploy.local.issuer import Client, RefusedEnvironmentError, app_from_environment, create_app
from deploy.local.private_files import write_private_json
from deploy.local.tokens import Grant, issue_token, load_key
from shared.kernel.clock import FixedClock

URL = "http://127.0.0.1:9000"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CLIENTS = {"metrics": Client("s3cret:ü", "*", "feed:read"), "other": Client("x", "*", "feed:read")}


@pytest.fixture
def key(tmp_path: Path) -> ECKey:
    return load_key(tmp_path / "key.json")


@pytest.fixture
async def client(key: ECKey) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(URL, key, CLIENTS, FixedClock(NOW)))
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        yield client


def test_the_key_is_kept_and_readable_for_its_owner_only(tmp_path: Path) -> None:
    first = load_key(tmp_path / "key.json")
    assert load_key(tmp_path / "key.json").as_dict(private=True) == first.as_dict(private=True)
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600


async def test_the_claims_of_a_token(key: ECKey, client: httpx.AsyncClient) -> None:
    grant = Grant("anna", "cli", "LWL", " cases:read  cases:write ", ["clerk"])
    value = issue_token(key, URL, grant, lifetime=timedelta(hours=1), now=NOW)
    published = (await client.get("/jwks")).json()
    token = jwt.decode(value, KeySet.import_key_set(published), algorithms=["ES256"])
    assert token.header["alg"] == "ES256"
    assert token.header["kid"] == published["keys"][0]["kid"]
    assert token.claims.pop("jti")
    assert token.claims == {
        "iss": URL,
        "aud": ["urn:teilhabe:cases", "urn:teilhabe:budgets", "urn:teilhabe:metrics"],
        "sub": "anna",
        "client_id": "cli",
        "scope": "cases:read cases:write",
        "roles": ["clerk"],
        "tenant": "LWL",
        "iat": 1772366400,
        "exp": 1772370000,
    }


async def test_the_published_keys_hold_no_private_part(client: httpx.AsyncClient) -> None:
    assert all("d" not in entry for entry in (await client.get("/jwks")).json()["keys"])


async def test_discovery_names_where_keys_and_tokens_are(client: httpx.AsyncClient) -> None:
    found = (await client.get("/.well-known/openid-configuration")).json()
    assert (found["issuer"], found["jwks_uri"], found["token_endpoint"]) == (URL, f"{URL}/jwks", f"{URL}/token")


@pytest.mark.parametrize("way", ["basic", "post"])
async def test_a_service_gets_a_token_with_its_secret(key: ECKey, client: httpx.AsyncClient, way: str) -> None:
    form = {"grant_type": "client_credentials"}
    if way == "basic":
        answer = await client.post("/token", data=form, auth=("metrics", "s3cret%3A%C3%BC"))
    else:
        answer = await client.post("/token", data={**form, "client_id": "metrics", "client_secret": "s3cret:ü"})
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "feed:read")
    claims = jwt.decode(body["access_token"], key, algorithms=["ES256"]).claims
    assert (claims["tenant"], claims["client_id"], claims["scope"]) == ("*", "metrics", "feed:read")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "metrics"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "metrics", "client_secret": "x"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}, 401, "invalid_client"),
        ({"grant_type": "password", "client_id": "other", "client_secret": "x"}, 400, "unsupported_grant_type"),
        (
            {
                "grant_type": "client_credentials",
                "client_id": "other",
                "client_secret": "x",
                "scope": "feed:read cases:write",
            },
            400,
            "invalid_scope",
        ),
        ({"grant_type": "x" * 20_000}, 413, "invalid_request"),
    ],
)
async def test_what_is_refused(client: httpx.AsyncClient, form: dict[str, str], status: int, error: str) -> None:
    answer = await client.post("/token", data=form)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_a_broken_authorization_header_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/token", headers={"Authorization": "Basic ???"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="teilhabe"'


def test_production_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISSUER_URL", URL)
    monkeypatch.setenv("ISSUER_KEY_FILE", str(tmp_path / "key.json"))
    monkeypatch.setenv("ISSUER_CLIENTS_FILE", str(tmp_path / "clients.json"))
    write_private_json(tmp_path / "clients.json", {"a": {"secret": "x", "tenant": "*", "scope": "feed:read"}})
    app_from_environment()
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(RefusedEnvironmentError):
        app_from_environment()
