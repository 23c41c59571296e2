"""What the random worlds and questions hold, so that a comparison with them means something."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from itertools import pairwise

import pytest

from tests.recount import pairs, parameters
from tests.recount.book import Book, Class, RefusedError
from tests.recount.definitions import FIGURES
from tests.recount.figures import Recount, Row
from tests.recount.model import Add, Amend, Cancel, Command, Movement
from tests.recount.query import UnanswerableError
from tests.recount.signed import differences
from tests.recount.wire import import_lines
from tests.recount.worlds import World, final_state, random_world, retold

TODAY = date(2023, 8, 15)
SEEDS = range(20)
Worlds = Mapping[int, World]


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    return {seed: random_world(seed, TODAY) for seed in SEEDS}


@pytest.fixture(scope="module")
def recounts(worlds: Worlds) -> dict[int, dict[str, Recount]]:
    return {
        seed: {traeger: Recount(books, TODAY) for traeger, books in world.books.items()}
        for seed, world in worlds.items()
    }


@pytest.fixture(scope="module")
def choices() -> list[pairs.Choice]:
    return parameters.abstract_sets()


def test_twenty_worlds_hold_a_thousand_histories_with_everything_that_can_happen(worlds: Worlds) -> None:
    assert sum(world.size for world in worlds.values()) == 1000
    seen: Counter[str] = Counter()
    for world in worlds.values():
        for books in world.books.values():
            for history in books.histories:
                _, movements = final_state(history, books.providers, books.traeger)
                seen.update(_features(movements, world.today))
                for command in history.commands:
                    seen.update(type(change).__name__ for change in command.changes)
                    seen["combined"] += len({type(change) for change in command.changes}) > 1
    assert min(seen[change.__name__] for change in (Add, Amend, Cancel)) > 400
    assert seen["combined"] > 60
    for feature in ("same day", "zero days", "future", "decided apart", "TOD", "outside"):
        assert seen[feature] > 20, feature
    for kind in ("RUECKKEHR", "AUFNAHME_ZUVERDIENST", "FOLGEFOERDERUNG", "UEBERGANG", "Späterzugang"):
        assert seen[kind] > 60, kind


def _features(movements: list[Movement], today: date) -> Counter[str]:
    found: Counter[str] = Counter(movement.kind for movement in movements)
    for movement, after in pairwise(movements):
        found["same day"] += movement.effective_on == after.effective_on
        found["zero days"] += movement.effective_on == after.effective_on and movement.target is not None
    for movement in movements:
        found["future"] += movement.effective_on > today
        found["decided apart"] += movement.decided_on not in (None, movement.effective_on)
        found["TOD"] += movement.reason == "TOD"
        found["outside"] += movement.target is not None and movement.target.provider_mk == "99999"
        found["Späterzugang"] += movement.alternative_on is not None
    return found


def test_a_world_is_the_same_for_the_same_seed(choices: list[pairs.Choice]) -> None:
    first, second = random_world(3, TODAY), random_world(3, TODAY)
    for traeger in first.books:
        assert list(import_lines(first.books[traeger])) == list(import_lines(second.books[traeger]))
    assert parameters.parameter_sets(first, choices) == parameters.parameter_sets(second, choices)


def test_import_lines_are_dated_commands_in_ascending_order_and_never_in_the_future(worlds: Worlds) -> None:
    for books in worlds[0].books.values():
        lines = [json.loads(line) for line in import_lines(books)]
        assert [("provider" in line) for line in lines] == sorted(
            ("provider" in line for line in lines), reverse=True
        )
        for line in lines[len(books.providers) :]:
            days = [command["recorded_on"] for command in line["commands"]]
            assert days == sorted(days)
            assert days[-1] <= TODAY.isoformat()


def test_refused_commands_come_in_both_classes(worlds: Worlds) -> None:
    found: Counter[Class] = Counter()
    for world in worlds.values():
        for books in world.books.values():
            for illegal in books.illegal:
                history = next(history for history in books.histories if history.ref == illegal.case)
                book, _ = final_state(history, books.providers, books.traeger)
                with pytest.raises(RefusedError) as caught:
                    book.apply(Command(world.today, illegal.changes), books.providers, books.traeger)
                assert caught.value.answer is illegal.answer
                found[illegal.answer] += 1
    assert min(found[Class.CONFLICT], found[Class.INVALID]) > 200


def test_signed_movements_add_up_to_the_timeline_after_every_command(worlds: Worlds) -> None:
    for books in worlds[1].books.values():
        for history in books.histories:
            sums: Counter[Movement] = Counter()
            book, before = Book(history.registration), list[Movement]()
            for command in history.commands:
                book, after = book.apply(command, books.providers, books.traeger)
                for signed in differences(before, after):
                    sums[signed.movement] += signed.sign
                assert {m for m, count in sums.items() if count} == set(after)
                assert set(sums.values()) <= {0, 1}
                before = after


def test_histories_can_be_told_again_today(worlds: Worlds) -> None:
    for books in worlds[2].books.values():
        again = retold(books, TODAY)
        assert sum(len(history.commands) for history in again) > len(books.histories)
        for history in again:
            final_state(history, books.providers, books.traeger)


def test_all_pairs_of_parameter_values_are_asked_and_every_figure_often_enough(choices: list[pairs.Choice]) -> None:
    possible = pairs.possible_pairs(parameters.LEVELS, parameters.possible)
    asked = {pair for choice in choices for pair in pairs.pairs_of(choice)}
    assert possible <= asked
    assert len(choices) >= 300
    assert all(parameters.possible(choice) for choice in choices)
    excluded = {("attribution", "PAYER", "group_by", "PROVIDER"), ("cohort", "month", "figure", "bestand_aap")}
    assert not excluded & possible


def test_every_figure_is_answered_two_hundred_times_and_not_always_with_nothing(
    worlds: Worlds, recounts: dict[int, dict[str, Recount]], choices: list[pairs.Choice]
) -> None:
    answered: Counter[str] = Counter()
    telling: Counter[str] = Counter()
    known: Counter[bool] = Counter()
    for world in worlds.values():
        for asked in parameters.parameter_sets(world, choices):
            ids = {ref: ref for ref in world.books[asked.traeger].providers}
            try:
                items = _items(recounts[world.seed][asked.traeger], asked.kpi, asked.query(ids))
            except UnanswerableError:
                continue
            answered[asked.kpi] += 1
            telling[asked.kpi] += any(row["numerator"] for row in items)
            known["known_on" in asked.params] += 1
    assert set(answered) == set(FIGURES)
    assert min(answered.values()) >= 200
    assert min(telling.values()) >= 50
    assert min(known.values()) > 1000


def _items(recount: Recount, kpi: str, params: dict[str, str]) -> list[Row]:
    items = recount.values(kpi, params)["items"]
    assert isinstance(items, list)
    return items


@pytest.mark.parametrize("kpi", FIGURES)
def test_the_sum_over_groups_is_the_total(kpi: str, recounts: dict[int, dict[str, Recount]]) -> None:
    params = {"period_from": "2021", "period_to": "2023", "window": "ROLLING_4"}
    if FIGURES[kpi].share:
        params["disability"] = "SEELISCH"
    if kpi == "rueckkehrquote_kohorte":
        params |= {"cohort_from": "2018", "cohort_to": "2021-Q4"}
    for recount in recounts[4].values():
        totals = {row["period"]: row for row in _items(recount, kpi, params)}
        for group_by in ("MITGLIEDSKOERPERSCHAFT", "PROVIDER", "DISABILITY", "COMPARISON_GROUP"):
            grouped = params | {"group_by": group_by}
            if group_by == "COMPARISON_GROUP":
                grouped["comparison_group"] = "modell"
            sums: Counter[object] = Counter()
            for row in _items(recount, kpi, grouped):
                numerator = row["numerator"]
                assert isinstance(numerator, int)
                sums[row["period"]] += numerator
            assert sums == Counter({period: row["numerator"] for period, row in totals.items()})
