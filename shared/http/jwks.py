"""The public keys of the issuer: kept, fetched anew at most every 30 seconds, believed for a day at most."""

import asyncio
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.kernel.clock import Clock
from shared.kernel.errors import UnavailableError

TTL_SECONDS = 600
COOLDOWN_SECONDS = 30
LAST_GOOD_SECONDS = 86_400
TIMEOUT_SECONDS = 5.0
MAX_BYTES = 65_536

_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


class KeySource(Protocol):
    """Where a verifier gets keys from."""

    async def current(self) -> KeySet:
        """The keys to check a signature with. Raises `UnavailableError` if there never were any."""
        ...

    async def refreshed_since(self, used: KeySet) -> bool:
        """Ask for newer keys than `used`; whether there are others now."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class FixedKeys:
    """Keys that never change: for tests and for tools that made the keys themselves."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    async def current(self) -> KeySet:
        return self._keys

    async def refreshed_since(self, used: KeySet) -> bool:
        return False

    async def close(self) -> None:
        return None


class JwksCache:
    """The keys behind a JWKS address.

    A token with an unknown key causes at most one request per 30 seconds, however many of them come; if the issuer
    does not answer, the last good keys hold for a day. Only https, except on this machine or where `allow_http`
    says that the network between is trusted.
    """

    def __init__(self, url: str, *, clock: Clock, client: httpx.AsyncClient | None = None, allow_http: bool = False):
        parts = urlsplit(url)
        if parts.scheme != "https" and not allow_http and parts.hostname not in _LOCAL_HOSTS:
            raise ValueError("the key set must come over https")
        self._url = url
        self._clock = clock
        self._client = client
        self._lock = asyncio.Lock()
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._tried_at = float("-inf")

    async def current(self) -> KeySet:
        now = self._clock.now().timestamp()
        if self._keys is None or (now >= self._fetched_at + TTL_SECONDS and not self._lock.locked()):
            await self._refresh(self._keys)
        if self._keys is None or now >= self._fetched_at + LAST_GOOD_SECONDS:
            raise UnavailableError("The keys of the token issuer cannot be fetched.")
        return self._keys

    async def refreshed_since(self, used: KeySet) -> bool:
        await self._refresh(used)
        return self._keys is not used

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _refresh(self, used: KeySet | None) -> None:
        async with self._lock:
            now = self._clock.now().timestamp()
            if self._keys is not used or abs(now - self._tried_at) < COOLDOWN_SECONDS:
                return
            self._tried_at = now
            fetched = await self._fetch()
            if fetched is not None:
                self._keys, self._fetched_at = fetched, now

    async def _fetch(self) -> KeySet | None:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        try:
            async with self._client.stream("GET", self._url) as response:
                if response.status_code != httpx.codes.OK:
                    return None
                content = b""
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MAX_BYTES:
                        return None
            return _key_set(content)
        except httpx.HTTPError:
            return None


def _key_set(content: bytes) -> KeySet | None:
    try:
        document = httpx.Response(200, content=content).json()
        keys = [key for key in document["keys"] if key.get("kty") in ("EC", "RSA") and key.get("use", "sig") == "sig"]
        return KeySet.import_key_set({"keys": keys}) if keys else None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
