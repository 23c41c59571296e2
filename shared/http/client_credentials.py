"""Tokens of a service for itself (RFC 6749 §4.4), as authentication of an httpx client.

httpx.AsyncClient(base_url=..., auth=ClientCredentials(token_url=..., client_id=..., client_secret=..., scope=...))
"""

import asyncio
from collections.abc import AsyncGenerator, Generator

import httpx

from shared.kernel.clock import Clock

_EARLY_SECONDS = 30.0
_DEFAULT_SECONDS = 60.0


class TokenRefusedError(httpx.HTTPError):
    """The issuer gives no token; a later attempt may succeed."""


class ClientCredentials(httpx.Auth):
    """Gets a token, keeps it until shortly before it expires, and once more when a service refuses it."""

    def __init__(self, *, token_url: str, client_id: str, client_secret: str, scope: str, clock: Clock) -> None:
        self._token_url = token_url
        self._basic = httpx.BasicAuth(client_id, client_secret)
        self._scope = scope
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._until = 0.0

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise RuntimeError("ClientCredentials is for httpx.AsyncClient")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        async with self._lock:
            token = self._valid_token()
            if token is None:
                token = await self._accept((yield self._token_request()))
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            async with self._lock:
                if self._token == token:
                    await self._accept((yield self._token_request()))
                token = self._token
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    def _valid_token(self) -> str | None:
        return self._token if self._clock.now().timestamp() < self._until else None

    def _token_request(self) -> httpx.Request:
        form = {"grant_type": "client_credentials", "scope": self._scope}
        request = httpx.Request("POST", self._token_url, data=form)
        return next(self._basic.auth_flow(request))

    async def _accept(self, response: httpx.Response) -> str:
        await response.aread()  # httpx reads for its own flow only, not for one that replaces it
        try:
            answer = response.json() if response.status_code == httpx.codes.OK else {}
            token = answer["access_token"]
            seconds = float(answer.get("expires_in", _DEFAULT_SECONDS))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TokenRefusedError(f"the issuer answered {response.status_code} and no token") from None
        self._token = str(token)
        self._until = self._clock.now().timestamp() + max(seconds - _EARLY_SECONDS, seconds / 2)
        return self._token
