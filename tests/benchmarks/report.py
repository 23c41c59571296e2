"""What a benchmark returns, and the page it is written to."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number of one run. `bound`: what we promise; `kept`: whether this run kept it (None: no promise)."""

    name: str
    value: str
    bound: str = ""
    kept: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """The measurements of one benchmark with what a reader must know about how they were taken."""

    title: str
    method: str
    measurements: Sequence[Measurement]


def machine() -> str:
    """The machine in one line: processor, cores, memory, kernel, Python."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or "unknown processor",
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {memory / 2**20:.0f} GiB, {system}"


def render(sections: Sequence[Section], measured_on: date) -> str:
    """The page as Markdown."""
    lines = [
        "# Performance",
        "",
        f"Measured by `make bench` on {measured_on.isoformat()}: {machine()}.",
        "Ratios are between contenders of the same run; absolute rates belong to this machine.",
    ]
    for section in sections:
        lines += ["", f"## {section.title}", "", section.method, "", "| what | measured | promised | kept |"]
        lines += ["|---|---|---|---|"]
        for entry in section.measurements:
            kept = {None: "", True: "yes", False: "**no**"}[entry.kept]
            lines.append(f"| {entry.name} | {entry.value} | {entry.bound} | {kept} |")
    return "\n".join(lines) + "\n"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
