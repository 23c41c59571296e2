"""Alembic's entry: migrates the database of `metrics`."""

from services.metrics.tables import metadata
from shared.db.migrations import run_environment

run_environment(metadata)
