"""`teilhabe verify`: the running sums are counted again from the movements."""

import asyncio
import json
from dataclasses import asdict

import typer

from deploy.local.access import running_postgres
from deploy.local.commands.options import DataDir, Json
from deploy.local.data_directory import DataDirectory
from deploy.local.environment import worker_url
from deploy.local.errors import CommandFailedError
from deploy.local.report import Report
from services.metrics.service.verification import Comparison
from services.metrics.service.verification import verify as compare
from shared.db.engine import create_engine


def verify(data_dir: DataDir, as_json: Json = False) -> None:
    """Recompute every cube from the movements and compare; exit 1 on any difference. Nothing is changed."""
    data = DataDirectory.existing(data_dir)
    with running_postgres(data) as server:
        found = asyncio.run(_compare(worker_url("metrics", server, data.secrets())))
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False))
    else:
        typer.echo(f"{found.movements} movements, {found.rows} rows of sums, {found.differences} differences")
    if found.differences:
        report = Report()
        for example in found.examples:
            report.notice(f"differs: {example}")
        raise CommandFailedError(f"{found.differences} sums differ; `teilhabe rebuild metrics` counts all anew")


async def _compare(url: str) -> Comparison:
    engine = create_engine(url, application_name="teilhabe-verify", pool_size=1)
    try:
        return await compare(engine)
    finally:
        await engine.dispose()
