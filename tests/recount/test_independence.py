"""The recount must not share a line with what it checks."""

import ast
import sys
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.glob("*.py"))
COUNTING = [path for path in FILES if not path.name.startswith("test_")]


def imported(path: Path) -> set[str]:
    """Full names of the modules a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", COUNTING, ids=lambda path: path.name)
def test_only_the_standard_library_and_the_recount_itself_are_imported(path: Path) -> None:
    for name in imported(path):
        top = name.split(".")[0]
        assert top in sys.stdlib_module_names or name == "tests.recount" or name.startswith("tests.recount."), name
        assert name not in ("importlib", "runpy")


def test_all_files_of_the_recount_are_looked_at() -> None:
    assert {"rules.py", "figures.py", "known.py", "worlds.py", "parameters.py"} <= {path.name for path in COUNTING}
