"""`teilhabe backup` and `teilhabe restore`."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from deploy.local import backup as backups
from deploy.local.access import running_postgres
from deploy.local.commands.options import DataDir
from deploy.local.data_directory import DataDirectory
from deploy.local.errors import CommandFailedError
from deploy.local.report import Report
from shared.observability.clock import SystemClock

File = Annotated[Path, typer.Argument(help="The backup: one file.")]


def backup(file: File, data_dir: DataDir) -> None:
    """Write the three databases to one file, also while everything runs."""
    data = DataDirectory.existing(data_dir)
    report = Report()
    if file.exists():
        raise CommandFailedError(f"{file} exists already; a backup never replaces a file")
    with running_postgres(data) as server:
        backups.write_backup(data, server, file, now=SystemClock().now(), step=report.step)
    typer.echo(file)


def restore(file: File, data_dir: DataDir) -> None:
    """Make a new data directory from a backup. Passwords and the key of the issuer are new; figures are the same."""
    if not file.exists():
        raise CommandFailedError(f"there is no file {file}")
    data = DataDirectory.create(data_dir)
    if data.postgres.exists():
        raise CommandFailedError(f"{data.path} holds databases already; restore into a new folder with --data-dir")
    report = Report()
    with backups.unpacked(file, data.path) as parts:
        try:
            with running_postgres(data) as server:
                backups.restore_backup(data, server, parts, step=report.step)
        except BaseException:
            shutil.rmtree(data.postgres, ignore_errors=True)  # half a restore is none
            raise
    typer.echo(data.path)
