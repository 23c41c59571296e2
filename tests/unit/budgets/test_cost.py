"""Events that budgets does not use cost hardly more than reading their envelope."""

import time
from collections.abc import Callable
from uuid import UUID

import pytest

from services.budgets.consumers import command_of
from shared.contracts import cases_v1
from shared.contracts.envelope import decode_envelope
from shared.kernel.mitgliedskoerperschaften import Traeger
from shared.observability.identifiers import new_id

EVENTS = 5_000


def text_of(number: int) -> bytes:
    """A change of place as it arrives: of a kind that neither opens nor ends a grant."""
    cell = (
        b'{"phase":"ARBEITSBEREICH","provider_id":"019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10","provider_mk":"05515",'
        b'"place":"INTERN","payer_mk":"05515","residence_mk":"05515","disability":"GEISTIG","kombi":false}'
    )
    return (
        b'{"feedepoch":"cases-test","feedpart":6,"sequence":"%020d","specversion":"1.0","id":"%s","source":"/cases",'
        b'"type":"%s","subject":"019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10","time":"2026-03-02T09:30:00Z",'
        b'"datacontenttype":"application/json","tenant":"LWL","data":{"case_id":"%s","index":1,"of":1,"sign":1,'
        b'"kind":"PLATZWECHSEL","from":%s,"to":%s}}'
    ) % (
        number + 1,
        str(new_id()).encode(),
        cases_v1.movement_type("PLATZWECHSEL").encode(),
        str(UUID(int=number)).encode(),
        cell,
        cell,
    )


def seconds(work: Callable[[], object]) -> float:
    """The processor time of the fastest of several runs."""
    times = []
    for _ in range(7):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


@pytest.mark.bench
def test_what_is_ignored_costs_less_than_half_of_its_decoding() -> None:
    texts = [text_of(number) for number in range(EVENTS)]
    envelopes = [decode_envelope(text) for text in texts]
    assert {envelope.tenant for envelope in envelopes} == {Traeger.LWL}
    decoding = seconds(lambda: [decode_envelope(text) for text in texts])
    looking = seconds(lambda: [command_of([envelope]) for envelope in envelopes])
    assert looking < decoding / 2, (looking, decoding)
