"""What a container runs: `web`, `worker [loop …]`, `prepare` or `topics`.

A variable `NAME_FILE` names a file whose content becomes `NAME`: so secrets come as files and are in no listing of
the container. The service is the one that the image was built for.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_SUFFIX = "_FILE"


class UsageError(Exception):
    """The command of the container is none of ours."""


def resolve_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with every `NAME_FILE` replaced by `NAME`."""
    resolved = dict(environment)
    for name in environment:
        if name.endswith(_SUFFIX):
            resolved[name.removesuffix(_SUFFIX)] = Path(resolved.pop(name)).read_text().strip()
    return resolved


def command(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The Python command line for what was asked. Raises `UsageError`."""
    match arguments:
        case ["web"]:
            app = f"services.{environment['SERVICE']}.main:app_from_environment"
            where = ["--host", "0.0.0.0", "--port", "8000"]  # noqa: S104 - the container's own network
            limits = ["--no-access-log", "--timeout-graceful-shutdown", "10"]
            return [sys.executable, "-m", "uvicorn", "--factory", app, *where, *limits]
        case ["worker", *loops]:
            return [sys.executable, "-m", f"services.{environment['SERVICE']}.worker", *loops]
        case ["prepare"]:
            return [sys.executable, "-m", "deploy.postgres.prepare"]
        case ["topics"]:
            return [sys.executable, "-m", "deploy.kafka.topics", environment["KAFKA_BOOTSTRAP"]]
    raise UsageError("use: web | worker [loop …] | prepare | topics")


def main(arguments: Sequence[str]) -> None:
    """Become the command: it gets the container's signals itself."""
    environment = resolve_files(os.environ)
    line = command(arguments, environment)
    os.execve(line[0], line, environment)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main(sys.argv[1:])
