"""Alembic's entry: migrates the database of `budgets`."""

from services.budgets.tables import metadata
from shared.db.migrations import run_environment

run_environment(metadata)
