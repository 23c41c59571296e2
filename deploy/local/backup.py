"""Backup and restore: one file with the three databases, and logs that go on under new epochs.

Consumers are dumped before the services they read from, so no checkpoint in the file stands behind the end of a log
in it: after a restore every consumer goes on with exactly the event that follows.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from deploy.local.data_directory import DataDirectory
from deploy.local.environment import PRODUCERS
from deploy.local.errors import CommandFailedError
from deploy.local.postgres import SUPERUSER, PostgresServer, binaries
from deploy.local.private_files import read_json, write_private_json
from deploy.postgres.bootstrap import bootstrap
from deploy.postgres.epochs import open_epoch

FORMAT = 1
_CONSUMERS_FIRST = ("metrics", "budgets", "cases")
_MANIFEST = "manifest.json"
_SCENARIO = "scenario.json"  # as in the data directory

Step = Callable[[str], None]


def write_backup(data: DataDirectory, server: PostgresServer, file: Path, *, now: datetime, step: Step) -> None:
    """Dump the three databases into one file; the services may go on working. It appears whole or not at all."""
    with _work_folder(file.absolute().parent) as work:
        for service in _CONSUMERS_FIRST:
            step(f"dumping {service}")
            _run(server, "pg_dump", "--format=custom", f"--file={work / service}.dump", f"--dbname={service}")
        write_private_json(work / _MANIFEST, {"format": FORMAT, "written_at": now.isoformat()})
        kept = read_json(data.scenario_file)
        if kept is not None:
            write_private_json(work / _SCENARIO, kept)
        fresh = work / "backup"
        with tarfile.open(fresh, "w") as archive:
            for name in sorted(path.name for path in work.iterdir() if path != fresh):
                archive.add(work / name, name)
        fresh.chmod(0o600)
        fresh.replace(file)


@contextmanager
def unpacked(file: Path, parent: Path) -> Iterator[Path]:
    """The parts of a backup in a folder that is gone after the block. Raises `CommandFailedError` if it is none."""
    with _work_folder(parent) as work:
        _unpack(file, work)
        yield work


def restore_backup(data: DataDirectory, server: PostgresServer, parts: Path, *, step: Step) -> None:
    """Fill the empty cluster of a new data directory from the parts of a backup. Raises `CommandFailedError`."""
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        bootstrap(connection, data.secrets().roles)
    for service in _CONSUMERS_FIRST:
        step(f"restoring {service}")
        _run(server, "pg_restore", "--exit-on-error", f"--dbname={service}", str(parts / f"{service}.dump"))
    step("opening new epochs")
    _open_epochs(server)
    kept = read_json(parts / _SCENARIO)
    if kept is not None:
        write_private_json(data.scenario_file, kept)


def _open_epochs(server: PostgresServer) -> None:
    with ExitStack() as stack:
        databases = {
            service: stack.enter_context(psycopg.connect(server.conninfo(service))) for service in _CONSUMERS_FIRST
        }
        producers = {producer for names in PRODUCERS.values() for producer in names}
        for producer in sorted(producers):
            readers = [databases[service] for service, names in PRODUCERS.items() if producer in names]
            open_epoch(producer, databases[producer], readers, reason="restored from a backup")


def _unpack(file: Path, work: Path) -> None:
    """Take the members we know out of the archive, and nothing else."""
    try:
        with tarfile.open(file, "r:") as archive:
            for name in _members():
                member = archive.extractfile(name) if name in archive.getnames() else None
                if member is not None:
                    with member, (work / name).open("wb") as target:
                        shutil.copyfileobj(member, target)
    except (OSError, tarfile.TarError) as error:
        raise CommandFailedError(f"{file} is no backup of teilhabe: {error}") from error
    manifest: dict[str, Any] = read_json(work / _MANIFEST) or {}
    missing = [name for name in _members() if name != _SCENARIO and not (work / name).exists()]
    if missing or manifest.get("format") != FORMAT:
        raise CommandFailedError(f"{file} is no backup that this version of teilhabe can read")


def _members() -> list[str]:
    return [_MANIFEST, _SCENARIO, *(f"{service}.dump" for service in _CONSUMERS_FIRST)]


@contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    """A private folder beside the target, so that the last step is a rename."""
    try:
        work = Path(tempfile.mkdtemp(dir=parent, prefix=".teilhabe-"))
    except OSError as error:
        raise CommandFailedError(f"cannot write to {parent}: {error.strerror}") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(server: PostgresServer, program: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs, as superuser. Raises `CommandFailedError` with what it says last."""
    where = ["--host=127.0.0.1", f"--port={server.port}", f"--username={SUPERUSER}", "--no-password"]
    done = subprocess.run(  # noqa: S603 - a program of the wheel, our own arguments
        [str(binaries() / program), *where, *arguments],
        env={**os.environ, "PGPASSWORD": server.password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CommandFailedError(f"{program} failed: {said[-1] if said else f'exit code {done.returncode}'}")
