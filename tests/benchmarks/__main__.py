"""`python -m tests.benchmarks [NAME …]`: run the benchmarks one after the other and write `docs/performance.md`.

A benchmark is a module `bench_<name>.py` here with a function `measure() -> Section`. With names, only those run
and the result goes to standard output alone.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from shared.kernel.clock import berlin_day
from shared.observability.clock import SystemClock
from tests.benchmarks.report import PAGE, Section, render


def names() -> list[str]:
    """All benchmarks, in the order of their names."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main(wanted: Sequence[str]) -> int:
    """Run the benchmarks; the exit code is 1 when a promise was not kept."""
    sections: list[Section] = []
    for name in wanted or names():
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        sections.append(import_module(f"tests.benchmarks.bench_{name}").measure())
    page = render(sections, berlin_day(SystemClock().now()))
    print(page)
    if not wanted:
        PAGE.write_text(page)
    return int(any(entry.kept is False for section in sections for entry in section.measurements))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
