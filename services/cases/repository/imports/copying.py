"""Rows as lines of COPY's text format."""

import re

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


def file_line(file: File) -> str:
    """A file: new, or with what changes of an old one."""
    registration = file.registration
    line_hash = _NULL if file.line_hash is None else f"\\\\x{file.line_hash.hex()}"
    return (
        f"{file.case_id.hex}\t{_text(file.external_ref)}\t{registration.payer_mk}\t{registration.residence_mk}\t"
        f"{registration.disability}\t{'t' if registration.kombi else 'f'}\t{file.version}\t"
        f"{file.recorded_at.isoformat()}\t{line_hash}\t{_value(file.line_version)}\t{file.stored_version}\n"
    )


def command_line(command: CommandRow) -> str:
    """A command of a file."""
    return (
        f"{command.case_id.hex}\t{command.version}\t{command.recorded_at.isoformat()}\t{command.act}\t"
        f"{_text(command.reason)}\n"
    )


def closing_line(closing: Closing) -> str:
    """The end of a stored state of a fact."""
    return f"{closing.case_id.hex}\t{closing.fact_id.hex}\t{closing.to_version}\n"


def state_line(state: FactState) -> str:
    """A new state of a fact."""
    row = state.row
    movement = _NULL if row.movement is None else _json(row.movement)
    recorded_at = _NULL if row.movement_recorded_at is None else row.movement_recorded_at.isoformat()
    provider = _NULL if row.to_provider_id is None else row.to_provider_id.hex
    return (
        f"{state.case_id.hex}\t{row.fact_id.hex}\t{state.from_version}\t{_value(state.to_version)}\t{row.entry}\t"
        f"{row.kind}\t{row.effective_on}\t{_json(row.attributes)}\t{'t' if row.cancelled else 'f'}\t{row.origin}\t"
        f"{_text(row.external_ref)}\t{movement}\t{recorded_at}\t{_value(row.to_phase)}\t{provider}\t"
        f"{_value(row.to_payer_mk)}\n"
    )


def event_line(command: OutboxCommand) -> str:
    """All events of a command."""
    events = command.events
    bodies = BODY_SEPARATOR.join([encode_body(event) for event in events])
    return (
        f"{part_of(command.traeger, command.key)}\t{command.key.hex}\t{command.key_version}\t"
        f"{command.recorded_at.isoformat()}\t{','.join([event.id.hex for event in events])}\t"
        f"{','.join([event.type for event in events])}\t{_escaped(bodies)}\n"
    )


def _value(value: object) -> str:
    return _NULL if value is None else str(value)


def _text(value: str | None) -> str:
    return _NULL if value is None else _escaped(value)


def _json(value: msgspec.Struct) -> str:
    return _escaped(_encode(value).decode())


def _escaped(value: str) -> str:
    if _SPECIAL.search(value) is None:
        return value
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], value)
