"""A world in a running product: sent through the import, asked over HTTP. Clients are given per Träger."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

from shared.observability.identifiers import new_id
from tests.recount.parameters import ParameterSet
from tests.recount.wire import comparison_group, import_lines
from tests.recount.worlds import World
from tests.support.processes import wait_for
from tests.worlds.comparing import Outcome, listing_questions, questions

Clients = Mapping[str, httpx.Client]
Ids = Mapping[str, Mapping[str, str]]


def import_world(cases: Clients, world: World) -> None:
    """Send both books with all their dated commands and wait until every line is taken."""
    for traeger, books in world.books.items():
        lines = list(import_lines(books))
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": str(new_id())}
        sent = cases[traeger].post("/v1/imports", content="\n".join(lines).encode(), headers=headers)
        assert sent.status_code == 202, sent.text
        status = wait_for(_finished(cases[traeger], sent.json()["id"]), seconds=120, what=f"the import of {traeger}")
        assert status["state"] == "DONE"
        assert (status["lines_taken"], status["problems"]) == (len(lines), [])


def _finished(client: httpx.Client, import_id: str) -> Callable[[], Any]:
    def status() -> Any:
        found = client.get(f"/v1/imports/{import_id}").json()
        return None if found["state"] == "RUNNING" else found

    return status


def ids_of_providers(cases: Clients) -> dict[str, dict[str, str]]:
    """The ids of all providers by Träger and reference."""
    found: dict[str, dict[str, str]] = {}
    for traeger, client in cases.items():
        found[traeger], cursor = {}, ""
        while cursor is not None:
            page = client.get("/v1/providers", params={"cursor": cursor} if cursor else {}).json()
            found[traeger] |= {item["external_ref"]: item["id"] for item in page["items"]}
            cursor = page["next_cursor"]
    return found


def define_groups(metrics: Clients, world: World, ids: Ids) -> None:
    """Set all versions of the comparison groups of a world nobody has set yet."""
    for traeger, books in world.books.items():
        for version, members in enumerate(books.group_versions):
            body = comparison_group(members, ids[traeger])
            headers = {"If-Match": f'"{version}"'} if version else {}
            answer = metrics[traeger].put(f"/v1/comparison-groups/{books.group}", json=body, headers=headers)
            assert answer.status_code == (200 if version else 201), answer.text


def wait_until_counted(metrics: Clients, *, seconds: float = 120) -> None:
    """Wait until metrics has counted everything that was committed."""
    for traeger, client in metrics.items():
        wait_for(
            lambda client=client: client.get("/v1/freshness").json()["lag_events"] == 0,  # type: ignore[misc] # bound now
            seconds=seconds,
            what=f"the figures of {traeger}",
        )


def check_world(metrics: Clients, world: World, sets: Iterable[ParameterSet], ids: Ids) -> Outcome:
    """Ask metrics, which must have counted the whole world, and compare every answer with the recount.

    Sets of `parameters.listing_sets` may stand among those of key figures. Fails with up to twenty differences.
    """
    outcome = Outcome()
    sets = list(sets)
    values = [asked for asked in sets if asked.kpi not in ("stocks", "flows")]
    listings = [asked for asked in sets if asked.kpi in ("stocks", "flows")]
    for question in (*questions(world, values, ids), *listing_questions(world, listings, ids)):
        outcome.judge(question, metrics[question.traeger].get(question.path, params=question.params))
    assert not outcome.differences, "\n".join(outcome.differences[:20])
    return outcome
