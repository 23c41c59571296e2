"""How long `teilhabe up` takes until the table stands, on a new data directory and on one that holds the scenario."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from deploy.local.ports import free_port
from tests.benchmarks.report import Measurement, Section
from tests.support.product import ROOT, SERVICES

FIRST_SECONDS = 180
SECOND_SECONDS = 15


def measure() -> Section:
    """Two runs of `teilhabe up --once --json` on one folder."""
    with tempfile.TemporaryDirectory() as folder:
        first, rows = _until_the_table(Path(folder) / "data")
        second, again = _until_the_table(Path(folder) / "data")
    assert rows == again, "the second start shows other figures"
    equal = sum(row["verdict"] == "EQUAL" for row in rows)
    return Section(
        title="Starting",
        method="`teilhabe up` with the nTA scenario on the feed (115,000 movements), until the table"
        " is printed: with a new data directory, then with the same one again. Installing is not part of it.",
        measurements=[
            Measurement("first start", f"{first:.0f} s", f"< {FIRST_SECONDS} s", first < FIRST_SECONDS),
            Measurement("second start", f"{second:.1f} s", f"< {SECOND_SECONDS} s", second < SECOND_SECONDS),
            Measurement("figures equal to the published ones", f"{equal} of {len(rows)}"),
        ],
    )


def _until_the_table(folder: Path) -> tuple[float, list[dict[str, str]]]:
    ports = [text for service in SERVICES for text in (f"--{service}-port", str(free_port()))]
    command = [sys.executable, "-m", "deploy.local.cli", "up", "--once", "--json", "--data-dir", str(folder), *ports]
    begun = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        rows: list[dict[str, str]] = json.loads(running.stdout.readline())["rows"]
        seconds = time.monotonic() - begun
        assert running.wait() == 0
    return seconds, rows
