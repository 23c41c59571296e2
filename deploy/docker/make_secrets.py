"""Draws the secrets that docker-compose.yml mounts: `python -m deploy.docker.make_secrets`.

They go to deploy/docker/secrets, which git ignores. The folder is closed to others; the files in it are readable,
because a container reads them as a user of its own. What exists is kept, so it is safe to run twice.
"""

import re
import secrets
import sys
from pathlib import Path

from deploy.postgres.bootstrap import ROLES, SERVICES, role_name

FOLDER = Path(__file__).parent / "secrets"
REALM = Path(__file__).parent / "keycloak" / "realm.json"
DATABASE_HOST = "postgres"


def realm_variables() -> list[str]:
    """The variables that Keycloak puts into the realm when it imports it: secrets of clients."""
    return re.findall(r"\$\{(\w+)\}", REALM.read_text())


def make(folder: Path) -> None:
    """Write the files that are missing."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    superuser = _keep(folder / "postgres_superuser", _secret())
    _keep(folder / "prepare_admin", f"host={DATABASE_HOST} user=postgres password={superuser} dbname=postgres")
    for service in SERVICES:
        for role in ROLES:
            name = role_name(service, role)
            password = _keep(folder / name, _secret())
            if role != "owner":  # the owner migrates only, from `prepare`
                _keep(
                    folder / f"{name}_url", f"postgresql+psycopg://{name}:{password}@{DATABASE_HOST}:5432/{service}"
                )
    variables = {name: _keep(folder / name.lower(), _secret()) for name in realm_variables()}
    variables["KC_BOOTSTRAP_ADMIN_PASSWORD"] = _keep(folder / "keycloak_admin", _secret())
    (folder / "keycloak.env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))


def _secret() -> str:
    return secrets.token_hex(24)


def _keep(file: Path, fresh: str) -> str:
    """The content of the file; a missing one is written with the fresh value."""
    if not file.exists():
        file.write_text(fresh)
    return file.read_text()


if __name__ == "__main__":
    make(FOLDER)
    sys.stdout.write(f"secrets are in {FOLDER}\n")
