"""Bearer tokens of the local issuer: JWTs signed with ES256, shaped as the services expect them from any issuer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.local.private_files import read_json, write_private_json
from shared.observability.identifiers import new_id

ALGORITHM = "ES256"
AUDIENCES = ("urn:teilhabe:cases", "urn:teilhabe:budgets", "urn:teilhabe:metrics")
EVERY_TENANT = "*"
"""The tenant of a service's own client: it reads feeds of both Träger and nothing else."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do what: the claims of a token beside issuer, audience and times. `tenant` is LVR, LWL or `*`."""

    subject: str
    client_id: str
    tenant: str
    scope: str
    roles: Iterable[str] = ()


def load_key(path: Path) -> ECKey:
    """The signing key kept in the file; a new one the first time."""
    kept = read_json(path)
    if kept is not None:
        return ECKey.import_key(kept)
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM})
    key.ensure_kid()
    write_private_json(path, key.as_dict(private=True))
    return key


def issue_token(key: ECKey, issuer: str, grant: Grant, *, lifetime: timedelta, now: datetime) -> str:
    """A signed token for all three services. `issuer` is the URL under which its public keys are found."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": list(AUDIENCES),
        "sub": grant.subject,
        "client_id": grant.client_id,
        "scope": " ".join(grant.scope.split()),
        "roles": list(grant.roles),
        "tenant": grant.tenant,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        "jti": str(new_id()),
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])
