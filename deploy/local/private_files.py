"""Files that only their owner may read, written whole or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; it is readable for its owner only (0600), also while it is being written."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def write_private_json(path: Path, value: Any) -> None:
    """The same for a JSON value."""
    write_private(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The JSON value of a file, None when there is no such file."""
    return json.loads(path.read_text()) if path.exists() else None
