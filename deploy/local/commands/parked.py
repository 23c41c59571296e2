"""`teilhabe parked`: commands that a consumer could not give their effect, listed and resolved."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.local.access import running_postgres
from deploy.local.commands.options import DataDir, Json
from deploy.local.data_directory import DataDirectory
from deploy.local.environment import worker_url
from deploy.local.errors import CommandFailedError
from deploy.local.postgres import PostgresServer
from deploy.local.report import results
from services.budgets.consumers import GrantHandler
from services.metrics.consumers import MovementHandler
from shared.db.engine import create_engine
from shared.events.parking import NotParkedError, ParkedCommand, discard, list_parked, resolve
from shared.events.ports import Handler
from shared.observability.clock import SystemClock
from shared.observability.identifiers import new_id

HANDLERS: Mapping[str, Callable[[], Handler]] = {
    "budgets": lambda: GrantHandler(clock=SystemClock(), new_id=new_id),
    "metrics": MovementHandler,
}
"""How each consumer gives commands their effect."""

parked = typer.Typer(help="Commands that a consumer could not apply: they are set aside and block nobody.")


@parked.command("list")
def list_commands(data_dir: DataDir, as_json: Json = False) -> None:
    """List what waits to be resolved, with the id that `resolve` takes."""
    data = DataDirectory.existing(data_dir)
    with running_postgres(data) as server:
        found = asyncio.run(_list(data, server))
    if as_json:
        typer.echo(json.dumps({"parked": found}, ensure_ascii=False))
        return
    table = Table("id", "Träger", "subject", "events", "since", "reason", box=None, header_style="bold")
    for row in found:
        table.add_row(row["id"], row["tenant"], row["subject"], str(row["events"]), row["parked_at"], row["reason"])
    results().print(table if found else "nothing is parked")


@parked.command("resolve")
def resolve_command(
    command_id: Annotated[str, typer.Argument(metavar="ID", help="As `parked list` shows it: metrics/cases/7/12.")],
    data_dir: DataDir,
    drop: Annotated[bool, typer.Option("--discard", help="Decide that it never gets an effect.")] = False,
) -> None:
    """Try again to give a parked command its effect, now that its cause is gone; or discard it."""
    service, source, part, first_seq = _parse(command_id)
    data = DataDirectory.existing(data_dir)
    with running_postgres(data) as server:
        applied = asyncio.run(_resolve(data, server, service, source, part, first_seq, drop=drop))
    typer.echo(f"{command_id}: " + ("discarded" if drop else f"{applied} events applied"))


async def _list(data: DataDirectory, server: PostgresServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for service in HANDLERS:
        async with _engine(data, server, service) as engine, engine.connect() as connection:
            found += [_row(service, entry) for entry in await list_parked(connection)]
    return found


def _row(service: str, entry: ParkedCommand) -> dict[str, Any]:
    return {
        "id": f"{service}{entry.source}/{entry.part}/{entry.first_seq}",
        "tenant": entry.tenant,
        "subject": entry.subject,
        "types": list(entry.types),
        "events": entry.last_seq - entry.first_seq + 1,
        "reason": entry.reason,
        "parked_at": entry.parked_at.isoformat(timespec="seconds"),
    }


async def _resolve(
    data: DataDirectory, server: PostgresServer, service: str, source: str, part: int, first_seq: int, *, drop: bool
) -> int:
    now = SystemClock().now()
    async with _engine(data, server, service) as engine:
        try:
            if drop:
                outcome = await discard(engine, source=source, part=part, first_seq=first_seq, now=now)
            else:
                handler = HANDLERS[service]()
                outcome = await resolve(engine, handler, source=source, part=part, first_seq=first_seq, now=now)
        except NotParkedError as error:
            raise CommandFailedError("no such command is parked; `teilhabe parked list` shows what is") from error
        except Exception as error:  # whatever the handler says: the command stays parked
            raise CommandFailedError(f"it stays parked: {error}") from error
    return outcome.applied


@asynccontextmanager
async def _engine(data: DataDirectory, server: PostgresServer, service: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(
        worker_url(service, server, data.secrets()), application_name="teilhabe-parked", pool_size=1
    )
    try:
        yield engine
    finally:
        await engine.dispose()


def _parse(command_id: str) -> tuple[str, str, int, int]:
    try:
        service, source, part, first_seq = command_id.split("/")
        if service in HANDLERS:
            return service, f"/{source}", int(part), int(first_seq)
    except ValueError:
        pass
    raise typer.BadParameter(f"{command_id!r} is no id that `teilhabe parked list` shows", param_hint="ID")
