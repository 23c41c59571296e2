"""Generated requests against the running services, from their checked-in documents, with all checks on."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import SERVICES, Product, running_product

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
_ENDED = re.compile(r"(\d+) generated, (\d+) passed")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("generated") / "data") as running:
        yield running


@pytest.mark.parametrize("service", SERVICES)
def test_generated_requests_find_nothing(product: Product, service: str) -> None:
    examples = {"cases": 8, "budgets": 15, "metrics": 15}[service]
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "--no-color",
            "--config-file", str(HERE / "schemathesis.toml"),
            "run", str(ROOT / "docs" / "openapi" / f"{service}.json"), "--url", product.urls[service],
            "--header", f"Authorization: Bearer {product.token()}",
            "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful",
            "--seed", "1", "--max-examples", str(examples), "--continue-on-failure",
        ],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.system.schemathesis_hooks"},
        cwd=ROOT, capture_output=True, text=True, timeout=290, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    ended = _ENDED.search(done.stdout)
    assert ended is not None, done.stdout[-2000:]
    assert int(ended[1]) == int(ended[2]) > 100
