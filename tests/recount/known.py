"""What was known of everybody on a day, and where everybody was on each day by that knowledge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tests.recount.book import Book
from tests.recount.model import Cell, Movement
from tests.recount.worlds import Books

NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Person:
    """The movements of a person, and for every day since the first the number of the cell they are in."""

    movements: Sequence[Movement]
    days: Sequence[int]


class Chronicle:
    """Answers "where was who, as known on …" for one Träger, from the first fact ever told up to today."""

    def __init__(self, books: Books, today: date) -> None:
        self._books = books
        self.first_day = _first_day(books, today)
        self.last_day = today
        self.cells: list[Cell] = []
        self._numbers: dict[Cell, int] = {}
        self._versions = [self._all_versions(number) for number in range(len(books.histories))]
        self._people: dict[tuple[int, ...], list[Person]] = {}

    def people(self, known_on: date | None) -> list[Person]:
        """Everybody by the commands recorded on that day at the latest; None takes all commands."""
        versions = tuple(
            sum(known_on is None or command.recorded_on <= known_on for command in history.commands)
            for history in self._books.histories
        )
        if versions not in self._people:
            self._people[versions] = [known[v] for known, v in zip(self._versions, versions, strict=True)]
        return self._people[versions]

    def index(self, day: date) -> int:
        """The place of a day in `Person.days`; below zero before the first day."""
        return (day - self.first_day).days

    def _all_versions(self, number: int) -> list[Person]:
        """The person before the first command and after each of them."""
        history = self._books.histories[number]
        book = Book(history.registration)
        people = [self._person([])]
        for command in history.commands:
            book, movements = book.apply(command, self._books.providers, self._books.traeger)
            people.append(self._person(movements))
        return people

    def _person(self, movements: Sequence[Movement]) -> Person:
        """All days in a row: a fact of a day holds from that day on until the next; the last one of a day wins."""
        days: list[int] = []
        cell = NOWHERE
        for movement in movements:
            if movement.effective_on > self.last_day:
                break
            days += [cell] * (self.index(movement.effective_on) - len(days))
            cell = self._number(movement.target)
        days += [cell] * (self.index(self.last_day) + 1 - len(days))
        return Person(movements, days)

    def _number(self, cell: Cell | None) -> int:
        if cell is None:
            return NOWHERE
        if cell not in self._numbers:
            self._numbers[cell] = len(self.cells)
            self.cells.append(cell)
        return self._numbers[cell]


def _first_day(books: Books, today: date) -> date:
    days = [today]
    for history in books.histories:
        book = Book(history.registration)
        for command in history.commands:
            book, movements = book.apply(command, books.providers, books.traeger)
            days += [movement.effective_on for movement in movements]
    return min(days)
