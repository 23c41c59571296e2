"""kill -9 of any process in the middle of an import: after restart, exactly the figures of an undisturbed run."""

import os
import signal
from collections.abc import Mapping, Sequence
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

    def __init__(self, product: Product, lines: Sequence[bytes]) -> None:
        self._client = product.client("cases")
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": str(uuid4())}
        answer = self._client.post("/v1/imports", content=b"".join(lines), headers=headers)
        assert answer.status_code == 202, answer.text
        assert answer.json()["state"] == "RUNNING"
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

    def wait_for_end(self) -> None:
        """Wait until the import is over; no line may have been refused."""

        def look() -> dict[str, Any] | None:
            status = self.status()
            return status if status["state"] != "RUNNING" else None

        status = wait_for(look, seconds=300, what="the end of the import")
        assert (status["state"], status["lines_refused"]) == ("DONE", 0)
        assert status["lines_done"] == status["lines_total"]
        self._client.close()


def slices(book: Path, number: int) -> list[Sequence[bytes]]:
    """The book in parts that follow each other, one for each disturbance and a quiet one at the end."""
    lines = book.read_bytes().splitlines(keepends=True)
    size = len(lines) // (number + 1) + 1
    return [lines[start : start + size] for start in range(0, len(lines), size)]


@pytest.mark.parametrize(
    "transport", ["feed", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.timeout(600)])]
)
@pytest.mark.timeout(600)
def test_every_process_is_killed_during_an_import(
    tmp_path: Path, book: Path, undisturbed: Mapping[str, Any], transport: str
) -> None:
    on_kafka = transport == "kafka"
    victims = ("kafka", *VICTIMS) if on_kafka else VICTIMS
    *disturbed, quiet = slices(book, len(victims))
    with running_product(tmp_path / "data", *(["--kafka"] if on_kafka else [])) as product:
        for part, victim in zip(disturbed, victims, strict=True):
            pid = product.pid_of(victim)
            running = Import(product, part)
            os.kill(pid, signal.SIGKILL)
            product.wait_for_another(victim, pid)
            running.wait_for_end()
        Import(product, quiet).wait_for_end()
        product.wait_until_caught_up()
        assert figures_of(product) == undisturbed
        assert teilhabe("verify", "--data-dir", product.folder).returncode == 0


@pytest.mark.timeout(600)
def test_everything_is_killed_at_once_during_an_import(
    tmp_path: Path, book: Path, undisturbed: Mapping[str, Any]
) -> None:
    *disturbed, quiet = slices(book, 2)
    with running_product(tmp_path / "data") as product:
        for part in disturbed:
            running = Import(product, part)
            product.stop(signal.SIGKILL)
            product.start()
            running.wait_for_end()
        Import(product, quiet).wait_for_end()
        product.wait_until_caught_up()
        assert figures_of(product) == undisturbed


@pytest.mark.timeout(600)
def test_the_machine_room_is_restarted_after_a_loss_of_wrappers(
    tmp_path: Path, book: Path, undisturbed: Mapping[str, Any]
) -> None:
    """The small processes between the supervisor and its children are killed, one after the other."""
    victims = ("postgres", "cases-import", "cases-events", "metrics-consumer")
    *disturbed, quiet = slices(book, len(victims))
    with running_product(tmp_path / "data") as product:
        for part, victim in zip(disturbed, victims, strict=True):
            pid = product.pid_of(victim)
            running = Import(product, part)
            os.kill(product.wrapper_of(pid), signal.SIGKILL)
            product.wait_for_another(victim, pid)
            running.wait_for_end()
        Import(product, quiet).wait_for_end()
        product.wait_until_caught_up()
        assert figures_of(product) == undisturbed
