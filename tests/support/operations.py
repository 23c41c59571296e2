"""Which operations the tests have called, and with what status: every one must succeed once and be refused once.

Applications count their requests by route template (`/metrics`). At the end of a test `witness` writes those counts
down; after the whole run `python -m tests.operations` holds them against the OpenAPI documents.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI

FOLDER = Path(__file__).parents[2] / ".local" / "operations"


def witness(service: str, app: FastAPI) -> None:
    """Note every (method, route, status) that the application has answered."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{os.getpid()}.txt").open("a") as notes:
        for method, route, status in _answered(app):
            notes.write(f"{service} {method} {route} {status}\n")


def _answered(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    for metric in app.state.registry.collect():
        if metric.name != "http_requests":
            continue
        for sample in metric.samples:
            if sample.name == "http_requests_total":
                yield sample.labels["method"], sample.labels["route"], sample.labels["status"]
