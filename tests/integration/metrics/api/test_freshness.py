"""How far behind we are, and reads that wait for an event."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest

from shared.contracts.position import Position
from shared.db.engine import create_engine
from shared.events.ports import Delivery
from shared.kernel.clock import FixedClock, berlin_noon
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.events.support import scratch_database
from tests.integration.metrics.api.conftest import Reading, Told, application, serving
from tests.integration.metrics.api.log import EPOCH, Case, Log
from tests.integration.metrics.api.producers import (
    Producer,
    absent_producer,
    serving_log,
    silent_producer,
)
from tests.integration.metrics.api.story import provider
from tests.support.databases import Cluster, TestDatabase
from tests.support.tokens import TokenMint

OWN_PARTS = [6, 7, 8, 9, 10, 11]


@pytest.fixture
async def cases(cluster: Cluster, mint: TokenMint, clock: FixedClock) -> AsyncIterator[Producer]:
    """The log of cases."""
    with scratch_database(cluster) as database:
        async with serving_log(database, mint, clock) as producer:
            yield producer


@pytest.fixture
async def budgets(cluster: Cluster, mint: TokenMint, clock: FixedClock) -> AsyncIterator[Producer]:
    """The log of budgets."""
    with scratch_database(cluster) as database:
        async with serving_log(database, mint, clock) as producer:
            yield producer


@asynccontextmanager
async def asking(
    database: TestDatabase, mint: TokenMint, clock: FixedClock, producers: Mapping[str, httpx.AsyncClient]
) -> AsyncIterator[Reading]:
    """A reader of metrics with these producers."""
    async with serving(application(database, mint, clock, producers)) as client:
        yield Reading(client, mint)


async def fold(database: TestDatabase, log: Log, clock: FixedClock) -> None:
    """Fold what waits in a log."""
    worker = create_engine(database.worker_url, application_name="fold")
    try:
        await log.fold(worker, clock)
    finally:
        await worker.dispose()


async def told_by_all(reader: Reading) -> dict[str, Any]:
    """The freshness once every producer has answered in time, which a busy machine may prevent at first."""
    deadline = time.monotonic() + 30
    while True:
        told = await reader.answer("freshness")
        if told["lag_events"] is not None or time.monotonic() > deadline:
            return told


class TestLag:
    async def test_it_is_what_is_pending_and_stamped_but_not_folded(
        self, fresh_database: TestDatabase, mint: TokenMint, clock: FixedClock, cases: Producer, budgets: Producer
    ) -> None:
        clients = {"/cases": cases.client, "/budgets": budgets.client}
        async with asking(fresh_database, mint, clock, clients) as reader:
            empty = await told_by_all(reader)
            assert (empty["lag_events"], empty["parked"], empty["recorded_until"]) == (0, 0, None)
            assert [producer["source"] for producer in empty["producers"]] == ["/cases", "/budgets"]
            await cases.commit(5, events=2)
            await cases.commit(3, traeger=Traeger.LVR)
            await cases.stamp()
            await budgets.commit(1)
            await budgets.commit(4, traeger=Traeger.LVR)  # the other Träger's, and no lag of ours
            told = await told_by_all(reader)
        producer = told["producers"][0]
        assert [part["part"] for part in producer["parts"]] == OWN_PARTS
        assert sum(part["head"] for part in producer["parts"]) == 10
        assert {part["folded"] for part in producer["parts"]} == {0}
        assert (producer["pending"], told["producers"][1]["pending"]) == (0, 1)
        assert told["lag_events"] == 11
        assert set(producer) == {"source", "epoch", "parts", "pending"}

    async def test_what_is_folded_is_no_longer_behind(
        self, fresh_database: TestDatabase, mint: TokenMint, clock: FixedClock, cases: Producer
    ) -> None:
        await cases.commit(5, events=2)
        await cases.stamp()
        async with asking(fresh_database, mint, clock, {"/cases": cases.client}) as reader:
            before = (await told_by_all(reader))["producers"][0]
            log = Log(epoch=before["epoch"])
            for part in before["parts"]:
                feed = await cases.client.get(f"/v1/feed/{part['part']}")
                log.heads[part["part"]] = part["head"]
                log.waiting += log_of(feed.content, part["part"])
            await fold(fresh_database, log, clock)
            after = await told_by_all(reader)
        assert after["lag_events"] == 0
        assert [part["folded"] for part in after["producers"][0]["parts"]] == [
            part["head"] for part in before["parts"]
        ]
        assert after["recorded_until"] is not None

    @pytest.mark.parametrize("kind", [silent_producer, absent_producer])
    async def test_it_is_unknown_while_a_producer_is_silent(
        self, own: Told, mint: TokenMint, clock: FixedClock, budgets: Producer, kind: Any
    ) -> None:
        async with kind() as client:
            clients = {"/cases": client, "/budgets": budgets.client}
            async with asking(own.database, mint, clock, clients) as reader:
                begin = time.monotonic()
                told = await reader.answer("freshness")
                assert time.monotonic() - begin < 5
                silent = told["producers"][0]
                # Figures are answered all the same
                assert (await reader.row("bestand_aap", period="2021-Q4"))["numerator"] == 1
        assert told["lag_events"] is None
        assert (silent["epoch"], silent["pending"]) == (EPOCH, None)
        assert {part["head"] for part in silent["parts"]} == {None}
        assert sum(part["folded"] for part in silent["parts"]) > 0
        assert told["producers"][1]["pending"] in (0, None)
        assert told["recorded_until"] == "2021-11-05T11:00:00Z"

    async def test_numbers_of_another_epoch_are_not_compared(
        self, own: Told, mint: TokenMint, clock: FixedClock, cases: Producer
    ) -> None:
        async with asking(own.database, mint, clock, {"/cases": cases.client}) as reader:
            deadline = time.monotonic() + 30
            while (told := await reader.answer("freshness"))["producers"][0]["pending"] is None:
                assert time.monotonic() < deadline, "the producer does not answer"
        assert told["lag_events"] is None
        assert told["producers"][0]["epoch"] != EPOCH


async def test_what_could_not_be_counted_is_told_with_every_answer(
    own: Told, mint: TokenMint, clock: FixedClock
) -> None:
    broken = msgspec.structs.replace(provider("Werkstatt", "05515"), kind="BETRIEB")
    own.log.provider(Traeger.LWL, broken, berlin_noon(date(2022, 2, 1)))
    await fold(own.database, own.log, clock)
    async with asking(own.database, mint, clock, {}) as reader:
        assert (await reader.answer("freshness"))["parked"] == 1
        assert (await reader.values("kombiquote"))["as_of"] == {
            "recorded_until": "2022-02-01T11:00:00Z",
            "parked": 1,
        }
        assert (await reader.values("kombiquote", tenant="LVR"))["as_of"]["parked"] == 0


class TestMinPosition:
    async def test_an_event_that_is_in_is_not_waited_for(self, reader: Reading, own: Told) -> None:
        for part in OWN_PARTS:
            at = Position(EPOCH, part, own.log.heads[part])
            for path in ("kpis/kombiquote/values", "stocks", "flows"):
                assert (await reader.get(path, min_position=str(at))).status_code == 200

    async def test_a_read_waits_for_its_event(self, reader: Reading, own: Told, clock: FixedClock) -> None:
        case = Case(own.log)
        alternative = case.moved("WERKSTATTALTERNATIVE", "2022-02-01", None, case.cell("WERKSTATTALTERNATIVE"))
        at = case.record("2022-02-01", [alternative])

        async def later() -> None:
            await asyncio.sleep(0.3)
            await fold(own.database, own.log, clock)

        row, _ = await asyncio.gather(reader.row("bestand_bfa", period="2022", min_position=str(at)), later())
        assert row["numerator"] == 1

    async def test_it_gives_up_after_five_seconds(self, reader: Reading, own: Told) -> None:
        at = Position(EPOCH, 6, own.log.heads[6] + 1)
        begin = time.monotonic()
        response = await reader.get("kpis/kombiquote/values", min_position=str(at))
        assert 4.9 < time.monotonic() - begin < 12
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")

    async def test_a_log_that_is_not_read_is_a_conflict(self, reader: Reading) -> None:
        await reader.refused("kpis/kombiquote/values", 409, min_position="another.6.1")

    async def test_a_part_of_the_other_traeger_is_not_there(self, reader: Reading) -> None:
        for part in (0, 5, 12, 99):
            await reader.refused("stocks", 404, min_position=f"{EPOCH}.{part}.1")
        await reader.refused("stocks", 404, tenant="LVR", min_position=f"{EPOCH}.6.1")

    async def test_faults_of_the_question_come_before_the_wait(self, reader: Reading) -> None:
        at = Position(EPOCH, 6, 10**9)
        begin = time.monotonic()
        await reader.refused("kpis/kombiquote/values", 422, min_position=str(at), known_on="2030-01-01")
        assert time.monotonic() - begin < 4.5


def log_of(content: bytes, part: int) -> list[Delivery]:
    """The records of a batch of the feed."""
    return [Delivery(part, bytes(raw)) for raw in msgspec.json.decode(content, type=list[msgspec.Raw])]
