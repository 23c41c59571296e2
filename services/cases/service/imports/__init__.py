"""Taking over whole books: receive a body, then bring its lines into the files, chunk by chunk."""

from services.cases.service.imports.intake import ImportService
from services.cases.service.imports.runner import run_imports

__all__ = ["ImportService", "run_imports"]
