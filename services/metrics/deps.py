"""Who may call, and what a route gets."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Security

from services.metrics.service.arrivals import Arrivals
from services.metrics.service.figures import Figures
from services.metrics.service.snapshots import Reader
from shared.http.auth import Principal, ScopedBearer, requires
from shared.http.exchange import CurrentExchange
from shared.kernel.errors import ForbiddenError

PUBLISHED = "metrics:read"
INTERNAL = "metrics:internal"


class PublishedFiguresMissingError(ForbiddenError):
    """The token is for published figures, and there are only unprotected ones so far."""

    code = "internal-figures"
    title = "These figures are not protected"


class _InternalFigures(ScopedBearer):
    """Needs `metrics:internal`, and says to holders of `metrics:read` why that is not enough."""

    def __init__(self) -> None:
        super().__init__(frozenset({INTERNAL}), any_traeger=False)

    def admit(self, principal: Principal) -> None:
        if principal.traeger is not None and PUBLISHED in principal.scopes and INTERNAL not in principal.scopes:
            raise PublishedFiguresMissingError(
                f"These are unprotected figures and need {INTERNAL}. {PUBLISHED} is for published figures,"
                " which are not offered yet; it reads the catalogue at /v1/kpis.",
                extensions={"scopes": [INTERNAL]},
            )
        super().admit(principal)


class _AnyFigures(ScopedBearer):
    """Whoever reads figures of either kind may know how current they are."""

    def __init__(self) -> None:
        super().__init__(frozenset({PUBLISHED}), any_traeger=False)

    def admit(self, principal: Principal) -> None:
        if principal.traeger is None or INTERNAL not in principal.scopes:
            super().admit(principal)


def _needs(bearer: ScopedBearer) -> Any:
    return Security(bearer, scopes=sorted(bearer.scopes))


CatalogueReader = Annotated[Principal, requires(PUBLISHED)]
"""Reads definitions."""

Controller = Annotated[Principal, _needs(_InternalFigures())]
"""Reads and groups the unprotected figures of the own Träger."""

FreshnessReader = Annotated[Principal, _needs(_AnyFigures())]
"""Reads how current the figures are: `metrics:read` or `metrics:internal`."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with."""

    figures: Figures
    arrivals: Arrivals


def install(app: FastAPI, services: Services) -> None:
    """Give an application its services."""
    app.state.metrics = services


def services_of(exchange: CurrentExchange) -> Services:
    """The services of the running application."""
    services: Services = exchange.request.app.state.metrics
    return services


async def _figures(exchange: CurrentExchange) -> Figures:
    return services_of(exchange).figures


async def _arrivals(exchange: CurrentExchange) -> Arrivals:
    return services_of(exchange).arrivals


FiguresOf = Annotated[Figures, Depends(_figures)]
ArrivalsOf = Annotated[Arrivals, Depends(_arrivals)]


def reader_of(caller: Principal) -> Reader:
    """The caller as one who reads figures of the own Träger."""
    return Reader(caller.own_traeger, caller.subject)
