"""The key set of the issuer: fetched rarely, kept through failures, never believed for ever."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from shared.http.auth import InvalidTokenError, TokenVerifier
from shared.http.jwks import MAX_BYTES, JwksCache
from shared.kernel.clock import FixedClock
from shared.kernel.errors import UnavailableError
from tests.support.tokens import AUDIENCE, ISSUER, NOW, TokenMint

URL = "https://issuer.test/jwks"


class Issuer:
    """Answers for the key set and counts how often it was asked."""

    def __init__(self, *keys: ECKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.answer: httpx.Response | Exception | None = None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in self.keys]})


def cache_of(issuer: Issuer, clock: FixedClock) -> JwksCache:
    return JwksCache(URL, clock=clock, client=httpx.AsyncClient(transport=httpx.MockTransport(issuer)))


def verifier_of(issuer: Issuer, clock: FixedClock) -> TokenVerifier:
    return TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=cache_of(issuer, clock), clock=clock)


def mint_with(kid: str) -> TokenMint:
    return TokenMint(key=ECKey.generate_key("P-256", {"kid": kid, "use": "sig"}, private=True))


def token_of(mint: TokenMint, number: int = 0) -> str:
    kid = mint.key.kid
    return f"Bearer {mint.token('cases:read', subject=f's{number}', header={'kid': kid})}"


async def test_many_requests_at_once_fetch_the_keys_once() -> None:
    mint = mint_with("a")
    issuer = Issuer(mint.key)
    verifier = verifier_of(issuer, FixedClock(NOW))
    await asyncio.gather(*(verifier.verify(token_of(mint, number)) for number in range(50)))
    assert issuer.asked == 1
    await verifier.close()


async def test_a_new_key_is_found_and_unknown_ones_ask_once_in_thirty_seconds() -> None:
    old, new, forged = mint_with("a"), mint_with("b"), mint_with("c")
    issuer, clock = Issuer(old.key), FixedClock(NOW)
    verifier = verifier_of(issuer, clock)
    await verifier.verify(token_of(old))
    issuer.keys.append(new.key)
    clock.instant += timedelta(seconds=31)
    assert (await verifier.verify(token_of(new))).subject == "s0"
    assert issuer.asked == 2
    for number in range(100):
        with pytest.raises(InvalidTokenError):
            await verifier.verify(token_of(forged, number))
    assert issuer.asked == 2, "within the cool-down nobody is asked"
    clock.instant += timedelta(seconds=31)
    refusals = await asyncio.gather(
        *(verifier.verify(token_of(forged, number)) for number in range(100)), return_exceptions=True
    )
    assert all(isinstance(refusal, InvalidTokenError) for refusal in refusals)
    assert issuer.asked == 3
    await verifier.close()


async def test_a_bad_signature_of_a_known_key_asks_nobody() -> None:
    mint = mint_with("a")
    other = TokenMint(key=ECKey.generate_key("P-256", {"kid": "a"}, private=True))
    issuer, clock = Issuer(mint.key), FixedClock(NOW)
    verifier = verifier_of(issuer, clock)
    await verifier.verify(token_of(mint))
    clock.instant += timedelta(seconds=60)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token_of(other))
    assert issuer.asked == 1
    await verifier.close()


BROKEN: list[Any] = [
    httpx.ConnectError("down"),
    httpx.Response(500),
    httpx.Response(302, headers={"Location": "https://elsewhere.test"}),
    httpx.Response(200, content=b"not JSON"),
    httpx.Response(200, json=[]),
    httpx.Response(200, json={"keys": []}),
    httpx.Response(200, json={"keys": [{"kty": "oct", "k": "AAAA"}]}),
    httpx.Response(200, content=b" " * (MAX_BYTES + 1)),
]


@pytest.mark.parametrize("answer", BROKEN, ids=repr)
async def test_the_last_good_keys_hold_for_a_day_while_the_issuer_fails(answer: Any) -> None:
    mint = mint_with("a")
    issuer, clock = Issuer(mint.key), FixedClock(NOW)
    cache = cache_of(issuer, clock)
    good = await cache.current()
    issuer.answer = answer
    clock.instant = NOW + timedelta(seconds=601)
    assert await cache.current() is good
    assert issuer.asked == 2
    clock.instant = NOW + timedelta(hours=24, seconds=1)
    with pytest.raises(UnavailableError):
        await cache.current()
    await cache.close()


async def test_without_any_keys_nothing_can_be_verified() -> None:
    issuer = Issuer()
    issuer.answer = httpx.ConnectError("down")
    cache = cache_of(issuer, FixedClock(NOW))
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await cache.current()
    assert issuer.asked == 1
    await cache.close()


@pytest.mark.parametrize(
    ("url", "allow_http", "taken"),
    [
        ("https://issuer.test/jwks", False, True),
        ("http://127.0.0.1:8100/jwks", False, True),
        ("http://localhost:8100/jwks", False, True),
        ("http://issuer.test/jwks", False, False),
        ("http://issuer.test/jwks", True, True),
        ("http://127.0.0.1.evil.test/jwks", False, False),
    ],
)
def test_keys_come_over_https_except_on_this_machine(url: str, allow_http: bool, taken: bool) -> None:
    if taken:
        JwksCache(url, clock=FixedClock(NOW), allow_http=allow_http)
    else:
        with pytest.raises(ValueError, match="https"):
            JwksCache(url, clock=FixedClock(NOW), allow_http=allow_http)
