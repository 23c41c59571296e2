"""Parts that stand still instead of dying: the others go on, it can be seen, and it is caught up with exactly."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.figures import figures_of
from tests.support.processes import standing_still, wait_for
from tests.support.product import SERVICES, Product, running_product, teilhabe, value_of
from tests.support.walk import Clerk


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("standstill") / "data") as running:
        yield running


def _lag(metrics: httpx.Client) -> int | None:
    lag: int | None = metrics.get("/v1/freshness").json()["lag_events"]
    return lag


@pytest.mark.timeout(600)
def test_metrics_stopped_for_ten_thousand_events_catches_up_exactly(
    tmp_path: Path, book: Path, undisturbed: Mapping[str, Any]
) -> None:
    with running_product(tmp_path / "data") as product, product.client("metrics") as metrics:
        loops = [product.pid_of(name) for name in ("metrics-consumer", "metrics-compactor")]
        with standing_still(*loops):
            with standing_still(product.pid_of("metrics")):
                done = teilhabe("import", book, "--data-dir", product.folder)
                assert done.returncode == 0, done.stderr
                _wait_for_stamper(product)
            lag = _lag(metrics)
            assert lag is not None
            assert lag >= 10_000
        product.wait_until_caught_up()
        assert figures_of(product) == undisturbed


def test_metrics_answers_while_cases_stands_still(product: Product) -> None:
    with product.client("cases") as cases, product.client("metrics") as metrics:
        clerk = Clerk(cases)
        _uebergang(clerk, "before the standstill")
        position = clerk.position
        assert position is not None
        before = value_of(metrics, "anzahl_uebergang", period="2024", min_position=position)
        with standing_still(*(product.pid_of(name) for name in ("cases", "cases-events", "cases-import"))):
            begun = time.monotonic()
            assert value_of(metrics, "anzahl_uebergang", period="2024") == before
            assert time.monotonic() - begun < 2
            assert _lag(metrics) is None, "a lag that cannot be known is never 0"
            assert metrics.get("/readyz").status_code == 200
        wait_for(lambda: _lag(metrics) == 0, what="the end of the lag")


def test_cases_takes_movements_while_its_readers_stand_still(product: Product) -> None:
    readers = ("budgets", "budgets-events", "metrics", "metrics-consumer", "metrics-compactor")
    with product.client("cases") as cases, product.client("metrics") as metrics:
        clerk = Clerk(cases)
        before = value_of(metrics, "anzahl_uebergang", period="2024")["numerator"]
        with standing_still(*(product.pid_of(name) for name in readers)):
            _uebergang(clerk, "nobody listens")
        assert clerk.position is not None
        after = value_of(metrics, "anzahl_uebergang", period="2024", min_position=clerk.position)
        assert after["numerator"] == before + 1


def test_a_standing_postgresql_shows_in_readiness_while_it_lasts(product: Product) -> None:
    with httpx.Client(timeout=20, trust_env=False) as client:

        def ready() -> list[int]:
            return [client.get(f"{product.urls[service]}/readyz").status_code for service in SERVICES]

        assert ready() == [200, 200, 200]
        before = dict(product.pids())
        with standing_still(product.pid_of("postgres")):
            wait_for(lambda: ready() == [503, 503, 503], seconds=20, what="503 from every /readyz")
            assert [client.get(f"{product.urls[service]}/livez").status_code for service in SERVICES] == [200] * 3
        wait_for(lambda: ready() == [200, 200, 200], seconds=30, what="200 from every /readyz")
        assert product.pids() == before, "nothing was restarted"
    with product.client("cases") as cases, product.client("metrics") as metrics:
        clerk = Clerk(cases)
        _uebergang(clerk, "after the standstill")
        assert clerk.position is not None
        assert value_of(metrics, "anzahl_uebergang", period="2024", min_position=clerk.position)["numerator"] > 0


def _uebergang(clerk: Clerk, ref: str) -> None:
    case = clerk.case(ref)
    clerk.move(case, "ZUGANG_BBB", "2020-02-03", provider_id=clerk.provider())
    clerk.move(case, "ZUGANG_ARBEITSBEREICH", "2022-05-02")
    clerk.move(case, "UEBERGANG", "2024-03-01", instrument="BUDGET_FUER_ARBEIT", decided_on="2024-02-20")


def _wait_for_stamper(product: Product) -> None:
    with product.client("cases") as cases:
        wait_for(lambda: cases.get("/v1/feed").json()["pending"] == 0, seconds=60, what="numbers for all events")
