"""What each process of local mode is told: settings as environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.data_directory import DataDirectory, Secrets
from deploy.local.postgres import PostgresServer
from deploy.postgres.bootstrap import role_name


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens. `kafka` is None on the feed transport."""

    issuer: str
    urls: Mapping[str, str]
    kafka: str | None


PRODUCERS = {"cases": (), "budgets": ("cases",), "metrics": ("cases", "budgets")}
"""Service -> the services whose events it consumes."""


def service_environment(
    service: str, *, server: PostgresServer, secrets: Secrets, addresses: Addresses
) -> dict[str, str]:
    """The settings of a service, for its web process and its worker alike."""
    client_id = f"teilhabe-{service}"
    settings = {
        "DATABASE_URL": _database_url(service, "app", server, secrets),
        "WORKER_DATABASE_URL": _database_url(service, "worker", server, secrets),
        "ISSUER": addresses.issuer,
        "JWKS_URL": f"{addresses.issuer}/jwks",
        "TOKEN_URL": f"{addresses.issuer}/token",
        "AUDIENCE": f"urn:teilhabe:{service}",
        "ENVIRONMENT": "local",
        "CLIENT_ID": client_id,
        "CLIENT_SECRET": secrets.clients[client_id]["secret"],
        "TRANSPORT": "feed" if addresses.kafka is None else "kafka",
        **({} if addresses.kafka is None else {"KAFKA_BOOTSTRAP": addresses.kafka}),
        **{f"{producer.upper()}_URL": addresses.urls[producer] for producer in PRODUCERS[service]},
    }
    return {f"{service.upper()}_{name}": value for name, value in settings.items()}


def issuer_environment(data: DataDirectory, addresses: Addresses) -> dict[str, str]:
    """The settings of the issuer."""
    return {
        "ISSUER_URL": addresses.issuer,
        "ISSUER_KEY_FILE": str(data.key_file),
        "ISSUER_CLIENTS_FILE": str(data.clients_file),
        "ENVIRONMENT": "local",
    }


def owner_url(service: str, server: PostgresServer, secrets: Secrets) -> str:
    """The database URL for migrations."""
    return _database_url(service, "owner", server, secrets)


def worker_url(service: str, server: PostgresServer, secrets: Secrets) -> str:
    """The database URL for work behind requests."""
    return _database_url(service, "worker", server, secrets)


def _database_url(service: str, role: str, server: PostgresServer, secrets: Secrets) -> str:
    name = role_name(service, role)
    return server.url(service, name, secrets.roles[name])
