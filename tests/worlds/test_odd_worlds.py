"""Half of the twenty worlds; the other half is in a file of its own, so that two processes share the work."""

import pytest

from tests.recount import pairs, parameters
from tests.support.databases import Cluster
from tests.worlds.counting import assert_alike, compare_world


@pytest.fixture(scope="module")
def choices() -> list[pairs.Choice]:
    """Combinations of parameter values that cover all pairs."""
    return parameters.abstract_sets()


@pytest.mark.parametrize("seed", range(1, 20, 2))
async def test_metrics_answers_like_the_recount(cluster: Cluster, choices: list[pairs.Choice], seed: int) -> None:
    outcome = await compare_world(cluster, seed, choices)
    assert_alike(outcome)
    assert outcome.answered >= 300
