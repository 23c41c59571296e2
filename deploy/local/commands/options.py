"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local.data_directory import default_path
from shared.kernel.mitgliedskoerperschaften import Traeger

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        default_factory=default_path,
        show_default=".local/teilhabe of the checkout, or $TEILHABE_DATA_DIR",
        help="The folder with databases, keys and logs.",
    ),
]
Tenant = Annotated[Traeger, typer.Option("--tenant", case_sensitive=False, help="The Landschaftsverband to act for.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
