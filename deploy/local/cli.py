"""The command `teilhabe`: local mode, nothing to install but Python packages.

Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong usage.
"""

import sys

import typer

from deploy.local.commands.backup import backup, restore
from deploy.local.commands.imports import import_file, simulate
from deploy.local.commands.kpis import kpis
from deploy.local.commands.parked import parked
from deploy.local.commands.rebuild import rebuild
from deploy.local.commands.token import token
from deploy.local.commands.up import up
from deploy.local.commands.verify import verify
from deploy.local.errors import CommandFailedError
from deploy.local.kafka_artefacts import KafkaFailedError
from deploy.local.postgres import PostgresFailedError

_EXPECTED = (CommandFailedError, KafkaFailedError, PostgresFailedError)


def build() -> typer.Typer:
    """The command with all its groups."""
    app = typer.Typer(
        name="teilhabe",
        help="Open backend to steer Teilhabe am Arbeitsleben: everything on this machine.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command in (up, token, simulate, kpis, verify, rebuild, backup, restore):
        app.command()(command)
    app.command("import")(import_file)
    app.add_typer(parked, name="parked", no_args_is_help=True)
    return app


def main() -> None:
    """Run the command line; what is expected to go wrong is one line on stderr and exit code 1."""
    try:
        build()()
    except _EXPECTED as error:
        sys.stderr.write(f"teilhabe: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
