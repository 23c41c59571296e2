"""Tokens: which are believed, which are not, and what a route then still asks for."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from shared.http.auth import (
    InvalidTokenError,
    MissingScopeError,
    MissingTokenError,
    NoTraegerError,
    Principal,
    ScopedBearer,
    TokenVerifier,
    requires,
)
from shared.http.jwks import FixedKeys
from shared.kernel.clock import FixedClock
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.support.tokens import AUDIENCE, ISSUER, NOW, TokenMint

MINT = TokenMint()
AT = int(NOW.timestamp())


async def verified(token: str, clock: FixedClock | None = None) -> Principal:
    return await MINT.verifier(clock or FixedClock(NOW)).verify(f"Bearer {token}")


async def test_a_token_names_its_caller() -> None:
    principal = await verified(MINT.token("cases:read cases:write", roles=["SB"]))
    assert principal == Principal(
        Traeger.LWL, "anna", "front-end", frozenset({"cases:read", "cases:write"}), frozenset({"SB"})
    )


@pytest.mark.parametrize("claims", [{"client_id": None, "azp": "other"}, {"aud": ["x", AUDIENCE]}, {"nbf": AT}])
async def test_forms_that_providers_use_are_understood(claims: dict[str, Any]) -> None:
    assert (await verified(MINT.token("cases:read", **claims))).subject == "anna"


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": "jwt"}, {"typ": "application/at+jwt"}, {"typ": "AT+JWT"}])
async def test_access_tokens_come_under_several_types(header: dict[str, Any]) -> None:
    assert (await verified(MINT.token("cases:read", header=header))).subject == "anna"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "token"])
async def test_without_a_bearer_token_nobody_is_known(authorization: str | None) -> None:
    with pytest.raises(MissingTokenError):
        await MINT.verifier(FixedClock(NOW)).verify(authorization)


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"iss": "https://other.test"},
    {"iss": None},
    {"aud": "urn:teilhabe:other"},
    {"aud": ["a", "b"]},
    {"aud": None},
    {"exp": AT - 31},
    {"exp": None},
    {"exp": "tomorrow"},
    {"exp": True},
    {"nbf": AT + 31},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
    {"sub": "a\0b"},
    {"client_id": None},
    {"client_id": 7},
    {"scope": ["cases:read"]},
    {"tenant": None},
    {"tenant": "lwl"},
    {"tenant": "LWL "},
    {"tenant": ["LWL"]},
    {"tenant": 7},
    {"roles": "SB"},
]


@pytest.mark.parametrize("claims", WRONG_CLAIMS, ids=lambda claims: json.dumps(claims))
async def test_a_wrong_claim_makes_the_token_invalid(claims: dict[str, Any]) -> None:
    renamed = {("subject" if k == "sub" else "client" if k == "client_id" else k): v for k, v in claims.items()}
    with pytest.raises(InvalidTokenError):
        await verified(MINT.token(**{"scope": "cases:read", **renamed}))


async def test_a_wrong_type_of_token_is_refused() -> None:
    for typ in ("id_token", "dpop+jwt", "secevent+jwt"):
        with pytest.raises(InvalidTokenError):
            await verified(MINT.token("cases:read", header={"typ": typ}))


def unsigned() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=")
    body = MINT.token("cases:read").split(".")[1]
    return f"{head.decode()}.{body}."


def signed_with_the_public_key() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT","kid":"test"}').rstrip(b"=").decode()
    signed = f"{head}.{MINT.token('cases:read').split('.')[1]}"
    mac = hmac.digest(MINT.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


FORGED: dict[str, Callable[[], str]] = {
    "no signature": unsigned,
    "HS256 with the public key": signed_with_the_public_key,
    "another key": lambda: TokenMint().token("cases:read"),
    "changed content": lambda: ".".join(
        [MINT.token("cases:read").split(".")[0], TokenMint().token("operate").split(".")[1], "AAAA"]
    ),
    "nonsense": lambda: "abc",
    "three dots": lambda: "a.b.c",
    "too long": lambda: "a" * 9000,
    "five parts": lambda: "a.b.c.d.e",
    "not ASCII": lambda: "ä.ö.ü",
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_refused(name: str) -> None:
    with pytest.raises(InvalidTokenError):
        await verified(FORGED[name]())


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "RS512", "ES512"])
async def test_only_three_algorithms_are_taken(algorithm: str) -> None:
    parameters: Any = {"kid": "test"}
    key: ECKey | RSAKey = (
        ECKey.generate_key("P-521", parameters) if algorithm == "ES512" else RSAKey.generate_key(2048, parameters)
    )
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "a",
        "client_id": "c",
        "scope": "",
        "tenant": "LVR",
        "exp": AT + 9,
    }
    token = jwt.encode({"alg": algorithm, "kid": "test", "typ": "JWT"}, claims, key, algorithms=[algorithm])
    mint = TokenMint()
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=_keys(key), clock=FixedClock(mint.now))
    if algorithm in ("RS256", "PS256"):
        assert (await verifier.verify(f"Bearer {token}")).traeger is Traeger.LVR
    else:
        with pytest.raises(InvalidTokenError):
            await verifier.verify(f"Bearer {token}")


def _keys(key: ECKey | RSAKey) -> FixedKeys:
    return FixedKeys(KeySet([key]))


async def test_a_token_once_verified_is_not_believed_beyond_its_expiry() -> None:
    clock = FixedClock(NOW)
    verifier = MINT.verifier(clock)
    token = f"Bearer {MINT.token('cases:read', exp=AT + 60)}"
    assert (await verifier.verify(token)) is (await verifier.verify(token)), "remembered by its hash"
    clock.instant = NOW + timedelta(seconds=91)
    with pytest.raises(InvalidTokenError):
        await verifier.verify(token)


def principal(*scopes: str, traeger: Traeger | None = Traeger.LVR) -> Principal:
    return Principal(traeger, "s", "c", frozenset(scopes), frozenset())


def test_a_route_needs_all_its_scopes() -> None:
    bearer = ScopedBearer(frozenset({"cases:write", "cases:migrate"}), any_traeger=False)
    bearer.admit(principal("cases:write", "cases:migrate", "operate"))
    with pytest.raises(MissingScopeError) as refusal:
        bearer.admit(principal("cases:write"))
    assert refusal.value.extensions == {"scopes": ["cases:migrate", "cases:write"]}


@pytest.mark.parametrize(
    ("any_traeger", "scopes", "admitted"),
    [
        (True, ("feed:read",), True),
        (True, ("cases:read",), False),
        (False, ("feed:read",), False),
        (False, ("feed:read", "cases:read"), False),
    ],
)
def test_a_token_for_all_traeger_reads_feeds_only(any_traeger: bool, scopes: tuple[str, ...], admitted: bool) -> None:
    bearer = ScopedBearer(frozenset({"feed:read"} if any_traeger else {"cases:read"}), any_traeger=any_traeger)
    if admitted:
        bearer.admit(principal(*scopes, traeger=None))
    else:
        with pytest.raises(NoTraegerError):
            bearer.admit(principal(*scopes, traeger=None))


def test_who_stands_for_all_has_no_own_traeger() -> None:
    assert principal().own_traeger is Traeger.LVR
    with pytest.raises(NoTraegerError):
        _ = principal(traeger=None).own_traeger


def test_a_route_cannot_ask_for_a_scope_that_does_not_exist_or_for_none() -> None:
    with pytest.raises(ValueError, match="not a scope"):
        requires("cases:reed")
    with pytest.raises(ValueError, match="not a scope"):
        requires()
