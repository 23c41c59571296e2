"""Fixtures that several layers of tests share."""

from collections.abc import Iterator

import pytest

from tests.support.databases import Cluster, TestDatabase, running_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL cluster for the session (one per xdist worker)."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
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
