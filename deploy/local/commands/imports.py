"""`teilhabe simulate` and `teilhabe import`: case histories as a file, and a file of them into the system."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.client import LocalClient
from deploy.local.commands.options import DataDir, Json, Tenant
from deploy.local.data_directory import DataDirectory
from deploy.local.errors import CommandFailedError
from deploy.local.report import Report
from deploy.local.scenario.simulation import write_simulation
from shared.kernel.mitgliedskoerperschaften import Traeger


def simulate(
    people: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many people.")],
    years: Annotated[int, typer.Option(min=1, max=50, help="Over how many years.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    tenant: Tenant = Traeger.LWL,
) -> None:
    """Write invented case histories as NDJSON, one line per person, for `teilhabe import` as the same Träger."""
    try:
        write_simulation(out, people, years, seed, tenant.value)
    except OSError as error:
        raise CommandFailedError(f"cannot write {out}: {error.strerror}") from error
    typer.echo(out)


def import_file(
    file: Annotated[Path, typer.Argument(help="Import lines as NDJSON.")],
    data_dir: DataDir,
    tenant: Tenant = Traeger.LWL,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line, take none.")] = False,
    as_json: Json = False,
) -> None:
    """Load a file through the public import; exit 1 when a line was refused. The same file again changes nothing."""
    if not file.is_file():
        raise CommandFailedError(f"there is no file {file}")
    report = Report()
    with LocalClient(DataDirectory.existing(data_dir), tenant.value) as client:
        import_id = client.import_file(file, dry_run=dry_run)
        with report.bar("checking" if dry_run else "importing") as bar:
            status = client.wait_for_import(import_id, bar)
    _print(status, report, as_json=as_json)
    if status["lines_refused"]:
        raise CommandFailedError(f"{status['lines_refused']} of {status['lines_total']} lines were refused")


def _print(status: dict[str, Any], report: Report, *, as_json: bool) -> None:
    for problem in status["problems"]:
        report.notice(f"line {problem['line']} ({problem['external_ref']}): {problem['title']}: {problem['detail']}")
    if as_json:
        typer.echo(json.dumps(status, ensure_ascii=False))
    else:
        counts = ", ".join(f"{status[f'lines_{name}']} {name}" for name in ("taken", "unchanged", "refused"))
        typer.echo(f"import {status['id']}: {status['lines_total']} lines, {counts}")
