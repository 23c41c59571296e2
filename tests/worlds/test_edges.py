"""Questions at the edges of what the parameters mean, and rules that hold between answers."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from shared.kernel.clock import berlin_day
from tests.recount import parameters
from tests.recount.definitions import COHORT, FIGURES
from tests.recount.parameters import ParameterSet
from tests.recount.worlds import World, random_world
from tests.support.databases import Cluster
from tests.worlds.comparing import questions
from tests.worlds.counting import TODAY, ask, assert_alike, provider_ids, tell
from tests.worlds.counting_product import CountingProduct, counting_product
from tests.worlds.telling import Ids, world_events

SEED = 103
GROUP = {"group_by": "COMPARISON_GROUP", "comparison_group": "modell"}
COHORT_OF_2021 = {"cohort_from": "2021-Q1", "cohort_to": "2021"}


@pytest.fixture(scope="module")
def world() -> World:
    return random_world(SEED, TODAY, histories=80)


@pytest.fixture(scope="module")
async def product(cluster: Cluster, world: World) -> AsyncIterator[CountingProduct]:
    """The world told, half of it in the cube."""
    database = cluster.create("metrics")
    ids = Ids(SEED)
    async with counting_product(database, TODAY) as made:
        await tell(made, world, ids, mark=2)
        await made.define_groups(world, provider_ids(world, ids))
        yield made
    cluster.drop(database)


def asked(kpi: str, **params: str) -> ParameterSet:
    return ParameterSet("LWL", kpi, params, None)


EDGES = [
    # the last quarter completed, on the last day of a quarter, the day before and the day after
    *(asked("bestand_bfa", known_on=day) for day in ("2022-12-30", "2022-12-31", "2023-01-01", "2023-08-15")),
    *(asked("foerderquote_1", known_on=day) for day in ("2020-03-30", "2020-03-31", "2020-06-30", "2019-12-31")),
    # windows that begin on, before and after the day of knowledge
    asked("uebergangsdichte", period="2023-08", window="MONTH", known_on="2023-08-01"),
    asked("uebergangsdichte", period="2023-08", window="MONTH", known_on="2023-07-31"),
    asked("uebergangsdichte", period="2023-09", window="QUARTER"),
    asked("uebergangsdichte", period="2024", window="YEAR", **GROUP),
    asked("foerderquote_2", period="2024-Q4", window="MONTH", group_by="PROVIDER"),
    asked("anzahl_uebergang", period="2024", group_by="MITGLIEDSKOERPERSCHAFT"),
    # since: the same month, the month after, other forms, ignored
    asked("uebergangsdichte_alle", period="2022-02", since="2022-02"),
    asked("uebergangsdichte_alle", period="2022-02", since="2022-Q1"),
    asked("uebergangsdichte_alle", period="2022-02", since="2022"),
    asked("uebergangsdichte_alle", period="2022-02", since="2022-03"),
    asked("uebergangsdichte_alle", period="2022-02", since="2022-03", window="YEAR"),
    asked("kombiquote", period="2022-02", since="2022-03", window="CUMULATIVE"),
    asked("foerderquote_1", period_from="2019-12", period_to="2020-02"),
    asked("foerderquote_1", period_from="2019-12", period_to="2020-02", since="2015"),
    asked("foerderquote_1", period="2019"),
    # series
    asked("bestand_arbeitsbereich", period_from="2014-01", period_to="2024-12"),
    asked("uebergangsdichte", period_from="2014", period_to="2024", since="2012", **GROUP),
    asked("foerderquote_1", period_from="2021"),
    asked("foerderquote_1", period_to="2021"),
    asked("foerderquote_1", period="2021", period_from="2021", period_to="2021"),
    asked("foerderquote_1", period_from="2021", period_to="2021-Q4"),
    asked("foerderquote_1", period_from="2022", period_to="2021"),
    # the cohort
    asked(COHORT, period="2022", **COHORT_OF_2021),
    asked(COHORT, period="2021", **COHORT_OF_2021),
    asked(COHORT, period="2021-11", **COHORT_OF_2021),
    asked(COHORT, period="2023", cohort_from="2021-07", cohort_to="2021-Q2"),
    asked(COHORT, period="2023", cohort_from="2021-04", cohort_to="2021-Q2", window="MONTH", since="2030"),
    asked(COHORT, period="2022", cohort_from="2021"),
    asked(COHORT, period="2022", cohort_to="2021"),
    asked(COHORT, period="2023", cohort_from="2019", cohort_to="2022", group_by="PROVIDER"),
    asked(COHORT, period="2023", cohort_from="2019", cohort_to="2022", known_on="2021-05-05", **GROUP),
    asked(COHORT, period="2023", cohort_from="2018", cohort_to="2022", date_basis="DECIDED"),
    # shares
    asked("anteil_behinderungsart_wfbm", period="2022"),
    asked("anteil_behinderungsart_wfbm", period="2022", group_by="DISABILITY"),
    asked("anteil_behinderungsart_wfbm", period="2022", group_by="DISABILITY", disability="GEISTIG"),
    asked("anteil_behinderungsart_bfa", period="2022", group_by="MITGLIEDSKOERPERSCHAFT", disability="SEELISCH"),
    # what does not go together
    asked("kombiquote", period="2022", group_by="PROVIDER", attribution="PAYER"),
    asked("kombiquote", period="2022", attribution="RESIDENCE", provider_kind="WFBM"),
    asked("kombiquote", period="2022", attribution="PAYER", **GROUP),
    asked("kombiquote", period="2022", comparison_group="modell"),
    asked("kombiquote", period="2022", group_by="COMPARISON_GROUP"),
    asked("kombiquote", period="2022", group_by="COMPARISON_GROUP", comparison_group="nobody"),
    asked("kombiquote", period="2022", group_version="3", **GROUP),
    asked("kombiquote", period="2022", group_version="1", **GROUP),
    asked("kombiquote", period="2022", known_on="2023-08-16"),
    asked("kombiquote", period="2022", mitgliedskoerperschaft="00000"),
    asked("kombiquote", period="2022", mitgliedskoerperschaft="99999"),
    asked("kombiquote", period="2022", mitgliedskoerperschaft="05111", attribution="RESIDENCE"),
    asked("kombiquote", period="2022", provider_id="01900000-0000-7000-8000-000000000000"),
    *(asked("kombiquote", period=period) for period in ("2022-Q5", "2022-13", "2022-1", "22", "", "2022-00")),
]


async def test_edges(product: CountingProduct, world: World) -> None:
    outcome = await ask(product, questions(world, EDGES, provider_ids(world, Ids(SEED))))
    assert_alike(outcome)
    assert (outcome.answered, outcome.refused) == (32, 31)


async def test_a_foreign_or_missing_provider_is_refused(product: CountingProduct, world: World) -> None:
    foreign = provider_ids(world, Ids(SEED))["LVR"]["LVR-W0"]
    answer = await product.get("LWL", "/v1/kpis/bestand_bfa/values", {"period": "2022", "provider_id": foreign})
    assert answer.status_code == 422


async def test_an_answer_known_on_a_day_is_the_answer_that_was_given_on_that_day(
    cluster: Cluster, world: World
) -> None:
    then = TODAY - timedelta(days=500)
    ids = Ids(SEED)
    known = provider_ids(world, ids)
    database = cluster.create("metrics")
    async with counting_product(database, then) as product:
        await product.fold(c for c in world_events(world, ids) if berlin_day(c.recorded_at) <= then)
        await product.define_groups(world, known)
        sets = parameters.parameter_sets(world, parameters.abstract_sets())
        as_known = [_known_on(one, then) for one in sets if "known_on" not in one.params]
        found = []
        for question in questions(world, as_known, known):
            params = {name: value for name, value in question.params.items() if name != "known_on"}
            expected = question.expected and {k: v for k, v in question.expected.items() if k != "known_on"}
            found.append(replace(question, params=params, expected=expected))
        outcome = await ask(product, found)
    cluster.drop(database)
    assert_alike(outcome)
    assert outcome.answered > 150


def _known_on(one: ParameterSet, day: date) -> ParameterSet:
    return replace(one, params={**one.params, "known_on": day.isoformat()})


@pytest.mark.parametrize("kpi", FIGURES)
async def test_the_sum_over_groups_is_the_total(product: CountingProduct, kpi: str) -> None:
    params = {"period_from": "2022-Q3", "period_to": "2023-Q3"}
    if kpi == COHORT:
        params |= {"cohort_from": "2018", "cohort_to": "2021"}
    for more in _variants(kpi):
        total = await _sums(product, kpi, params | more)
        groupings: list[dict[str, str]] = [{"group_by": "MITGLIEDSKOERPERSCHAFT"}, {"group_by": "DISABILITY"}]
        if more.get("attribution", "PROVIDER") == "PROVIDER":
            groupings += [{"group_by": "PROVIDER"}, GROUP]
        for grouping in groupings:
            sums = await _sums(product, kpi, params | more | grouping)
            if FIGURES[kpi].share and grouping["group_by"] == "DISABILITY":
                sums, total_here = _above(sums), _above(total)
            else:
                total_here = total
            assert sums == total_here, (kpi, more, grouping)


def _variants(kpi: str) -> list[dict[str, str]]:
    """Parameters that change what is counted; shares get the disability they need."""
    variants: list[dict[str, str]] = [
        {},
        {"attribution": "PAYER", "known_on": "2023-03-10"},
        {"attribution": "RESIDENCE", "date_basis": "DECIDED", "window": "YEAR"},
        {"date_basis": "DECIDED", "known_on": "2023-01-01"},
        {"provider_kind": "WFBM", "window": "ROLLING_4"},
        {"disability": "GEISTIG"},
    ]
    if FIGURES[kpi].share:
        return [{"disability": "SEELISCH"} | variant for variant in variants]
    return variants


async def _sums(product: CountingProduct, kpi: str, params: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """Numerators, denominators and person-days added over the rows of each period."""
    answer = await product.get("LWL", f"/v1/kpis/{kpi}/values", params)
    assert answer.status_code == 200, answer.text
    sums: Counter[tuple[str, str]] = Counter()
    for row in answer.json()["items"]:
        for name, value in _addends(row, FIGURES[kpi].below is None):
            sums[row["period"], name] += value
    return +sums


def _addends(row: Mapping[str, Any], plain: bool) -> list[tuple[str, int]]:
    found = [("numerator", row["numerator"])]
    if plain:
        return found
    if row["person_days"] is not None:
        return [*found, ("person_days", row["person_days"])]
    return [*found, ("denominator", int(row["denominator"]))]


def _above(sums: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    return Counter({key: value for key, value in sums.items() if key[1] == "numerator"})
