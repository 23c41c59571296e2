"""Roles, databases and tables of the three services: `python -m deploy.postgres.prepare`. Safe to run twice.

From the environment: PREPARE_ADMIN (libpq connection string of a role that may create roles and databases) and
PREPARE_PASSWORDS, a folder with one file per role (`cases_owner`, `cases_app`, …) that holds its password.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from deploy.postgres.bootstrap import ROLES, SERVICES, bootstrap, role_name
from shared.db.migrations import upgrade


def prepare(admin: str, passwords: Mapping[str, str], owner_url: Callable[[str], str]) -> None:
    """Create what is missing and migrate. `owner_url` tells the SQLAlchemy URL of a service's owner role."""
    with psycopg.connect(admin, autocommit=True) as connection:
        bootstrap(connection, passwords)
    for service in SERVICES:
        upgrade(service, owner_url(service))


def main(environment: Mapping[str, str]) -> int:
    """Prepare the cluster that the environment names."""
    admin = environment["PREPARE_ADMIN"]
    folder = Path(environment["PREPARE_PASSWORDS"])
    roles = [role_name(service, role) for service in SERVICES for role in ROLES]
    passwords = {name: (folder / name).read_text().strip() for name in roles}
    server = conninfo_to_dict(admin)

    def owner_url(service: str) -> str:
        owner = role_name(service, "owner")
        port = int(server.get("port") or 5432)
        url = URL.create("postgresql+psycopg", owner, passwords[owner], str(server["host"]), port, service)
        return url.render_as_string(hide_password=False)

    prepare(admin, passwords, owner_url)
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
