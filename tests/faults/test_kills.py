"""kill -9 of any process in the middle of an import: after restart, exactly the figures of an undisturbed run."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.support.figures import figures_of
from tests.support.processes import wait_for
from tests.support.product import Product, running_product, teilhabe

VICTIMS = (
    "cases-import", "cases-events", "metrics-consumer", "metrics-compactor", "budgets-events", "postgres", "cases",
    "metrics", "budgets", "issuer", "cases-import", "cases-events", "metrics-consumer",
)  # fmt: skip


class Import:
    """An import that is under way, asked for through whatever is up at the moment."""

    def __init__(self, product: Product, book: Path) -> None:
        self._client = product.client("cases")
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": str(uuid4())}
        answer = self._client.post("/v1/imports", content=book.read_bytes(), headers=headers)
        assert answer.status_code == 202, answer.text
        self._path = f"/v1/imports/{answer.json()['id']}"

    def status(self) -> dict[str, Any]:
        """The status, once somebody answers."""

        def ask() -> dict[str, Any] | None:
            try:
                answer = self._client.get(self._path)
            except httpx.TransportError:
                return None
            found: dict[str, Any] = answer.json()
            return found if answer.status_code == 200 else None

        return wait_for(ask, seconds=60, what="the status of the import")

    def wait_for_lines(self, lines: float) -> None:
        """Wait until so many lines are done; the import must not be over then."""

        def look() -> dict[str, Any] | None:
            status = self.status()
            return status if status["lines_done"] >= lines else None

        status = wait_for(look, seconds=180, what=f"{lines} lines")
        assert status["state"] == "RUNNING", "the import was over before it was disturbed"

    def wait_for_end(self) -> None:
        """Wait until the import is over; no line may have been refused."""

        def look() -> dict[str, Any] | None:
            status = self.status()
            return status if status["state"] != "RUNNING" else None

        status = wait_for(look, seconds=300, what="the end of the import")
        assert (status["state"], status["lines_refused"]) == ("DONE", 0)
        assert status["lines_done"] == status["lines_total"]


@pytest.mark.parametrize(
    "transport", ["feed", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.timeout(600)])]
)
@pytest.mark.timeout(600)
def test_every_process_is_killed_during_an_import(
    tmp_path: Path, book: Path, undisturbed: Mapping[str, Any], transport: str
) -> None:
    on_kafka = transport == "kafka"
    with running_product(tmp_path / "data", *(["--kafka"] if on_kafka else [])) as product:
        running = Import(product, book)
        step = running.status()["lines_total"] // (len(VICTIMS) + 4)
        for number, victim in enumerate(("kafka", *VICTIMS) if on_kafka else VICTIMS, 1):
            running.wait_for_lines(number * step)
            pid = product.pid_of(victim)
            os.kill(pid, signal.SIGKILL)
            product.wait_for_another(victim, pid)
        running.wait_for_end()
        product.wait_until_caught_up()
        assert figures_of(product) == undisturbed
        assert teilhabe("verify", "--data-dir", product.folder).returncode == 0


@pytest.mark.timeout(600)
def test_everything_is_killed_at_once_during_an_import(
    tmp_path: Path, book: Path, undisturbed: Mapping[str, Any]
) -> None:
    with running_product(tmp_path / "data") as product:
        running = Import(product, book)
        lines = running.status()["lines_total"]
        for share in (0.2, 0.6):
            running.wait_for_lines(share * lines)
            product.stop(signal.SIGKILL)
            product.start()
        running.wait_for_end()
        product.wait_until_caught_up()
        assert figures_of(product) == undisturbed


@pytest.mark.timeout(600)
def test_the_machine_room_is_restarted_after_a_loss_of_wrappers(
    tmp_path: Path, book: Path, undisturbed: Mapping[str, Any]
) -> None:
    """The small processes between the supervisor and its children are killed, one after the other."""
    with running_product(tmp_path / "data") as product:
        running = Import(product, book)
        for victim in ("postgres", "cases-import", "cases-events", "metrics-consumer"):
            running.wait_for_lines(1)
            pid = product.pid_of(victim)
            os.kill(product.wrapper_of(pid), signal.SIGKILL)
            product.wait_for_another(victim, pid)
        running.wait_for_end()
        product.wait_until_caught_up()
        assert figures_of(product) == undisturbed
