"""What endpoints ask for in their signatures: who may call, what the path names, and the use cases."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path

from services.budgets.service import GrantService, GrantWithHistory
from shared.http.auth import Principal, requires
from shared.http.exchange import Exchange
from shared.http.guards import Transaction, existing

GrantId = Annotated[UUID, Path(description="Id of a grant", examples=["019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"])]

Reader = Annotated[Principal, requires("budgets:read")]


async def _grants(transaction: Transaction) -> GrantService:
    return GrantService(transaction)


async def _find_grant(exchange: Exchange) -> GrantWithHistory:
    return await GrantService(exchange.connection).find(grant_id=exchange.path_id("grant_id"))


Grants = Annotated[GrantService, Depends(_grants)]
ExistingGrant = Annotated[GrantWithHistory, existing(_find_grant)]
