"""How long after a committed POST the key figure has moved: 100 movements a second on the feed."""

import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.report import Measurement, Section
from tests.support.product import Product, running_product

PER_SECOND = 100
SECONDS = 30
ASKED = 5
"""Every fifth movement is asked for: reading is work too, and a reader does not ask a hundred times a second."""
PROMISED_MS = 500


def measure() -> Section:
    """One run; the time of the read that waits for the event is part of the latency."""
    with tempfile.TemporaryDirectory() as folder, running_product(Path(folder) / "data") as product:
        latencies, behind = _latencies(product)
    ordered = sorted(latencies)
    quantile = {share: ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.9, 0.99)}
    kept = quantile[0.99] < PROMISED_MS
    return Section(
        title="From a committed POST to the key figure",
        method=f"The whole product on the feed, {PER_SECOND} POSTs of movements a second for {SECONDS} s on 16"
        f" connections; after every {ASKED}th a GET of a key figure that waits for its event. Measured from"
        " sending the POST to the answer of the GET, so the POST and the stamping it waits for are part of it.",
        measurements=[
            Measurement("p50", f"{quantile[0.5]:.0f} ms"),
            Measurement("p90", f"{quantile[0.9]:.0f} ms"),
            Measurement("p99", f"{quantile[0.99]:.0f} ms", f"< {PROMISED_MS} ms", kept),
            Measurement("POSTs behind their schedule at the end", f"{behind * 1000:.0f} ms"),
        ],
    )


def _latencies(product: Product) -> tuple[list[float], float]:
    with product.client("cases") as cases, product.client("metrics") as metrics, ThreadPoolExecutor(24) as pool:
        provider = _created(cases, "/v1/providers", "provider", _PROVIDER)["id"]
        known = [
            _created(cases, "/v1/cases", f"case-{number}", _CASE | {"external_ref": f"case-{number}"})["id"]
            for number in range(PER_SECOND * SECONDS)
        ]
        asked: list[Future[float]] = []
        begun = time.perf_counter()
        for number, case in enumerate(known):
            due = begun + number / PER_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            asked.append(pool.submit(_move, cases, metrics, case, provider, number % ASKED == 0))
        behind = time.perf_counter() - begun - len(known) / PER_SECOND
        return [latency for future in asked if (latency := future.result()) >= 0], max(0.0, behind)


def _move(cases: httpx.Client, metrics: httpx.Client, case: str, provider: str, ask: bool) -> float:
    body = {"kind": "ZUGANG_EV", "effective_on": "2024-01-08", "provider_id": provider}
    headers = {"Idempotency-Key": f"move-{case}", "If-Match": '"1"'} | ({"Prefer": "wait=5"} if ask else {})
    begun = time.perf_counter()
    answer = cases.post(f"/v1/cases/{case}/movements", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    if not ask:
        return -1.0
    position = answer.headers["Event-Position"]
    figure = metrics.get("/v1/kpis/anzahl_zugang_ev_bbb/values", params={"period": "2024", "min_position": position})
    assert figure.status_code == 200, figure.text
    return time.perf_counter() - begun


def _created(client: httpx.Client, path: str, key: str, body: dict[str, Any]) -> Any:
    answer = client.post(path, json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    return answer.json()


_PROVIDER = {
    "name": "Werkstatt",
    "kind": "WFBM",
    "mitgliedskoerperschaft": "05515",
    "external_ref": "w",
    "valid_from": "2000-01-01",
    "valid_to": None,
}
_CASE = {"payer_mk": "05515", "residence_mk": "05515", "disability": "GEISTIG", "kombi": False}
