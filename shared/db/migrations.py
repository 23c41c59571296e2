"""Running Alembic: one history per service, under one lock, with bounded waits."""

from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, pool, text

_LOCK = 7_311_554_203_918_001  # any constant; the lock is taken per database


def config_for(service: str, url: str) -> Config:
    """The Alembic configuration of a service; `url` names the owner role."""
    config = Config()
    config.set_main_option("script_location", str(files(f"services.{service}") / "migrations"))
    config.attributes["url"] = url
    return config


def upgrade(service: str, url: str, revision: str = "head") -> None:
    """Bring the database of a service to a revision. Safe to call twice, also at the same time."""
    command.upgrade(config_for(service, url), revision)


def downgrade(service: str, url: str, revision: str) -> None:
    """Take the database of a service back to a revision."""
    command.downgrade(config_for(service, url), revision)


def run_environment(metadata: MetaData) -> None:
    """What every `env.py` does: migrate one database with the owner role, one transaction per revision."""
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=metadata,
            transaction_per_migration=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        _let_services_read_revision(connection)
    engine.dispose()


def _let_services_read_revision(connection: Connection) -> None:
    """Readiness compares the revision with the one the code was written for, so the other roles may read it."""
    owner: str = connection.execute(text("SELECT current_user")).scalar_one()
    service = owner.removesuffix("_owner")
    connection.execute(text(f'GRANT SELECT ON alembic_version TO "{service}_app", "{service}_worker"'))
    connection.commit()
