"""What a bad question gets: a problem that says what is allowed, and never an answer."""

import pytest

from tests.integration.metrics.api.conftest import Reading
from tests.integration.metrics.api.story import Story

UNKNOWN_ID = "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"

BAD_VALUES: list[tuple[str, dict[str, str], str]] = [
    ("foerderquote_1", {"period": "2021-Q5"}, "period"),
    ("foerderquote_1", {"period": "2021-1"}, "period"),
    ("foerderquote_1", {"period": ""}, "period"),
    ("foerderquote_1", {"period": "2021", "period_from": "2021", "period_to": "2021"}, "period"),
    ("foerderquote_1", {"period_from": "2021"}, "period_to"),
    ("foerderquote_1", {"period_to": "2021"}, "period_from"),
    ("foerderquote_1", {"period_from": "2021", "period_to": "2021-Q4"}, "period_to"),
    ("foerderquote_1", {"period_from": "2021-Q4", "period_to": "2021-Q3"}, "period_to"),
    ("foerderquote_1", {"period": "2019-Q4"}, "since"),
    ("foerderquote_1", {"period": "2021-Q4", "since": "2022-01"}, "since"),
    ("foerderquote_1", {"since": "yesterday"}, "since"),
    ("foerderquote_1", {"window": "ROLLING_5"}, "window"),
    ("foerderquote_1", {"window": "LAST_DAY"}, "window"),
    ("foerderquote_1", {"group_by": "REGION"}, "group_by"),
    ("foerderquote_1", {"group_by": "PROVIDER", "attribution": "PAYER"}, "group_by"),
    ("foerderquote_1", {"attribution": "PLACE"}, "attribution"),
    ("foerderquote_1", {"date_basis": "RECORDED"}, "date_basis"),
    ("foerderquote_1", {"known_on": "2022-02-15"}, "known_on"),
    ("foerderquote_1", {"known_on": "2021-02-29"}, "known_on"),
    ("foerderquote_1", {"known_on": "20210228"}, "known_on"),
    ("foerderquote_1", {"known_on": "1614470400"}, "known_on"),
    ("foerderquote_1", {"provider_id": UNKNOWN_ID}, "provider_id"),
    ("foerderquote_1", {"provider_id": "7"}, "provider_id"),
    ("foerderquote_1", {"provider_kind": "BETRIEB"}, "provider_kind"),
    ("foerderquote_1", {"provider_kind": "WFBM", "attribution": "RESIDENCE"}, "provider_kind"),
    ("foerderquote_1", {"mitgliedskoerperschaft": "05516"}, "mitgliedskoerperschaft"),
    ("foerderquote_1", {"mitgliedskoerperschaft": "5515"}, "mitgliedskoerperschaft"),
    ("foerderquote_1", {"disability": "KEINE"}, "disability"),
    ("foerderquote_1", {"group_by": "COMPARISON_GROUP"}, "comparison_group"),
    ("foerderquote_1", {"group_by": "COMPARISON_GROUP", "comparison_group": "missing"}, "comparison_group"),
    ("foerderquote_1", {"group_by": "COMPARISON_GROUP", "comparison_group": "UPPER"}, "comparison_group"),
    ("foerderquote_1", {"comparison_group": "nta-modell"}, "comparison_group"),
    ("foerderquote_1", {"group_version": "1"}, "group_version"),
    ("foerderquote_1", {"group_version": "1.0"}, "group_version"),
    ("foerderquote_1", {"min_position": "17"}, "min_position"),
    ("foerderquote_1", {"unheard": "of"}, "unheard"),
    ("anteil_behinderungsart_wfbm", {}, "disability"),
    ("anteil_behinderungsart_bfa", {"group_by": "PROVIDER"}, "disability"),
    ("rueckkehrquote_kohorte", {}, "cohort_from"),
    ("rueckkehrquote_kohorte", {"cohort_from": "2021"}, "cohort_to"),
    ("rueckkehrquote_kohorte", {"cohort_from": "2021", "cohort_to": "2022"}, "cohort_to"),
    ("rueckkehrquote_kohorte", {"cohort_from": "2021-Q2", "cohort_to": "2021-Q1"}, "cohort_to"),
]


@pytest.mark.parametrize(("figure", "params", "blamed"), BAD_VALUES)
async def test_a_parameter_that_cannot_be_is_refused_by_its_name(
    reading: Reading, figure: str, params: dict[str, str], blamed: str
) -> None:
    problem = await reading.refused(f"kpis/{figure}/values", 422, **params)
    assert f"/query/{blamed}" in [error["pointer"] for error in problem["errors"]], problem


async def test_a_provider_of_the_other_traeger_does_not_exist(reading: Reading, story: Story) -> None:
    await reading.refused("kpis/foerderquote_1/values", 422, provider_id=story.r)


