"""Combinations of parameter values in which every pair that can go together does so at least once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from random import Random

Choice = dict[str, str]
Pair = tuple[str, str, str, str]
PLAIN = 0.9
"""How often the first value of a name is taken where none covers more: too many filters at once leave nothing."""
Possible = Callable[[Mapping[str, str]], bool]


def pairs_of(choice: Mapping[str, str]) -> Iterator[Pair]:
    """Every pair (name, value, name, value) in a combination, names ascending."""
    for (name, value), (other, second) in combinations(sorted(choice.items()), 2):
        yield name, value, other, second


def possible_pairs(levels: Mapping[str, Sequence[str]], possible: Possible) -> set[Pair]:
    """Every pair that is not excluded by itself."""
    found = set()
    for first, second in combinations(sorted(levels), 2):
        for value in levels[first]:
            for other in levels[second]:
                if possible({first: value, second: other}):
                    found.add((first, value, second, other))
    return found


def cover(levels: Mapping[str, Sequence[str]], possible: Possible, random: Random) -> list[Choice]:
    """Complete combinations that cover all possible pairs. `possible` judges incomplete combinations too.

    Greedy: each combination starts from a pair still missing and takes, name by name, the value that covers most.
    Raises ValueError for a pair that no complete combination can hold.
    """
    missing = possible_pairs(levels, possible)
    found: list[Choice] = []
    while missing:
        pair = min(missing)
        choice = _completed({pair[0]: pair[1], pair[2]: pair[3]}, levels, possible, random, missing)
        missing -= set(pairs_of(choice))
        found.append(choice)
    return found


def _completed(
    start: Choice, levels: Mapping[str, Sequence[str]], possible: Possible, random: Random, missing: set[Pair]
) -> Choice:
    for _ in range(40):
        choice = dict(start)
        names = [name for name in levels if name not in choice]
        random.shuffle(names)
        for name in names:
            fitting = [value for value in levels[name] if possible(choice | {name: value})]
            if not fitting:
                break
            random.shuffle(fitting)
            if levels[name][0] in fitting and random.random() < PLAIN:
                fitting.remove(levels[name][0])
                fitting.insert(0, levels[name][0])
            choice[name] = max(fitting, key=lambda value: _gain(choice, name, value, missing))
        else:
            return choice
    raise ValueError(start)


def _gain(choice: Choice, name: str, value: str, missing: set[Pair]) -> int:
    new = [
        (name, value, other, second) if name < other else (other, second, name, value)
        for other, second in choice.items()
    ]
    return sum(pair in missing for pair in new)


def random_choice(levels: Mapping[str, Sequence[str]], possible: Possible, random: Random, start: Choice) -> Choice:
    """One complete combination at random."""
    return _completed(start, levels, possible, random, set())
