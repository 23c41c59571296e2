"""All figures of a product in a form that two runs can be compared by: without ids, which differ from run to run."""

import json
from typing import Any

from tests.support.processes import wait_for
from tests.support.product import Product

PERIODS = ("2022", "2023", "2024", "2025-Q2")
GROUPS = ("TOTAL", "MITGLIEDSKOERPERSCHAFT", "PROVIDER", "DISABILITY")
_COHORT = {"cohort_from": "2021", "cohort_to": "2022"}
_SHARES = ("anteil_behinderungsart_wfbm", "anteil_behinderungsart_bfa")
_SHARES = ("anteil_behinderungsart_wfbm", "anteil_behinderungsart_bfa")


def figures_of(product: Product, tenant: str = "LWL") -> dict[str, Any]:
    """Every key figure, in several periods and groups, and what is open in budgets."""
    found: dict[str, Any] = {}
    with product.client("metrics", tenant) as metrics:
        figures = [entry["id"] for entry in metrics.get("/v1/kpis").json()["items"]]
        for figure in figures:
            for period in PERIODS:
                for group in GROUPS:
                    params = {"period": period, "group_by": group}
                    params |= _COHORT if figure == "rueckkehrquote_kohorte" else {}
                    params |= {"disability": "SEELISCH"} if figure in _SHARES and group != "DISABILITY" else {}
                    answer = metrics.get(f"/v1/kpis/{figure}/values", params=params)
                    assert answer.status_code == 200, answer.text
                    items = [_without_ids(item) for item in answer.json()["items"]]
                    found[json.dumps([figure, period, group])] = sorted(items, key=json.dumps)
        # a producer that does not answer within 300 ms makes the lag null, which a busy machine does now and then
        freshness = wait_for(
            lambda: seen if (seen := metrics.get("/v1/freshness").json())["lag_events"] == 0 else None,
            what="a lag of 0",
        )
        assert freshness["parked"] == 0
    with product.client("budgets", tenant) as budgets:
        found["grants"] = _grants(budgets)
    return found


def _without_ids(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "group" or item["group_name"] is None}


def _grants(budgets: Any) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
        page = budgets.get("/v1/grants", params=params).json()
        found += [(grant["instrument"], grant["start"], grant["state"]) for grant in page["items"]]
        cursor = page["next_cursor"]
    return sorted(found)
