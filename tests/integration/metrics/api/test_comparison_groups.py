"""Comparison groups: versions, conditions, and what they do to figures."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.metrics.api.conftest import INTERNAL, Reading, Told


async def put(reading: Reading, group: str, body: Any, tenant: str = "LWL", **headers: str) -> httpx.Response:
    """Put a comparison group."""
    sent = {**reading.mint.bearer(INTERNAL, tenant=tenant), **headers}
    return await reading.client.put(f"/v1/comparison-groups/{group}", json=body, headers=sent)


def members(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"title": "Modellregionen", "members": list(entries)}


async def test_it_is_created_and_changed_in_versions(reader: Reading, own: Told) -> None:
    created = await put(reader, "nta-modell", members({"provider_id": own.story.a, "valid_from": "2021-01-01"}))
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    expected = {
        "id": "nta-modell",
        "version": 1,
        "title": "Modellregionen",
        "members": [
            {
                "provider_id": own.story.a,
                "mitgliedskoerperschaft": None,
                "valid_from": "2021-01-01",
                "valid_to": None,
            }
        ],
    }
    assert created.json() == expected
    changed = await put(
        reader, "nta-modell", members({"mitgliedskoerperschaft": "05758"}), **{"If-Match": created.headers["etag"]}
    )
    assert (changed.status_code, changed.headers["etag"], changed.json()["version"]) == (200, '"2"', 2)
    read = await reader.get("comparison-groups/nta-modell")
    assert (read.json(), read.headers["etag"]) == (changed.json(), '"2"')
    assert (await reader.answer("comparison-groups/nta-modell", group_version="1")) == expected


class TestConditions:
    async def test_a_change_needs_the_version_it_starts_from(self, reader: Reading) -> None:
        assert (await put(reader, "g", members())).status_code == 201
        assert (await put(reader, "g", members())).status_code == 428
        assert (await put(reader, "g", members(), **{"If-Match": '"2"'})).status_code == 412
        assert (await put(reader, "g", members(), **{"If-Match": "1"})).status_code == 400
        assert (await put(reader, "g", members(), **{"If-Match": '"1"'})).status_code == 200
        assert (await put(reader, "g", members(), **{"If-Match": '"1"'})).status_code == 412
        assert (await put(reader, "g", members(), **{"If-Match": "*"})).status_code == 200
        assert (await reader.answer("comparison-groups/g"))["version"] == 3

    @pytest.mark.parametrize("condition", ['"1"', '"0"', "*"])
    async def test_a_condition_on_what_is_not_there_fails(self, reader: Reading, condition: str) -> None:
        assert (await put(reader, "g", members(), **{"If-Match": condition})).status_code == 412
        await reader.refused("comparison-groups/g", 404)

    async def test_faults_of_the_body_come_after_the_missing_condition_and_before_the_stale_one(
        self, reader: Reading
    ) -> None:
        await put(reader, "g", members())
        bad = members({"valid_from": "2021-01-02"})
        assert (await put(reader, "g", bad)).status_code == 428
        assert (await put(reader, "g", bad, **{"If-Match": '"7"'})).status_code == 422

    async def test_one_of_several_writers_at_once_wins(self, reader: Reading) -> None:
        await put(reader, "g", members())
        answers = await asyncio.gather(*(put(reader, "g", members(), **{"If-Match": '"1"'}) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]
        assert (await reader.answer("comparison-groups/g"))["version"] == 2


@pytest.mark.parametrize(
    ("entry", "pointer"),
    [
        ({}, "/members/0"),
        ({"provider_id": "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10", "mitgliedskoerperschaft": "05515"}, "/members/0"),
        ({"mitgliedskoerperschaft": "05516"}, "/members/0/mitgliedskoerperschaft"),
        ({"mitgliedskoerperschaft": "5515"}, "/members/0/mitgliedskoerperschaft"),
        ({"mitgliedskoerperschaft": 5515}, "/members/0/mitgliedskoerperschaft"),
        ({"provider_id": "A"}, "/members/0/provider_id"),
        ({"mitgliedskoerperschaft": "05515", "valid_from": "2021-01-02"}, "/members/0/valid_from"),
        ({"mitgliedskoerperschaft": "05515", "valid_to": "2021-01-30"}, "/members/0/valid_to"),
        (
            {"mitgliedskoerperschaft": "05515", "valid_from": "2021-02-01", "valid_to": "2021-01-31"},
            "/members/0/valid_to",
        ),
        ({"mitgliedskoerperschaft": "05515", "weight": 2}, "/members/0/weight"),
    ],
)
async def test_members_that_cannot_be_are_refused(reading: Reading, entry: dict[str, Any], pointer: str) -> None:
    response = await put(reading, "refused", members(entry))
    assert response.status_code == 422, response.text
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    await reading.refused("comparison-groups/refused", 404)


@pytest.mark.parametrize("group", ["base", "total", "Nta", "a_b", "x" * 65])
async def test_ids_that_cannot_be_are_refused(reading: Reading, group: str) -> None:
    assert (await put(reading, group, members())).status_code in (404, 422)
    await reading.refused(f"comparison-groups/{group}", 404)


async def test_a_group_of_the_other_traeger_is_not_there(reader: Reading) -> None:
    assert (await put(reader, "g", members(), tenant="LVR")).status_code == 201
    await reader.refused("comparison-groups/g", 404)
    params = {"group_by": "COMPARISON_GROUP", "comparison_group": "g"}
    await reader.refused("kpis/kombiquote/values", 422, **params)
    assert (await put(reader, "g", members())).json()["version"] == 1


async def test_members_count_by_whole_months_and_everything_else_is_base(reader: Reading, own: Told) -> None:
    first = members(
        {"provider_id": own.story.a, "valid_from": "2021-01-01"},
        {"provider_id": "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10"},
        {"mitgliedskoerperschaft": "05758"},
    )
    await put(reader, "nta-modell", first)
    second = members(
        {"provider_id": own.story.a, "valid_to": "2020-12-31"},
        {"provider_id": own.story.a, "valid_from": "2020-06-01", "valid_to": "2021-06-30"},
    )
    await put(reader, "nta-modell", second, **{"If-Match": '"1"'})

    async def rows(figure: str, version: int | None, **params: str) -> list[tuple[Any, ...]]:
        asked = {"group_by": "COMPARISON_GROUP", "comparison_group": "nta-modell", "period": "2021-Q4", **params}
        if version is not None:
            asked["group_version"] = str(version)
        items = (await reader.values(figure, **asked))["items"]
        assert [row["group_name"] for row in items] == ["Modellregionen", "Basis"]
        return [(row["group"], row["numerator"], row["denominator"], row["value"]) for row in items]

    # B (Herford) is base although the Mitgliedskörperschaft is listed; the Alternative of Herford has no provider
    assert await rows("foerderquote_1", 1) == [("nta-modell", 1, "0", None), ("base", 0, "2", "0.0000")]
    assert await rows("foerderquote_1", None) == [("nta-modell", 0, "1", "0.0000"), ("base", 1, "1", "100.0000")]
    # Days of the Arbeitsbereich at A in 2021: 73 + 92 of one person, 365 of another; to the end of June 73 and 181
    assert await rows("uebergangsdichte", 1, window="YEAR") == [
        ("nta-modell", 1, "1.452055", "688.6792"),
        ("base", 0, "0.000000", None),
    ]
    assert await rows("uebergangsdichte", 2, window="YEAR") == [
        ("nta-modell", 1, "0.695890", "1437.0079"),
        ("base", 0, "0.756164", "0.0000"),
    ]
    assert await rows("bestand_arbeitsbereich", 2) == [("nta-modell", 0, "1", "0.0000"), ("base", 2, "1", "2.0000")]
    # A Rückkehr of October counts where its Übergang of March was: by the month of the Übergang in the cohort only
    cohort = {"cohort_from": "2021-Q1", "cohort_to": "2021-Q1"}
    assert await rows("rueckkehrquote_kohorte", 2, **cohort) == [
        ("nta-modell", 1, "1", "100.0000"),
        ("base", 0, "0", None),
    ]
    assert await rows("rueckkehrquote", 2) == [("nta-modell", 0, "1", "0.0000"), ("base", 1, "0", None)]
    await reader.refused(
        "kpis/kombiquote/values",
        422,
        group_by="COMPARISON_GROUP",
        comparison_group="nta-modell",
        group_version="3",
    )
    await reader.refused(
        "kpis/kombiquote/values",
        422,
        group_by="COMPARISON_GROUP",
        comparison_group="nta-modell",
        attribution="PAYER",
    )
