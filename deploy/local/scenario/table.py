"""The table of the nTA evaluation: our value by the API beside the published one, and why not where not."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce
from importlib.resources import files
from typing import Any

import httpx

from deploy.local.scenario.werkstaetten import WHOLE_MODEL_MKS, providers

GROUP_ID = "nta-modell"
EQUAL = "EQUAL"
DIFFERS = "DIFFERS"
NOT_REPRODUCIBLE = "NOT_REPRODUCIBLE"

Ask = Callable[[str, Mapping[str, str]], Any]
"""Asks a service: path and query parameters -> JSON body. Raises whatever its maker does when it is refused."""


@dataclass(frozen=True, slots=True)
class Term:
    """One number of an answer: a field of the item whose `group` is `row`."""

    path: str
    params: Mapping[str, str]
    row: str
    field: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table. `digits` is the printed precision (-3: printed in thousands)."""

    figure: str
    group: str
    period: str
    published: str
    terms: tuple[Term, ...]
    take: str
    digits: int
    reason: str | None


TAKE: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "SUM": lambda first, second: first + second,
    "DIFFERENCE": lambda first, second: first - second,
    "PERCENT_ABOVE": lambda first, second: (first / second - 1) * 100,
}
"""What is done with two numbers; a `VALUE` is one number as it is."""


def table_lines() -> list[Line]:
    """The rows in the order of the evaluation, from the data files of this package."""
    folder = files("deploy.local.scenario")
    rows = csv.DictReader((folder / "published.csv").read_text("utf-8").splitlines())
    published = {row["figure_id"]: row["value"] for row in rows}
    return [
        Line(
            figure=told["figure"],
            group=told["group"],
            period=told["period"],
            published=published[told["figure"]],
            terms=tuple(Term(**term) for term in told["of"]),
            take=told["take"],
            digits=told["digits"],
            reason=told["reason"],
        )
        for told in json.loads((folder / "table.json").read_text("utf-8"))
    ]


def asking(client: httpx.Client) -> Ask:
    """Ask through a client whose base URL is the service. Raises `httpx.HTTPStatusError` when refused."""

    def ask(path: str, params: Mapping[str, str]) -> Any:
        answer = client.get(path, params=params)
        answer.raise_for_status()
        return answer.json()

    return ask


def table_rows(ask_metrics: Ask) -> list[dict[str, str | None]]:
    """The rows of `teilhabe up --json`. Every value comes from an answer of the metrics API."""
    answers: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}

    def number(term: Term) -> Decimal | None:
        key = (term.path, tuple(sorted(term.params.items())))
        if key not in answers:
            answers[key] = ask_metrics(term.path, term.params)
        (item,) = [item for item in answers[key]["items"] if item["group"] == term.row]
        return None if item[term.field] is None else Decimal(str(item[term.field]))

    return [_row(line, [number(term) for term in line.terms]) for line in table_lines()]


def _row(line: Line, numbers: Sequence[Decimal | None]) -> dict[str, str | None]:
    value = _combined(line.take, numbers)
    verdict, reason = NOT_REPRODUCIBLE, line.reason
    if reason is None and value is None:
        verdict, reason = DIFFERS, "the API gives no value"
    elif reason is None and value is not None:
        printed = rounded(value, line.digits)
        equal = printed == Decimal(line.published)
        verdict, reason = (EQUAL, None) if equal else (DIFFERS, f"rounded as printed this is {printed}")
    return {
        "figure": line.figure,
        "group": line.group,
        "period": line.period,
        "value": None if value is None else _text(value),
        "published": line.published,
        "verdict": verdict,
        "reason": reason,
    }


def _combined(take: str, numbers: Sequence[Decimal | None]) -> Decimal | None:
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers) or (take == "PERCENT_ABOVE" and known[-1] == 0):
        return None
    return known[0] if take == "VALUE" else reduce(TAKE[take], known)


def rounded(value: Decimal, digits: int) -> Decimal:
    """Half away from zero, as a number that compares with a printed one."""
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _text(value: Decimal) -> str:
    """At most four decimals, none that say nothing."""
    text = f"{rounded(value, 4):f}"
    return text.rstrip("0").rstrip(".")


def provider_ids(ask_cases: Ask) -> dict[str, str]:
    """external_ref -> id of all providers of the Träger, page by page."""
    found: dict[str, str] = {}
    cursor: str | None = ""
    while cursor is not None:
        body = ask_cases("/v1/providers", {"limit": "200"} | ({"cursor": cursor} if cursor else {}))
        found |= {item["external_ref"]: item["id"] for item in body["items"] if item["external_ref"]}
        cursor = body["next_cursor"]
    return found


def comparison_group(ids: Mapping[str, str]) -> dict[str, Any]:
    """The body that sets `nta-modell`, given the ids of the providers by external_ref.

    Herford and Bochum took part in part: by one of their providers, not as Mitgliedskörperschaften. So their
    Werkstattalternativen, which have no provider, count in the base.
    """
    members: list[dict[str, Any]] = [{"provider_id": ids[p.ref]} for p in providers() if p.modell]
    members += [{"mitgliedskoerperschaft": ags} for ags in WHOLE_MODEL_MKS]
    return {
        "title": "Modellregionen der nTA-Evaluation",
        "members": [member | {"valid_from": None, "valid_to": None} for member in members],
    }
