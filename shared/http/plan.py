"""What one route has declared, found once in its signature: the guards, the body and the known query parameters."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from shared.http.auth import ScopedBearer
from shared.http.bodies import JSON, MAX_BODY_BYTES, MERGE_PATCH, FromJson, RequestModel
from shared.http.guards import IF_MATCH, IF_MATCH_UNLESS_CREATING, KEY, TRANSACTION, Existing, Patience, Streamed
from shared.http.problems import problems

TIME_LIMIT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The guards of a route, in the order in which they speak."""

    bearer: ScopedBearer | None
    existing: Existing | None
    streamed: Streamed | None
    media_types: tuple[str, ...]
    max_bytes: int
    needs_key: bool
    needs_version: bool
    needs_version_of_found: bool
    in_transaction: bool
    query_names: frozenset[str]
    time_limit_seconds: float | None
    """None for a body that the endpoint reads itself: it may take as long as it arrives."""

    @property
    def reads_json(self) -> bool:
        """Whether the route takes a JSON body."""
        return bool(self.media_types) and self.streamed is None


def plan_of(dependant: Dependant, *, path: str, methods: set[str]) -> Plan:
    """The plan of a route. Raises `TypeError` where a declaration is missing: a route must not be open by mistake."""
    calls = [part.call for part in _flat(dependant)]
    bearers = [call for call in calls if isinstance(call, ScopedBearer)]
    found = [call for call in calls if isinstance(call, Existing)]
    streams = [call for call in calls if isinstance(call, Streamed)]
    patience = [call.seconds for call in calls if isinstance(call, Patience)]
    if len(bearers) > 1 or len(found) > 1 or len(streams) > 1:
        raise TypeError(f"{path}: at most one requires(), existing() and streamed() per route")
    if "{" in path and not found and bearers and not bearers[0].any_traeger:
        raise TypeError(f"{path}: a route with a parameter in its path declares existing(...)")
    stream = streams[0] if streams else None
    needs_key = KEY in calls
    if (needs_key or found or TRANSACTION in calls) and not bearers:
        raise TypeError(f"{path}: a transaction needs the Träger of a caller, declare requires(...)")
    return Plan(
        bearer=bearers[0] if bearers else None,
        existing=found[0] if found else None,
        streamed=stream,
        media_types=stream.media_types if stream else _media_types(dependant, methods),
        max_bytes=MAX_BODY_BYTES,
        needs_key=needs_key,
        needs_version=IF_MATCH in calls,
        needs_version_of_found=IF_MATCH_UNLESS_CREATING in calls,
        in_transaction=needs_key or any(one.in_transaction for one in found) or TRANSACTION in calls,
        query_names=frozenset(_query_names(dependant)),
        time_limit_seconds=None if stream else max([TIME_LIMIT_SECONDS, *patience]),
    )


def guard_responses(plan: Plan) -> dict[int | str, dict[str, Any]]:
    """The refusals that follow from a plan, for the document."""
    statuses = [500, 503]
    statuses += [401, 403] if plan.bearer else []
    statuses += [404] if plan.existing else []
    statuses += [413, 415] if plan.media_types else []
    conditional = plan.needs_version or plan.needs_version_of_found
    statuses += [400] if plan.needs_key or conditional or plan.reads_json else []
    statuses += [428, 412] if conditional else []
    statuses += [422]
    return problems(*sorted(statuses))


def guard_parameters(plan: Plan) -> list[dict[str, Any]]:
    """The headers that follow from a plan, for the document."""
    parameters = []
    if plan.needs_key:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "Names this request: repeated with the same key it is done once and answered alike.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
                "example": "4b1f3c1e-5f3c-4a86-9d0e-1f0d6f1f2a77",
            }
        )
    if plan.needs_version or plan.needs_version_of_found:
        parameters.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": plan.needs_version,
                "description": "The ETag that was read; another version in between is refused with 412.",
                "schema": {"type": "string", "maxLength": 12, "pattern": '^("(0|[1-9][0-9]{0,8})"|\\*)$'},
                **({"example": '"1"'} if plan.needs_version else {}),
            }
        )
    return parameters


def signature_of(endpoint: Callable[..., Any]) -> inspect.Signature:
    """The signature of an endpoint, its `RequestModel` argument marked to be read from the bytes of the body."""
    if not inspect.iscoroutinefunction(endpoint):
        raise TypeError(f"{endpoint.__name__}: endpoints are async")
    hints = get_type_hints(endpoint, include_extras=True)
    signature = inspect.signature(endpoint)
    parameters = [
        parameter.replace(annotation=_from_bytes(hints.get(name, parameter.annotation)))
        for name, parameter in signature.parameters.items()
    ]
    return signature.replace(
        parameters=parameters, return_annotation=hints.get("return", signature.return_annotation)
    )


def _from_bytes(annotation: Any) -> Any:
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if isinstance(inner, type) and issubclass(inner, RequestModel):
        return Annotated[annotation, FromJson()]
    return annotation


def _media_types(dependant: Dependant, methods: set[str]) -> tuple[str, ...]:
    if not any(part.body_params for part in _flat(dependant)):
        return ()
    return (MERGE_PATCH, JSON) if "PATCH" in methods else (JSON,)


def _query_names(dependant: Dependant) -> Iterator[str]:
    for part in _flat(dependant):
        for field in part.query_params:
            annotation = field.field_info.annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                yield from (info.alias or name for name, info in annotation.model_fields.items())
            else:
                yield field.alias


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _flat(part)
