"""`teilhabe token`: a bearer token of the local issuer."""

from datetime import timedelta
from typing import Annotated

import typer

from deploy.local.commands.options import DataDir, Tenant
from deploy.local.data_directory import DataDirectory
from deploy.local.tokens import Grant, issue_token, load_key
from shared.observability.clock import SystemClock


def token(
    data_dir: DataDir,
    tenant: Tenant,
    subject: Annotated[str, typer.Option("--sub", help="Who it is, as shown in histories.")],
    scope: Annotated[str, typer.Option("--scope", help="What it allows, separated by spaces.")],
    client: Annotated[str, typer.Option("--client-id", help="The client it is issued to.")] = "teilhabe-cli",
    role: Annotated[list[str] | None, typer.Option("--role", help="A role; may be repeated.")] = None,
    hours: Annotated[float, typer.Option("--hours", min=0.001, max=24 * 31, help="How long it is valid.")] = 8,
) -> None:
    """Print a bearer token for the three services, alone on stdout."""
    data = DataDirectory.existing(data_dir)
    grant = Grant(subject, client, tenant.value, scope, role or ())
    typer.echo(
        issue_token(
            load_key(data.key_file),
            data.issuer_url(),
            grant,
            lifetime=timedelta(hours=hours),
            now=SystemClock().now(),
        )
    )
