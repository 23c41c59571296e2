"""What a command says while it works. Everything here goes to stderr: stdout belongs to results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_WIDTH_OF_FILES = 120

Bar = Callable[[int, int | None], None]
"""Moves a progress bar: how much is done of how much (None: not known yet)."""


@dataclass(slots=True)
class Report:
    """Steps, notices and progress bars on stderr."""

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    def step(self, text: str) -> None:
        """What is being done now."""
        self.console.print(f"• {text}", style="dim", markup=False, soft_wrap=True)

    def notice(self, text: str) -> None:
        """Something the user did not ask for and should know."""
        self.console.print(f"teilhabe: {text}", style="yellow", markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, title: str) -> Iterator[Bar]:
        """A progress bar as long as the block runs; without a terminal only its last state is printed."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self.console) as progress:
            task = progress.add_task(title, total=None)

            def move(done: int, total: int | None) -> None:
                progress.update(task, completed=done, total=total)

            yield move


def results() -> Console:
    """Where results for people go: stdout, wide enough for a table also where it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH_OF_FILES)
