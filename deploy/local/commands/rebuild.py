"""`teilhabe rebuild`: what was derived from events is derived again."""

from enum import StrEnum
from typing import Annotated

import psycopg
import typer

from deploy.local import lock
from deploy.local.access import running_postgres
from deploy.local.client import LocalClient
from deploy.local.commands.options import DataDir
from deploy.local.data_directory import DataDirectory
from deploy.local.report import Report
from deploy.postgres.rebuild import forget_figures
from shared.kernel.mitgliedskoerperschaften import Traeger


class Rebuildable(StrEnum):
    """What can be built anew."""

    METRICS = "metrics"


def rebuild(
    what: Annotated[Rebuildable, typer.Argument(help="The service whose figures are built anew.")], data_dir: DataDir
) -> None:
    """Forget everything that was folded and read the events again; figures are incomplete until that is done."""
    data = DataDirectory.existing(data_dir)
    report = Report()
    running = lock.held(data.path)
    with running_postgres(data) as server, psycopg.connect(server.conninfo(what.value)) as connection:
        forget_figures(connection)
    if not running:
        typer.echo(f"{what.value} begins anew with the next `teilhabe up`")
        return
    for traeger in Traeger:
        with LocalClient(data, traeger.value) as client, report.bar(f"events of the {traeger.value}") as bar:
            client.wait_for_figures(bar)
    typer.echo(f"{what.value} has read every event again")
