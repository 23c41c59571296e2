"""Fixtures that several layers of tests share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Cluster, TestDatabase, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL cluster for the session (one per xdist worker).

    Not in pytest's own folder: every pytest that starts closes that one to other users, and as root PostgreSQL runs
    as another user, which then loses its data directory in the middle of a test.
    """
    with tempfile.TemporaryDirectory(prefix="teilhabe-tests-") as folder, running_cluster(Path(folder)) as running:
        yield running


def _database(cluster: Cluster, service: str) -> Iterator[TestDatabase]:
    database = cluster.create(service)
    yield database
    cluster.drop(database)


@pytest.fixture
def cases_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A fresh database of `cases`."""
    yield from _database(cluster, "cases")


@pytest.fixture
def budgets_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A fresh database of `budgets`."""
    yield from _database(cluster, "budgets")


@pytest.fixture
def metrics_database(cluster: Cluster) -> Iterator[TestDatabase]:
    """A fresh database of `metrics`."""
    yield from _database(cluster, "metrics")
