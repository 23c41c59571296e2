"""Tokens for tests: an issuer of our own, and every way in which a token can be wrong."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from shared.http.auth import TokenVerifier
from shared.http.jwks import FixedKeys
from shared.kernel.clock import Clock

ISSUER = "https://issuer.test"
AUDIENCE = "urn:teilhabe:test"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"}, private=True)


@dataclass(frozen=True, slots=True)
class TokenMint:
    """Issues tokens that last an hour from `now`."""

    key: ECKey = field(default_factory=_new_key)
    issuer: str = ISSUER
    audience: str = AUDIENCE
    now: datetime = NOW

    def token(
        self,
        scope: str,
        *,
        tenant: str | None = "LWL",
        subject: str = "anna",
        client: str = "front-end",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token; `claims` and `header` replace single members, None leaves a claim out."""
        at = int(self.now.timestamp())
        content = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "client_id": client,
            "scope": scope,
            "roles": [],
            "tenant": tenant,
            "iat": at,
            "exp": at + 3600,
            **claims,
        }
        head = {"alg": "ES256", "typ": "at+jwt", "kid": "test", **(header or {})}
        return jwt.encode(
            head, {k: v for k, v in content.items() if v is not None}, self.key, algorithms=[head["alg"]]
        )

    def bearer(self, scope: str, **options: Any) -> dict[str, str]:
        """The header with a token."""
        return {"Authorization": f"Bearer {self.token(scope, **options)}"}

    def verifier(self, clock: Clock) -> TokenVerifier:
        """What believes these tokens."""
        return TokenVerifier(
            issuer=self.issuer, audience=self.audience, keys=FixedKeys(KeySet([self.key])), clock=clock
        )
