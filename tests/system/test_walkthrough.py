"""One fact, all the way: from a case history over HTTP to a key figure, on the feed and on a real Kafka."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes import wait_for
from tests.support.product import Product, running_product, teilhabe, value_of
from tests.support.walk import Clerk


@pytest.fixture(scope="module", params=["feed", pytest.param("kafka", marks=pytest.mark.kafka)])
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    arguments = ["--kafka"] if request.param == "kafka" else []
    with running_product(tmp_path_factory.mktemp("product") / "data", *arguments) as running:
        yield running


@pytest.fixture
def clerk(product: Product) -> Iterator[Clerk]:
    with product.client("cases") as client:
        yield Clerk(client)


@pytest.fixture
def metrics(product: Product) -> Iterator[httpx.Client]:
    with product.client("metrics") as client:
        yield client


def _until(clerk: Clerk, **params: str) -> dict[str, str]:
    assert clerk.position is not None, "an answer named the position of its event"
    return {"min_position": clerk.position, **params}


def test_a_case_moves_a_key_figure_and_a_correction_moves_it_back(clerk: Clerk, metrics: httpx.Client) -> None:
    provider = clerk.provider()
    before = value_of(metrics, "anzahl_uebergang", period="2024")
    case = clerk.case("walk-1")
    clerk.move(case, "ZUGANG_EV", "2020-02-03", provider_id=provider)
    clerk.move(case, "EINTRITT_BBB", "2020-05-04")
    clerk.move(case, "ZUGANG_ARBEITSBEREICH", "2022-05-02")
    uebergang = clerk.move(case, "UEBERGANG", "2024-03-01", instrument="BUDGET_FUER_ARBEIT", decided_on="2024-02-20")
    after = value_of(metrics, "anzahl_uebergang", **_until(clerk, period="2024"))
    assert (after["numerator"], after["value"]) == (before["numerator"] + 1, f"{before['numerator'] + 1}.0000")

    clerk.amend(
        case, uebergang["fact_id"], "Bescheid vom Vorjahr", effective_on="2023-12-01", decided_on="2023-11-20"
    )
    assert value_of(metrics, "anzahl_uebergang", **_until(clerk, period="2024")) == before
    assert value_of(metrics, "anzahl_uebergang", period="2023")["numerator"] == 1

    clerk.cancel(case, uebergang["fact_id"], "Doppelt erfasst")
    assert value_of(metrics, "anzahl_uebergang", **_until(clerk, period="2023"))["numerator"] == 0
    assert value_of(metrics, "bestand_arbeitsbereich", period="2024")["numerator"] >= 1


def test_an_opening_event_opens_one_grant_in_budgets(product: Product, clerk: Clerk) -> None:
    provider = clerk.provider()
    case = clerk.case("walk-2")
    clerk.move(case, "ZUGANG_BBB", "2020-02-03", provider_id=provider)
    clerk.move(case, "ZUGANG_ARBEITSBEREICH", "2022-05-02")
    clerk.move(case, "UEBERGANG", "2024-03-01", instrument="BUDGET_FUER_ARBEIT", decided_on="2024-02-20")
    with product.client("budgets") as budgets:
        grants = _eventually(budgets, "/v1/grants", lambda items: len(items) == 1, case_id=case)
    assert [(grant["case_id"], grant["instrument"], grant["start"]) for grant in grants] == [
        (case, "BUDGET_FUER_ARBEIT", "2024-03-01")
    ]


def test_the_other_traeger_sees_nothing_of_it(product: Product, clerk: Clerk) -> None:
    case = clerk.case("walk-3")
    with product.client("cases", tenant="LVR") as other:
        assert other.get(f"/v1/cases/{case}").status_code == 404
        assert other.get("/v1/cases", params={"external_ref": "walk-3"}).json()["items"] == []


def test_a_file_goes_in_through_the_command_line(product: Product, metrics: httpx.Client, tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"provider": {"external_ref": "W-1", "name": "Werkstatt", "kind": "WFBM", "mitgliedskoerperschaft": "05515",
                      "valid_from": "2000-01-01", "valid_to": None}},
        *({"external_ref": f"file-{number}", "payer_mk": "05515", "residence_mk": "05515", "disability": "SEELISCH",
           "kombi": False, "movements": [
               {"kind": "ZUGANG_EV", "effective_on": "2019-02-04", "provider_ref": "W-1"},
               {"kind": "EINTRITT_BBB", "effective_on": "2019-05-06"}]} for number in range(50)),
        {"external_ref": "broken", "payer_mk": "00000", "residence_mk": "05515", "disability": "SEELISCH",
         "kombi": False, "movements": []},
    ]  # fmt: skip
    file = tmp_path / "book.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    done = teilhabe("import", file, "--data-dir", product.folder, "--json")
    assert done.returncode == 1, "a refused line is a failure"
    assert "1 of 52 lines were refused" in done.stderr
    status = json.loads(done.stdout)
    assert (status["lines_taken"], status["lines_refused"]) == (51, 1)
    assert [problem["line"] for problem in status["problems"]] == [52]

    again = json.loads(teilhabe("import", file, "--data-dir", product.folder, "--json").stdout)
    assert (again["lines_taken"], again["lines_unchanged"], again["lines_refused"]) == (0, 51, 1)

    caught_up = _caught_up(metrics)
    assert caught_up["parked"] == 0
    assert value_of(metrics, "anzahl_zugang_ev_bbb", period="2019")["numerator"] == 50


def test_key_figures_on_the_command_line_are_those_of_the_api(product: Product, metrics: httpx.Client) -> None:
    done = teilhabe(
        "kpis", "bestand_ev_bbb", "--period", "2019-Q4", "--group-by", "MITGLIEDSKOERPERSCHAFT", "--json",
        "--data-dir", product.folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)["answers"]
    params = {"period": "2019-Q4", "group_by": "MITGLIEDSKOERPERSCHAFT"}
    assert answer["items"] == metrics.get("/v1/kpis/bestand_ev_bbb/values", params=params).json()["items"]
    table = teilhabe("kpis", "--period", "2019", "--data-dir", product.folder)
    assert table.returncode == 0, table.stderr
    assert "anzahl_zugang_ev_bbb" in table.stdout
    assert "rueckkehrquote_kohorte/values: 422" in table.stderr, "what needs more parameters is named"


def test_verify_finds_no_difference(product: Product) -> None:
    done = teilhabe("verify", "--data-dir", product.folder)
    assert done.returncode == 0, done.stderr


def test_a_rebuild_changes_no_figure(product: Product, metrics: httpx.Client) -> None:
    before = metrics.get("/v1/kpis/bestand_ev_bbb/values", params={"period": "2019-Q4"}).json()["items"]
    done = teilhabe("rebuild", "metrics", "--data-dir", product.folder)
    assert done.returncode == 0, done.stderr
    _caught_up(metrics)
    assert metrics.get("/v1/kpis/bestand_ev_bbb/values", params={"period": "2019-Q4"}).json()["items"] == before


def test_nothing_is_parked(product: Product) -> None:
    done = teilhabe("parked", "list", "--data-dir", product.folder, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"parked": []})


def _eventually(client: httpx.Client, path: str, holds: Callable[[list[Any]], bool], **params: str) -> list[Any]:
    """Ask until the items are as expected."""

    def look() -> list[Any] | None:
        items: list[Any] = client.get(path, params=params).json()["items"]
        return items if holds(items) else None

    return wait_for(look, what=f"{path} as expected")


def _caught_up(metrics: httpx.Client) -> dict[str, Any]:
    """Wait until everything that was committed is in the key figures."""

    def look() -> dict[str, Any] | None:
        freshness: dict[str, Any] = metrics.get("/v1/freshness").json()
        return freshness if freshness["lag_events"] == 0 else None

    return wait_for(look, seconds=60, what="lag_events 0")
