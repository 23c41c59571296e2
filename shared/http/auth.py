"""Who is calling: bearer tokens (JWT, RFC 9068) checked against the key set of an issuer.

A route says what it needs in its signature, and the document says the same:

    CaseClerk = Annotated[Principal, requires("cases:write")]

A Träger comes from the token only. `tenant: "*"` is for service clients that read feeds; every route that does not
say `any_traeger=True` refuses it.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError

from shared.http.jwks import KeySource
from shared.kernel.clock import Clock
from shared.kernel.errors import Category, DomainError, ForbiddenError
from shared.kernel.mitgliedskoerperschaften import Traeger

ALGORITHMS = ("ES256", "RS256", "PS256")
TOKEN_TYPES = ("at+jwt", "application/at+jwt", "jwt")
LEEWAY_SECONDS = 30
ALL_TRAEGER = "*"
_TENANTS: Mapping[Any, Traeger | None] = {**{traeger.value: traeger for traeger in Traeger}, ALL_TRAEGER: None}
FEED_SCOPE = "feed:read"

_MAX_TOKEN_BYTES = 8192
_REMEMBERED_TOKENS = 4096
_REMEMBERED_SECONDS = 600
"""A verified token is believed for as long as the key set it was checked against, never beyond its `exp`."""

SCOPES: Mapping[str, str] = {
    "cases:read": "Read cases, providers and timelines",
    "cases:write": "Register cases and providers, record movements, import",
    "cases:correct": "Amend and cancel facts",
    "cases:migrate": "Take over old books with what was known when",
    "cases:person": "Read names of persons",
    "budgets:read": "Read grants, lines and payment runs",
    "budgets:write": "Enter terms, wages and payees",
    "budgets:approve": "Approve grants",
    "budgets:release": "Release payment runs",
    "budgets:audit": "Read everything for audit",
    "metrics:read": "Read the catalogue of key figures and published figures",
    "metrics:internal": "Read unprotected figures of the own Träger",
    "feed:read": "Read event feeds",
    "operate": "Operate the service",
}


class MissingTokenError(DomainError):
    """No bearer token came with the request."""

    category = Category.UNAUTHENTICATED
    code = "token-missing"
    title = "A bearer token is required"


class InvalidTokenError(DomainError):
    """A token came, but it is not one of ours, or no longer."""

    category = Category.UNAUTHENTICATED
    code = "token-invalid"
    title = "The bearer token is not valid"


class MissingScopeError(ForbiddenError):
    """The token is valid, the client may not do this."""

    code = "scope-missing"
    title = "The token lacks a scope"


class NoTraegerError(ForbiddenError):
    """The token stands for no single Träger."""

    code = "no-traeger"
    title = "The token stands for no single Träger"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: for which Träger (None: a service client for all), as whom, by which client, with what rights."""

    traeger: Traeger | None
    subject: str
    client_id: str
    scopes: frozenset[str]
    roles: frozenset[str]

    @property
    def own_traeger(self) -> Traeger:
        """The one Träger whose rows the caller may see. Raises `NoTraegerError` for a client for all."""
        if self.traeger is None:
            raise NoTraegerError("This operation needs a token of the LVR or the LWL.")
        return self.traeger


