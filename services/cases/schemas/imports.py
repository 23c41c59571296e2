"""Shapes of imports."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue

from services.cases.repository.imports.jobs import ImportJob, ImportProblem
from services.cases.service.imports.intake import STATUS_PROBLEMS
from shared.http.problems import PROBLEM_BASE

_MANY: dict[str, JsonValue] = {"format": "int64"}


class State(StrEnum):
    """Where an import stands. FAILED: the service could not go on; lines that are done stay done."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class ImportProblemOut(BaseModel):
    """Why a line was refused."""

    line: int = Field(ge=1, le=2**53, json_schema_extra=_MANY, description="Lines count from 1")
    external_ref: str | None = Field(max_length=1000)
    type: str = Field(max_length=200, json_schema_extra={"format": "uri"}, description="Ends with the code")
    title: str = Field(max_length=200)
    detail: str = Field(max_length=2000)
    pointer: str | None = Field(max_length=1000, description="JSON pointer into the line")

    @classmethod
    def of(cls, problem: ImportProblem) -> "ImportProblemOut":
        """The shape of a problem."""
        return cls.model_construct(
            line=problem.line,
            external_ref=problem.external_ref,
            type=PROBLEM_BASE + problem.code,
            title=problem.title,
            detail=problem.detail,
            pointer=problem.pointer,
        )


class ImportOut(BaseModel):
    """How far an import has come. `lines_done` is the sum of taken, unchanged and refused lines."""

    id: UUID
    state: State
    dry_run: bool
    lines_total: int = Field(ge=0, le=2**53, json_schema_extra=_MANY)
    lines_done: int = Field(ge=0, le=2**53, json_schema_extra=_MANY)
    lines_taken: int = Field(ge=0, le=2**53, json_schema_extra=_MANY)
    lines_unchanged: int = Field(ge=0, le=2**53, json_schema_extra=_MANY)
    lines_refused: int = Field(ge=0, le=2**53, json_schema_extra=_MANY)
    created_at: datetime
    finished_at: datetime | None
    problems: list[ImportProblemOut] = Field(
        max_length=STATUS_PROBLEMS, description="The first 1,000; all are at /v1/imports/{import_id}/problems"
    )

    @classmethod
    def of(cls, job: ImportJob, problems: Sequence[ImportProblem]) -> "ImportOut":
        """The shape of an import."""
        return cls.model_construct(
            id=job.import_id,
            state=State(job.state),
            dry_run=job.dry_run,
            lines_total=job.lines.total,
            lines_done=job.lines.done,
            lines_taken=job.lines.taken,
            lines_unchanged=job.lines.unchanged,
            lines_refused=job.lines.refused,
            created_at=job.created_at,
            finished_at=job.finished_at,
            problems=[ImportProblemOut.of(problem) for problem in problems],
        )
