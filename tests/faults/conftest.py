"""One book of case histories, and the figures it gives when nothing goes wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.figures import figures_of
from tests.support.product import running_product, teilhabe

PEOPLE = 8_000
YEARS = 6


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is long enough for every part of it to be disturbed while it is taken in."""
    file = tmp_path_factory.mktemp("book") / "book.ndjson"
    done = teilhabe("simulate", "--people", PEOPLE, "--years", YEARS, "--seed", 3, "--out", file)
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, book: Path) -> Mapping[str, Any]:
    """The figures of the book on a product that nobody disturbs."""
    with running_product(tmp_path_factory.mktemp("undisturbed") / "data") as product:
        done = teilhabe("import", book, "--data-dir", product.folder)
        assert done.returncode == 0, done.stderr
        product.wait_until_caught_up()
        return figures_of(product)
