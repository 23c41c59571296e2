"""Ask the product and the recount the same question, and say in one line where they differ."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.recount.figures import Recount
from tests.recount.listings import flows, stocks
from tests.recount.parameters import ParameterSet
from tests.recount.query import UnanswerableError
from tests.recount.worlds import World


class Answer(Protocol):
    """What came back: both kinds of httpx clients give this."""

    @property
    def status_code(self) -> int: ...

    @property
    def text(self) -> str: ...

    def json(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Question:
    """A path with its parameters, to one Träger, and what the recount says: None if it cannot be answered."""

    traeger: str
    path: str
    params: Mapping[str, Any]
    expected: Mapping[str, Any] | None


@dataclass(slots=True)
class Outcome:
    """How many questions were answered alike, and where not."""

    answered: int = 0
    refused: int = 0
    differences: list[str] = field(default_factory=list)

    def judge(self, question: Question, answer: Answer) -> None:
        """Compare one answer with what the recount says."""
        asked = f"{question.traeger} {question.path} {dict(question.params)}"
        if question.expected is None:
            self.refused += 1
            if answer.status_code != 422:
                self.differences.append(f"{asked}: {answer.status_code} where 422 is right")
            return
        self.answered += 1
        if answer.status_code != 200:
            self.differences.append(f"{asked}: {answer.status_code} {answer.text[:300]}")
            return
        body = answer.json()
        for name, value in question.expected.items():
            if name != "items" and body[name] != value:
                self.differences.append(f"{asked}: {name} is {body[name]}, not {value}")
        self.differences += [
            f"{asked}: {line}" for line in row_differences(body["items"], question.expected["items"])
        ]


def row_differences(found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Rows that are missing, too many, in another order, or hold other numbers."""
    keys = [(row.get("period") or row.get("on"), row["group"]) for row in found]
    wanted = [(row.get("period") or row.get("on"), row["group"]) for row in expected]
    if keys != wanted:
        yield f"rows {keys} instead of {wanted}"
        return
    for row, right in zip(found, expected, strict=True):
        wrong = {name: (row[name], value) for name, value in right.items() if row[name] != value}
        if wrong:
            yield f"{right.get('period') or right.get('on')} {right['group']}: (found, right) {wrong}"


def questions(world: World, sets: Iterable[ParameterSet], ids: Mapping[str, Mapping[str, str]]) -> Iterator[Question]:
    """The parameter sets as questions with the answers of the recount; `ids` by Träger and reference."""
    recounts = recounts_of(world, ids)
    for asked in sets:
        params = asked.query(ids[asked.traeger])
        try:
            expected = recounts[asked.traeger].values(asked.kpi, params)
        except UnanswerableError:
            yield Question(asked.traeger, f"/v1/kpis/{asked.kpi}/values", params, None)
            continue
        if expected["known_on"] is None:
            del expected["known_on"]
        yield Question(asked.traeger, f"/v1/kpis/{asked.kpi}/values", params, expected)


def listing_questions(
    world: World, sets: Iterable[ParameterSet], ids: Mapping[str, Mapping[str, str]]
) -> Iterator[Question]:
    """Parameter sets of plain stocks and flows as questions; `kpi` is `stocks` or `flows`."""
    recounts = recounts_of(world, ids)
    for asked in sets:
        params: dict[str, Any] = asked.query(ids[asked.traeger])
        name, count = ("phase", stocks) if asked.kpi == "stocks" else ("kind", flows)
        several = params.pop(name).split()
        try:
            expected = {"items": count(recounts[asked.traeger], several, params)}
        except UnanswerableError:
            yield Question(asked.traeger, f"/v1/{asked.kpi}", params | {name: several}, None)
            continue
        yield Question(asked.traeger, f"/v1/{asked.kpi}", params | {name: several}, expected)


def recounts_of(world: World, ids: Mapping[str, Mapping[str, str]]) -> dict[str, Recount]:
    """A recount per Träger that knows the providers by their ids."""
    return {traeger: Recount(books, world.today, ids[traeger]) for traeger, books in world.books.items()}
