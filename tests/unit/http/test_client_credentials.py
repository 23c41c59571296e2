"""A service gets its own tokens, keeps them, and asks again when it must."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import pytest

from shared.http.client_credentials import ClientCredentials, TokenRefusedError
from shared.kernel.clock import FixedClock
from tests.support.tokens import NOW


class World:
    """An issuer and a service behind one transport."""

    def __init__(self) -> None:
        self.issued = 0
        self.revoked: set[str] = set()
        self.answers: list[httpx.Response] = []
        self.served: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if request.url.path == "/token":
            assert parse_qs(request.content.decode()) == {
                "grant_type": ["client_credentials"],
                "scope": ["feed:read"],
            }
            basic = base64.b64decode(request.headers["authorization"].removeprefix("Basic "))
            assert basic == b"metrics:secret"
            if self.answers:
                return self.answers.pop(0)
            self.issued += 1
            return httpx.Response(200, content=_arriving(f'{{"access_token": "t{self.issued}", "expires_in": 300}}'))
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.served.append(token)
        return httpx.Response(401 if token in self.revoked else 200)


async def _arriving(text: str) -> AsyncIterator[bytes]:
    """A body as it comes from a network: in pieces, and unread until somebody reads it."""
    for piece in (text[:5], text[5:]):
        await asyncio.sleep(0)
        yield piece.encode()


def client_of(world: World, clock: FixedClock) -> httpx.AsyncClient:
    auth = ClientCredentials(
        token_url="https://issuer.test/token",
        client_id="metrics",
        client_secret="secret",
        scope="feed:read",
        clock=clock,
    )
    return httpx.AsyncClient(transport=httpx.MockTransport(world), base_url="https://cases.test", auth=auth)


async def test_one_token_serves_many_requests_until_shortly_before_it_expires() -> None:
    world, clock = World(), FixedClock(NOW)
    async with client_of(world, clock) as client:
        await asyncio.gather(*(client.get("/v1/feed") for _ in range(20)))
        clock.instant += timedelta(seconds=269)
        await client.get("/v1/feed")
        assert set(world.served) == {"t1"}
        clock.instant += timedelta(seconds=2)
        await asyncio.gather(*(client.get("/v1/feed") for _ in range(20)))
    assert world.issued == 2
    assert set(world.served[21:]) == {"t2"}


async def test_a_refused_token_is_replaced_once() -> None:
    world, clock = World(), FixedClock(NOW)
    async with client_of(world, clock) as client:
        assert (await client.get("/v1/feed")).status_code == 200
        world.revoked.add("t1")
        answers = await asyncio.gather(*(client.get("/v1/feed") for _ in range(10)))
        assert [answer.status_code for answer in answers] == [200] * 10
        assert world.issued == 2
        world.revoked.update(f"t{number}" for number in range(10))
        assert (await client.get("/v1/feed")).status_code == 401, "no loop: the caller sees the refusal"
        assert world.issued == 3


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"error": "invalid_client"}),
        httpx.Response(500),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"access_token": "a", "expires_in": "soon"}),
    ],
)
async def test_an_issuer_that_gives_no_token_is_a_failure_of_transport(answer: httpx.Response) -> None:
    world, clock = World(), FixedClock(NOW)
    world.answers.append(answer)
    async with client_of(world, clock) as client:
        with pytest.raises(TokenRefusedError):
            await client.get("/v1/feed")
        assert (await client.get("/v1/feed")).status_code == 200, "the next attempt asks again"
    assert issubclass(TokenRefusedError, httpx.HTTPError)


def test_only_asynchronous_clients_can_use_it() -> None:
    auth = ClientCredentials(
        token_url="https://i", client_id="a", client_secret="b", scope="c", clock=FixedClock(NOW)
    )
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport, auth=auth) as client, pytest.raises(RuntimeError, match="AsyncClient"):
        client.get("https://cases.test")
