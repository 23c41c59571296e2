"""The OpenID Connect issuer of local mode: discovery, keys, and tokens for the services' own clients.

It stands where a real provider stands elsewhere, so the services have one way to check a token. People get theirs
from `teilhabe token`. It refuses to run in production.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus

from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.private_files import read_json
from deploy.local.tokens import ALGORITHM, Grant, issue_token, load_key
from shared.kernel.clock import Clock
from shared.observability.clock import SystemClock

SERVICE_TOKEN_LIFETIME = timedelta(minutes=10)
_MAX_BODY_BYTES = 10_000
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Client:
    """A client that may ask for tokens with its secret, and what they allow."""

    secret: str
    tenant: str
    scope: str


class RefusedEnvironmentError(Exception):
    """The issuer was started in production."""


def create_app(url: str, key: ECKey, clients: Mapping[str, Client], clock: Clock) -> Starlette:
    """The issuer under its public `url`."""

    async def configuration(_request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": url,
                "jwks_uri": f"{url}/jwks",
                "token_endpoint": f"{url}/token",
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "response_types_supported": [],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
            }
        )

    async def jwks(_request: Request) -> Response:
        return JSONResponse({"keys": [key.as_dict(private=False)]})

    async def token(request: Request) -> Response:
        body = await request.body()
        if len(body) > _MAX_BODY_BYTES:
            return _refusal("invalid_request", 413)
        form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        client_id, secret = _credentials(request, form)
        client = clients.get(client_id)
        if client is None or not secrets.compare_digest(client.secret.encode(), secret.encode()):
            return _refusal("invalid_client", 401)
        if form.get("grant_type") != "client_credentials":
            return _refusal("unsupported_grant_type", 400)
        allowed, asked = client.scope.split(), form.get("scope", client.scope).split()
        if not set(asked) <= set(allowed):
            return _refusal("invalid_scope", 400)
        grant = Grant(client_id, client_id, client.tenant, " ".join(asked))
        return JSONResponse(
            {
                "access_token": issue_token(key, url, grant, lifetime=SERVICE_TOKEN_LIFETIME, now=clock.now()),
                "token_type": "Bearer",
                "expires_in": int(SERVICE_TOKEN_LIFETIME.total_seconds()),
                "scope": grant.scope,
            },
            headers=_NO_STORE,
        )

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", configuration),
            Route("/jwks", jwks),
            Route("/token", token, methods=["POST"]),
        ]
    )


def app_from_environment() -> Starlette:
    """For uvicorn: ISSUER_URL, ISSUER_KEY_FILE, ISSUER_CLIENTS_FILE (JSON: client id -> secret, tenant, scope)."""
    if os.environ.get("ENVIRONMENT", "local") == "production":
        raise RefusedEnvironmentError("the local issuer does not run in production; name a real OIDC provider")
    clients = {name: Client(**entry) for name, entry in read_json(Path(os.environ["ISSUER_CLIENTS_FILE"])).items()}
    key = load_key(Path(os.environ["ISSUER_KEY_FILE"]))
    return create_app(os.environ["ISSUER_URL"], key, clients, SystemClock())


def _credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """Client id and secret from the Authorization header (RFC 6749 §2.3.1), else from the form."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _refusal(code: str, status: int) -> Response:
    headers = {**_NO_STORE, **({"WWW-Authenticate": 'Basic realm="teilhabe"'} if status == 401 else {})}
    return JSONResponse({"error": code}, status_code=status, headers=headers)
