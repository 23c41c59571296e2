"""The AsyncAPI document is valid, is the one the contracts give, and describes the bytes that are really sent."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cases.domain.cell import Cell, Disability, Phase, Place, Registration
from services.cases.domain.facts import Initiator, Instrument, Kind, Reason, Zugangsweg
from services.cases.domain.movement import Movement, SignedMovement
from services.cases.domain.providers import Provider, ProviderKind
from services.cases.service import events
from shared.contracts import cases_v1
from shared.contracts.asyncapi import rendered
from shared.contracts.envelope import EnvelopeBody, encode_body
from shared.events.outbox import OutboxCommand
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id
from tests.contract.events_schema import DOCUMENT, assert_as_documented, asyncapi
from tests.integration.events.support import read_log, stamp_all, write

_DAYS = st.dates(date(1990, 1, 1), date(2030, 1, 1))
_INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
_AGS = st.sampled_from(["05111", "05515", "99999"])
_CELLS = st.builds(
    Cell,
    phase=st.sampled_from(Phase),
    provider_id=st.none() | st.uuids(),
    provider_mk=st.none() | _AGS,
    place=st.none() | st.sampled_from(Place),
    payer_mk=_AGS,
    residence_mk=_AGS,
    disability=st.sampled_from(Disability),
    kombi=st.booleans(),
)
_MOVEMENTS = st.builds(
    Movement,
    fact_id=st.uuids(),
    kind=st.sampled_from(Kind),
    effective_on=_DAYS,
    decided_on=st.none() | _DAYS,
    from_=st.none() | _CELLS,
    to=st.none() | _CELLS,
    from_since=st.none() | _DAYS,
    instrument=st.none() | st.sampled_from(Instrument),
    reason=st.none() | st.sampled_from(Reason),
    zugangsweg=st.none() | st.sampled_from(Zugangsweg),
    initiator=st.none() | st.sampled_from(Initiator),
    alternative_on=st.none() | _DAYS,
    uebergang_on=st.none() | _DAYS,
    uebergang_from=st.none() | _CELLS,
    recorded_at=_INSTANTS,
)


def stamped(command: OutboxCommand) -> list[str]:
    """The envelopes of a command as the stamper makes them."""
    heads = (f'{{"feedepoch":"cases-1","feedpart":6,"sequence":"{n:020}",' for n in range(1, 1 + len(command.events)))
    return [head + encode_body(event)[1:] for head, event in zip(heads, command.events, strict=True)]


def test_the_document_is_the_one_the_contracts_give() -> None:
    assert DOCUMENT.read_text() == rendered(), "python -m shared.contracts.asyncapi > docs/asyncapi.json"


def test_it_is_valid_asyncapi() -> None:
    schema = json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text())
    Draft7Validator(schema).validate(asyncapi())
    with pytest.raises(ValidationError):
        Draft7Validator(schema).validate({**asyncapi(), "channels": {"cases": {"topic": 1}}})


def test_every_reference_in_it_leads_somewhere() -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return here + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    found = references(asyncapi())
    assert found
    for reference in found:
        node: Any = asyncapi()
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_it_knows_every_type() -> None:
    names = {message["name"] for message in asyncapi()["components"]["messages"].values()}
    assert names == {cases_v1.CASE_REGISTERED, cases_v1.PROVIDER_CHANGED, *cases_v1.MOVEMENT_TYPES}
    assert {kind.value for kind in Kind} == set(cases_v1.MOVEMENT_KINDS)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.builds(SignedMovement, st.sampled_from([1, -1]), _MOVEMENTS), min_size=1, max_size=3))
def test_movements_are_sent_as_documented(signed: list[SignedMovement]) -> None:
    command = events.moved(Traeger.LWL, new_id(), 2, signed, datetime(2026, 3, 2, tzinfo=UTC))
    for value, entry in zip(stamped(command), signed, strict=True):
        assert assert_as_documented(value) == cases_v1.movement_type(entry.movement.kind.value)


@given(_AGS, _AGS, st.sampled_from(Disability), st.booleans())
def test_registrations_are_sent_as_documented(
    payer: str, residence: str, disability: Disability, kombi: bool
) -> None:
    command = events.registered(
        Traeger.LWL, new_id(), Registration(payer, residence, disability, kombi), datetime(2026, 3, 2, tzinfo=UTC)
    )
    assert [assert_as_documented(value) for value in stamped(command)] == [cases_v1.CASE_REGISTERED]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "no uuid"}, {"source": "/other"}, {"sequence": "1"}, {"sequence": 1}, {"tenant": "NRW"},
        {"feedpart": 12}, {"time": "yesterday"},
        {"type": cases_v1.movement_type("ABGANG")}, {"data": {}}, {"specversion": "0.3"},
    ],
)  # fmt: skip
def test_the_document_is_no_blank_cheque(change: dict[str, object]) -> None:
    command = events.registered(
        Traeger.LWL,
        new_id(),
        Registration("05515", "05515", Disability.GEISTIG, False),
        datetime(2026, 3, 2, tzinfo=UTC),
    )
    event = json.loads(stamped(command)[0])
    with pytest.raises(ValidationError):
        assert_as_documented(json.dumps({**event, **change}))


def test_readers_tolerate_members_they_do_not_know() -> None:
    command = events.registered(
        Traeger.LWL,
        new_id(),
        Registration("05515", "05515", Disability.GEISTIG, False),
        datetime(2026, 3, 2, tzinfo=UTC),
    )
    event = json.loads(stamped(command)[0])
    event["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    event["data"]["later"] = 1
    assert_as_documented(json.dumps(event))
    assert msgspec.convert(event["data"], cases_v1.CaseRegistered, strict=False).payer_mk == "05515"


async def test_what_lies_in_the_log_is_as_documented(app: AsyncEngine, worker: AsyncEngine) -> None:
    at, provider = datetime(2026, 3, 2, 12, tzinfo=UTC), _provider()
    case = new_id()
    cell = Cell(Phase.EV, provider.provider_id, "05515", None, "05515", "05515", Disability.GEISTIG, False)
    movement = Movement(
        new_id(), Kind.ZUGANG_EV, date(2026, 1, 1), None, None, cell,
        None, None, None, None, None, None, None, None, at,
    )  # fmt: skip
    await write(
        app,
        events.provider_changed(Traeger.LWL, provider, at),
        events.registered(Traeger.LWL, case, Registration("05515", "05515", Disability.GEISTIG, False), at),
        events.moved(Traeger.LWL, case, 2, [SignedMovement(1, movement)], at + timedelta(seconds=1)),
    )
    await stamp_all(worker)
    types = {assert_as_documented(row.envelope) for row in await read_log(worker)}
    assert types == {cases_v1.PROVIDER_CHANGED, cases_v1.CASE_REGISTERED, cases_v1.movement_type("ZUGANG_EV")}


def _provider() -> Provider:
    return Provider(
        provider_id=new_id(),
        version=1,
        name="Werkstatt Münster",
        kind=ProviderKind.WFBM,
        mitgliedskoerperschaft="05515",
        external_ref="W-1",
        valid_from=date(2000, 1, 1),
        valid_to=None,
    )


def test_the_envelope_of_the_contracts_and_of_the_document_have_the_same_members() -> None:
    body = {field.encode_name for field in msgspec.structs.fields(EnvelopeBody)}
    for message in asyncapi()["components"]["messages"].values():
        assert set(message["payload"]["properties"]) == body | {"feedepoch", "feedpart", "sequence"}
