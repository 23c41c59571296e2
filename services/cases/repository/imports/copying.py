"""Rows as lines of COPY's text format."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache

import msgspec

from services.cases.repository.imports.batch import Closing, CommandRow, FactState, File
from shared.contracts.envelope import encode_body
from shared.contracts.parts import part_of
from shared.events.outbox import OutboxCommand

_encode = msgspec.json.Encoder().encode
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_NULL = "\\N"
BODY_SEPARATOR = "\x1f"
"""Between the bodies of a command: a raw control character stands in no JSON text."""


def lines_of_files(files: Iterable[File]) -> str:
    """For `import_file`: new files, and what changes of old ones."""
    return "".join(map(_file, files))


def lines_of_commands(commands: Iterable[CommandRow]) -> str:
    """For `import_command`."""
    return "".join(map(_command, commands))


def lines_of_closings(closings: Iterable[Closing]) -> str:
    """For `import_closing`: the ends of stored states of facts."""
    return "".join(map(_closing, closings))


def lines_of_states(states: Iterable[FactState]) -> str:
    """For `import_fact`: new states of facts."""
    return "".join(map(_state, states))


def lines_of_events(commands: Iterable[Callable[[], OutboxCommand]]) -> str:
    """For `import_event`: a line for each command that has events."""
    return "".join(_event(made) for command in commands if (made := command()).events)


def _file(file: File) -> str:
    registration = file.registration
    return _line(
        file.case_id.hex,
        _text(file.external_ref),
        registration.payer_mk,
        registration.residence_mk,
        registration.disability,
        _flag(registration.kombi),
        str(file.version),
        _instant(file.recorded_at),
        _NULL if file.line_hash is None else f"\\\\x{file.line_hash.hex()}",
        _number(file.line_version),
        str(file.stored_version),
    )


def _command(command: CommandRow) -> str:
    return _line(
        command.case_id.hex,
        str(command.version),
        _instant(command.recorded_at),
        command.act,
        _text(command.reason),
    )


def _closing(closing: Closing) -> str:
    return _line(closing.case_id.hex, closing.fact_id.hex, str(closing.to_version))


def _state(state: FactState) -> str:
    row = state.row
    return _line(
        state.case_id.hex,
        row.fact_id.hex,
        str(state.from_version),
        _number(state.to_version),
        str(row.entry),
        row.kind,
        row.effective_on.isoformat(),
        _json(_encode(row.attributes)),
        _flag(row.cancelled),
        row.origin,
        _text(row.external_ref),
        _NULL if row.movement is None else _json(_encode(row.movement)),
        _NULL if row.movement_recorded_at is None else _instant(row.movement_recorded_at),
        row.to_phase or _NULL,
        _NULL if row.to_provider_id is None else row.to_provider_id.hex,
        row.to_payer_mk or _NULL,
    )


def _event(command: OutboxCommand) -> str:
    events = command.events
    return _line(
        str(part_of(command.traeger, command.key)),
        command.key.hex,
        str(command.key_version),
        _instant(command.recorded_at),
        ",".join([event.id.hex for event in events]),
        ",".join([event.type for event in events]),
        BODY_SEPARATOR.join([encode_body(event) for event in events]).replace("\\", "\\\\"),
    )


def _line(*columns: str) -> str:
    return "\t".join(columns) + "\n"


def _flag(value: bool) -> str:
    return "t" if value else "f"


def _number(value: int | None) -> str:
    return _NULL if value is None else str(value)


def _text(value: str | None) -> str:
    if value is None:
        return _NULL
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], value)


def _json(value: bytes) -> str:
    """JSON has no raw control characters, so only the backslash is special."""
    return value.decode().replace("\\", "\\\\")


@lru_cache(maxsize=64)
def _instant(value: datetime) -> str:
    """Most rows of a chunk have the same one."""
    return value.isoformat()
