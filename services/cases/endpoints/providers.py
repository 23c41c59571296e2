"""Providers: register, list, read, change."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.cases.deps import (
    Clerk,
    ExistingProvider,
    ExpectedVersion,
    ProviderId,
    Providers,
    ProviderToChange,
    Reader,
)
from services.cases.domain.providers import Provider
from services.cases.schemas.providers import NewProvider, ProviderOut, ProviderPatch
from shared.http.etag import etag
from shared.http.exchange import CurrentExchange
from shared.http.guards import IdempotencyKey
from shared.http.paging import Page, Paging
from shared.http.problems import problems
from shared.http.routing import new_router


def router() -> APIRouter:
    """The routes of providers."""
    routes = new_router(tags=["providers"])
    routes.post(
        "/providers",
        operation_id="register_provider",
        summary="Register a WfbM or anderer Leistungsanbieter",
        status_code=201,
        responses=problems(409),
    )(_register)
    routes.get(
        "/providers",
        operation_id="list_providers",
        summary="The providers of the own Träger",
        responses=problems(400),
    )(_list)
    routes.get("/providers/{provider_id}", operation_id="read_provider", summary="One provider")(_read)
    routes.patch(
        "/providers/{provider_id}",
        operation_id="change_provider",
        summary="Change name, external_ref or end of validity of a provider",
        responses=problems(409),
    )(_change)
    return routes


async def _register(
    body: NewProvider,
    _: Clerk,
    __: IdempotencyKey,
    providers: Providers,
    exchange: CurrentExchange,
    response: Response,
) -> ProviderOut:
    provider = await providers.register(
        name=body.name,
        kind=body.kind,
        mitgliedskoerperschaft=body.mitgliedskoerperschaft,
        external_ref=body.external_ref,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
    )
    exchange.wrote(provider.provider_id, provider.version)
    response.headers["Location"] = f"/v1/providers/{provider.provider_id}"
    return _shown(provider, response)


async def _list(
    _: Reader,
    page: Paging,
    providers: Providers,
    external_ref: Annotated[str | None, Query(min_length=1, max_length=200, description="Exactly this one")] = None,
) -> Page[ProviderOut]:
    scope = page.bound_to("providers", order=(UUID,), external_ref=external_ref)
    after = scope.after[0] if scope.after else None
    rows = await providers.page(external_ref=external_ref, after=after, limit=scope.limit + 1)
    shown, cursor = scope.cut(rows, position=lambda provider: (provider.provider_id,))
    return Page(items=[ProviderOut.of(provider) for provider in shown], next_cursor=cursor)


async def _read(_: Reader, provider_id: ProviderId, provider: ExistingProvider, response: Response) -> ProviderOut:
    return _shown(provider, response)


async def _change(
    body: ProviderPatch,
    _: Clerk,
    provider_id: ProviderId,
    provider: ProviderToChange,
    expected: ExpectedVersion,
    providers: Providers,
    exchange: CurrentExchange,
    response: Response,
) -> ProviderOut:
    changed = await providers.change(provider=provider, expected=expected, changes=body.changes())
    if changed.version != provider.version:
        exchange.wrote(changed.provider_id, changed.version)
    return _shown(changed, response)


def _shown(provider: Provider, response: Response) -> ProviderOut:
    response.headers["ETag"] = etag(provider.version)
    return ProviderOut.of(provider)
