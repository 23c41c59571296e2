"""`python -m tests.operations`: after a whole test run, name the operations without a success or a refusal test.

A refusal is a 4xx that the operation itself gives; 401 and 403 are swept for all of them by `test_access_matrix`, so
they count only where an operation takes no input that could be refused otherwise.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.support.operations import FOLDER

DOCUMENTS = Path(__file__).parents[1] / "docs" / "openapi"
_ACCESS = {"401", "403"}


def documented() -> Iterator[tuple[str, str, str, bool]]:
    """Service, method, path and whether the operation takes any input."""
    for file in sorted(DOCUMENTS.glob("*.json")):
        for path, item in json.loads(file.read_text())["paths"].items():
            for method, operation in item.items():
                if isinstance(operation, dict) and "responses" in operation:
                    takes_input = bool(operation.get("parameters") or operation.get("requestBody"))
                    yield file.stem, method.upper(), path, takes_input


def seen() -> dict[tuple[str, str, str], set[str]]:
    """The statuses that the tests have met, by operation."""
    statuses: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for notes in FOLDER.glob("*.txt"):
        for line in notes.read_text().splitlines():
            service, method, path, status = line.split(" ")
            statuses[service, method, path].add(status)
    return statuses


def main() -> int:
    """Print what is missing; 1 if anything is."""
    statuses = seen()
    missing: list[str] = []
    operations = list(documented())
    for service, method, path, takes_input in operations:
        met = statuses[service, method, path]
        refusals = {status for status in met if status.startswith("4")}
        if not any(status.startswith("2") for status in met):
            missing.append(f"{service}: {method} {path} has no test of its success")
        if not (refusals - _ACCESS if takes_input else refusals):
            missing.append(f"{service}: {method} {path} has no test of a refusal")
    print("\n".join([*missing, f"{len(operations)} operations, {len(missing)} tests missing"]))
    return int(bool(missing) or not operations)


if __name__ == "__main__":
    sys.exit(main())
