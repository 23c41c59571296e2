"""A caller of the cases API, for tests: the shortest way to a provider, a case, a movement."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from shared.kernel.clock import FixedClock
from tests.support.tokens import TokenMint

ALL = "cases:read cases:write cases:correct cases:migrate"
_keys = count(1)

Json = dict[str, Any]


def new_key() -> str:
    """An idempotency key nobody has used."""
    return f"key-{next(_keys)}"


@dataclass(slots=True)
class Api:
    """A client with a token. What `register`, `provider` and `record` send is legal unless `fields` say otherwise."""

    client: httpx.AsyncClient
    mint: TokenMint
    clock: FixedClock
    tenant: str = "LWL"
    scope: str = ALL
    _refs: Any = field(default_factory=lambda: count(1))

    @property
    def ags(self) -> str:
        """A Mitgliedskörperschaft of the tenant."""
        return {"LWL": "05515", "LVR": "05315"}[self.tenant]

    def headers(self, *, key: str | None = None, version: int | str | None = None) -> dict[str, str]:
        """Authorization, and the conditions asked for."""
        expires = int(self.clock.now().timestamp()) + 3600
        headers = self.mint.bearer(self.scope, tenant=self.tenant, exp=expires)
        if key is not None:
            headers["Idempotency-Key"] = key
        if version is not None:
            headers["If-Match"] = f'"{version}"' if isinstance(version, int) else version
        return headers

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """Read."""
        return await self.client.get(path, params=query, headers=self.headers())

    async def post(
        self, path: str, body: Any, *, version: int | str | None = None, key: str | None = None, **extra: str
    ) -> httpx.Response:
        """Send with a new key unless one is given."""
        headers = self.headers(key=key or new_key(), version=version) | extra
        return await self.client.post(path, json=body, headers=headers)

    async def patch(self, path: str, body: Any, *, version: int | str) -> httpx.Response:
        """Send a merge patch."""
        return await self.client.patch(path, json=body, headers=self.headers(version=version))

    async def provider(self, **fields: Any) -> Json:
        """Register a provider."""
        body = {
            "name": "Werkstatt",
            "kind": "WFBM",
            "mitgliedskoerperschaft": self.ags,
            "external_ref": f"wfbm-{next(self._refs)}",
            "valid_from": "1990-01-01",
            "valid_to": None,
            **fields,
        }
        return created(await self.post("/v1/providers", body))

    async def register(self, **fields: Any) -> Json:
        """Register a case."""
        body = {
            "external_ref": f"fall-{next(self._refs)}",
            "payer_mk": self.ags,
            "residence_mk": self.ags,
            "disability": "GEISTIG",
            "kombi": False,
            **fields,
        }
        return created(await self.post("/v1/cases", body))

    async def record(self, case_id: str, version: int, kind: str, effective_on: str, **fields: Any) -> Json:
        """Record a movement; the case then has `version + 1`."""
        body = {"kind": kind, "effective_on": effective_on, **fields}
        return created(await self.post(f"/v1/cases/{case_id}/movements", body, version=version))

    async def timeline(self, case_id: str, **query: Any) -> Json:
        """Read the timeline."""
        response = await self.get(f"/v1/cases/{case_id}/timeline", **query)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def case(self, case_id: str) -> Json:
        """Read the case."""
        response = await self.get(f"/v1/cases/{case_id}")
        assert response.status_code == 200, response.text
        return dict(response.json())


def created(response: httpx.Response) -> Json:
    """The body of a 201."""
    assert response.status_code == 201, response.text
    return dict(response.json())


def refused(response: httpx.Response, status: int, code: str) -> Json:
    """The problem of a refusal, which must be this one."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = dict(response.json())
    assert (response.status_code, problem["type"].rsplit("/", 1)[1]) == (status, code), response.text
    return problem
