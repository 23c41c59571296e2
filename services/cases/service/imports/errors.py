"""Refusals of single lines. An import goes on behind them."""

from typing import ClassVar

from services.cases.repository.imports.jobs import ImportProblem
from shared.kernel.errors import DomainError

_TITLES = {
    "malformed-json": "The line cannot be read",
    "invalid-line": "The line is not valid",
    "line-too-long": "The line is too long",
    "forbidden-character": "A text contains a character that is not allowed",
    "unknown-provider": "There is no such provider",
    "duplicate-fact": "Two facts of the line cannot be told apart",
    "registration-changed": "The registration of a case does not change",
    "kind-changed": "The kind of a fact does not change",
    "external-ref-cancelled": "The fact has been cancelled",
    "commands-differ": "A case is taken over with its commands only once",
    "correction-not-allowed": "The token does not allow corrections",
    "migration-not-allowed": "The token does not allow dated commands",
}


class RefusedLineError(DomainError):
    """A line is refused for one reason; `line_code` is the last segment of the problem type."""

    code: ClassVar[str] = "invalid-line"

    def __init__(self, line_code: str, detail: str, pointer: str | None, *, external_ref: str | None = None) -> None:
        super().__init__(detail)
        self.line_code = line_code
        self.pointer = pointer
        self.external_ref = external_ref


def problem_of(error: DomainError, line: int, external_ref: str | None) -> ImportProblem:
    """The problem of a refused line: its own refusal, or one of the domain with the first place it names."""
    if isinstance(error, RefusedLineError):
        return ImportProblem(
            line, external_ref or error.external_ref, error.line_code, _TITLES[error.line_code], error.detail,
            error.pointer,
        )  # fmt: skip
    detail, pointer = error.detail, None
    if error.errors:
        first = error.errors[0]
        pointer = _as_in_the_line(first.pointer)
        if first.message not in detail:
            detail = f"{detail} {first.message}."
    allowed = error.extensions.get("allowed")
    if allowed is not None:
        detail = f"{detail} Allowed here: {', '.join(allowed) or 'nothing'}."
    return ImportProblem(line, external_ref, error.code, error.title, detail, pointer)


def _as_in_the_line(pointer: str) -> str:
    """Lines name providers by their reference."""
    return f"{pointer.removesuffix('/provider_id')}/provider_ref" if pointer.endswith("/provider_id") else pointer