@pytest.mark.parametrize("figure", ["foerderquote_3", "FOERDERQUOTE_1", "a%00b", "x" * 300])
async def test_an_unknown_figure_is_not_there_whatever_else_is_wrong(reading: Reading, figure: str) -> None:
    problem = await reading.refused(f"kpis/{figure}/values", 404, period="nonsense", unheard="of")
    assert problem["status"] == 404
    await reading.refused(f"kpis/{figure}", 404)


@pytest.mark.parametrize(
    ("path", "params", "blamed"),
    [
        ("stocks", {"phase": "RENTE"}, "phase"),
        ("stocks", {"place": "INTERN"}, "place"),
        ("stocks", {"kombi": "true"}, "kombi"),
        ("stocks", {"phase": "BBB", "kombi": "true"}, "kombi"),
        ("stocks", {"phase": ["BBB", "ARBEITSBEREICH"], "place": "INTERN"}, "place"),
        ("stocks", {"phase": "ARBEITSBEREICH", "kombi": "1"}, "kombi"),
        ("stocks", {"on": "gestern"}, "on"),
        ("stocks", {"period": "2021"}, "period"),
        ("flows", {"kind": "EINZUG"}, "kind"),
        ("flows", {"instrument": "BUDGET"}, "instrument"),
        ("flows", {"from_phase": "RENTE"}, "from_phase"),
        ("flows", {"from_place": "AAP"}, "from_place"),
        ("flows", {"cohort_from": "2021"}, "cohort_from"),
        ("flows", {"window": "CUMULATIVE", "period": "2019"}, "since"),
        ("flows", {"known_on": "2023-01-01"}, "known_on"),
        ("kpis", {"page": "2"}, "page"),
        ("freshness", {"page": "2"}, "page"),
    ],
)
async def test_other_reads_refuse_likewise(
    reading: Reading, path: str, params: dict[str, object], blamed: str
) -> None:
    problem = await reading.refused(path, 422, **params)
    pointers = [error["pointer"] for error in problem["errors"]]
    assert any(pointer.startswith(f"/query/{blamed}") for pointer in pointers), problem


class TestTooManyRows:
    async def test_a_series_longer_than_an_answer_is_refused_at_once(self, reading: Reading) -> None:
        problem = await reading.refused("kpis/bestand_bfa/values", 422, period_from="0001-01", period_to="9999-12")
        assert problem["type"].endswith("/too-many-rows")

    async def test_rows_that_stand_there_in_any_case_are_counted_first(self, reading: Reading) -> None:
        params = {"group_by": "MITGLIEDSKOERPERSCHAFT", "period_from": "1990-01", "period_to": "2019-12"}
        assert len((await reading.values("bestand_bfa", **params))["items"]) == 27 * 30 * 12
        params["period_from"] = "1989-01"
        problem = await reading.refused("kpis/bestand_bfa/values", 422, **params)
        assert problem["type"].endswith("/too-many-rows")

    async def test_all_years_of_the_calendar_are_an_answer(self, reading: Reading) -> None:
        items = (await reading.values("bestand_arbeitsbereich", period_from="0001", period_to="9999"))["items"]
        assert len(items) == 9_999
        found = {row["period"]: row["numerator"] for row in items}
        assert (found["0001"], found["2018"], found["2019"], found["2021"], found["9999"]) == (0, 0, 1, 2, 2)


@pytest.mark.parametrize("path", ["kpis/kombiquote/values", "stocks", "flows", "comparison-groups/nta-modell"])
async def test_published_figures_are_refused_with_a_clear_reason(reading: Reading, path: str) -> None:
    problem = await reading.refused(path, 403, scope="metrics:read")
    assert problem["type"].endswith("/internal-figures")
    assert problem["scopes"] == ["metrics:internal"]
    assert "metrics:internal" in problem["detail"]
    problem = await reading.refused(path, 403, scope="cases:read")
    assert problem["type"].endswith("/scope-missing")


@pytest.mark.parametrize("path", ["kpis", "kpis/kombiquote"])
async def test_the_catalogue_needs_its_scope(reading: Reading, path: str) -> None:
    assert (await reading.get(path, scope="metrics:read")).status_code == 200
    await reading.refused(path, 403, scope="metrics:internal")


async def test_freshness_is_for_readers_of_either_kind(reading: Reading) -> None:
    for scope in ("metrics:read", "metrics:internal"):
        assert (await reading.get("freshness", scope=scope)).status_code == 200
    await reading.refused("freshness", 403, scope="cases:read")


@pytest.mark.parametrize("path", ["kpis", "kpis/kombiquote/values", "stocks", "freshness"])
async def test_a_token_for_both_traeger_reads_no_figures(reading: Reading, path: str) -> None:
    scope = "metrics:read metrics:internal feed:read"
    assert (await reading.refused(path, 403, scope=scope, tenant="*"))["type"].endswith("/no-traeger")
