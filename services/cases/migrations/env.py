"""Alembic's entry: migrates the database of `cases`."""

from services.cases.tables import metadata
from shared.db.migrations import run_environment

run_environment(metadata)