class TokenVerifier:
    """Checks tokens of one issuer for one audience and remembers the verified ones by their hash."""

    def __init__(self, *, issuer: str, audience: str, keys: KeySource, clock: Clock) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    async def verify(self, authorization: str | None) -> Principal:
        """The caller named by an `Authorization` header. Raises `MissingTokenError` or `InvalidTokenError`."""
        token = _bearer(authorization)
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        now = self._clock.now().timestamp()
        known = self._known.get(digest)
        if known is not None and now < known[1]:
            return known[0]
        claims = await self._claims(token)
        principal = self._principal(claims, now)
        self._remember(digest, principal, min(float(claims["exp"]), now + _REMEMBERED_SECONDS))
        return principal

    async def close(self) -> None:
        """Give the connection to the issuer back."""
        await self._keys.close()

    async def _claims(self, token: str) -> Mapping[str, Any]:
        for _ in range(2):
            keys = await self._keys.current()
            try:
                decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
            except InvalidKeyIdError:
                if await self._keys.refreshed_since(keys):
                    continue
                break
            except (JoseError, ValueError, TypeError, KeyError, AttributeError):
                break
            if str(decoded.header.get("typ", "JWT")).lower() not in TOKEN_TYPES:
                raise InvalidTokenError("The token is not an access token.")
            return decoded.claims
        raise InvalidTokenError("Signature, algorithm or form of the token is not accepted.")

    def _principal(self, claims: Mapping[str, Any], now: float) -> Principal:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._issuer or self._audience not in audiences:
            raise InvalidTokenError("Issuer or audience of the token is not the one of this service.")
        _check_time(claims, now)
        subject, client = claims.get("sub"), claims.get("client_id", claims.get("azp"))
        scope, tenant, roles = claims.get("scope", ""), claims.get("tenant"), claims.get("roles", [])
        names = (subject, client, scope, tenant)
        if not all(isinstance(name, str) and "\0" not in name for name in names) or not subject or not client:
            raise InvalidTokenError("The token lacks sub, client_id, scope or tenant.")
        if tenant not in _TENANTS or not isinstance(roles, list):
            raise InvalidTokenError("The token names no Träger that this service knows.")
        rights = frozenset(str(scope).split())
        return Principal(_TENANTS[tenant], str(subject), str(client), rights, frozenset(map(str, roles)))

    def _remember(self, digest: bytes, principal: Principal, until: float) -> None:
        self._known[digest] = (principal, until)
        while len(self._known) > _REMEMBERED_TOKENS:
            self._known.popitem(last=False)


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if not authorization or scheme.lower() != "bearer" or not token.strip():
        raise MissingTokenError("Send Authorization: Bearer <token>.")
    if len(token) > _MAX_TOKEN_BYTES:
        raise InvalidTokenError("The token is too long.")
    return token.strip()


def _check_time(claims: Mapping[str, Any], now: float) -> None:
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (expires, begins))
    if not numbers or now >= float(expires or 0) + LEEWAY_SECONDS or now < float(begins) - LEEWAY_SECONDS:
        raise InvalidTokenError("The token has no time of expiry, or its time is over or not yet come.")


class BearerScheme(SecurityBase):
    """What the document says about tokens. The route has checked the token before this is asked."""

    scheme_name = "bearer"
    model = HTTPBearer(
        bearerFormat="JWT",
        description="Access token of the OpenID provider. Locally: `teilhabe token`, see its --help.",
    )

    async def __call__(self, request: Request) -> Principal:
        principal: Principal = request.scope["teilhabe.exchange"].principal
        return principal


class ScopedBearer(BearerScheme):
    """The scheme with what one route needs; found in its signature by `shared.http.routing`."""

    def __init__(self, scopes: frozenset[str], *, any_traeger: bool) -> None:
        self.scopes = scopes
        self.any_traeger = any_traeger

    def admit(self, principal: Principal) -> None:
        """Raises `ForbiddenError` unless the token carries every scope, and a Träger where one is needed."""
        if principal.traeger is None and not (self.any_traeger and FEED_SCOPE in principal.scopes):
            raise NoTraegerError("A token for all Träger reads event feeds only.")
        missing = self.scopes - principal.scopes
        if missing:
            raise MissingScopeError(
                "The token lacks a scope that this operation needs.", extensions={"scopes": sorted(self.scopes)}
            )


def requires(*scopes: str, any_traeger: bool = False) -> Any:
    """For `Annotated[Principal, requires("cases:read")]`: all scopes are needed.

    `any_traeger` is for event feeds: it lets service clients in that stand for both Träger (`Principal.traeger`
    is None then).
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise ValueError(f"not a scope of this system: {sorted(unknown)}")
    return Security(ScopedBearer(frozenset(scopes), any_traeger=any_traeger), scopes=list(scopes))
