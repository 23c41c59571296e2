"""The lines of an import: their shapes, and how a line that has none of them is refused."""

import re
from datetime import date
from typing import Annotated

import msgspec

from services.cases.domain.cell import Disability, Phase, Place
from services.cases.domain.facts import Initiator, Instrument, Kind, Reason, Zugangsweg
from services.cases.domain.providers import ProviderKind
from services.cases.service.imports.errors import RefusedLineError

MAX_LINE_BYTES = 1_048_576

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Ags = Annotated[str, msgspec.Meta(pattern="^[0-9]{5}$")]
CancelReason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class MovementLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fact of the book. `external_ref` is the book's own reference of it, `provider_ref` that of a provider."""

    kind: Kind
    effective_on: date
    decided_on: date | None = None
    provider_ref: Ref | None = None
    place: Place | None = None
    instrument: Instrument | None = None
    reason: Reason | None = None
    zugangsweg: Zugangsweg | None = None
    initiator: Initiator | None = None
    to_phase: Phase | None = None
    payer_mk: Ags | None = None
    residence_mk: Ags | None = None
    disability: Disability | None = None
    kombi: bool | None = None
    external_ref: Ref | None = None


Unset = msgspec.UnsetType


class AmendLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merge patch of the fact with the `external_ref` `ref`: null removes, what is left out stays."""

    ref: Ref
    effective_on: date | Unset | None = msgspec.UNSET
    decided_on: date | Unset | None = msgspec.UNSET
    provider_ref: Ref | Unset | None = msgspec.UNSET
    place: Place | Unset | None = msgspec.UNSET
    instrument: Instrument | Unset | None = msgspec.UNSET
    reason: Reason | Unset | None = msgspec.UNSET
    zugangsweg: Zugangsweg | Unset | None = msgspec.UNSET
    initiator: Initiator | Unset | None = msgspec.UNSET
    to_phase: Phase | Unset | None = msgspec.UNSET
    payer_mk: Ags | Unset | None = msgspec.UNSET
    residence_mk: Ags | Unset | None = msgspec.UNSET
    disability: Disability | Unset | None = msgspec.UNSET
    kombi: bool | Unset | None = msgspec.UNSET


class CancelLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take the fact with the `external_ref` `ref` back."""

    ref: Ref
    reason: CancelReason


class ChangeLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of a dated command: exactly one of the three."""

    add: MovementLine | None = None
    amend: AmendLine | None = None
    cancel: CancelLine | None = None


class CommandLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was recorded on one day, in one command."""

    recorded_on: date
    changes: list[ChangeLine]


class CaseLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A case of the book: its registration, and either the present facts or the commands that led to them."""

    external_ref: Ref
    payer_mk: Ags
    residence_mk: Ags
    disability: Disability
    kombi: bool = False
    movements: list[MovementLine] | None = None
    commands: list[CommandLine] | None = None


class ProviderPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A provider of the book."""

    external_ref: Ref
    name: Name
    kind: ProviderKind
    mitgliedskoerperschaft: Ags
    valid_from: date
    valid_to: date | None = None


class ProviderLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line that brings a provider to a state."""

    provider: ProviderPart


Line = CaseLine | ProviderLine

_case = msgspec.json.Decoder(CaseLine).decode
_provider = msgspec.json.Decoder(ProviderLine).decode
_anything = msgspec.json.Decoder().decode


def decode_line(raw: bytes) -> Line:
    """The content of a line. Raises `RefusedLineError` for everything that is not of one of the two shapes."""
    try:
        line = _case(raw)
    except msgspec.ValidationError as error:
        return _not_a_case(raw, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unreadable() from None
    _check_characters(raw, line)
    if (line.movements is None) == (line.commands is None):
        raise RefusedLineError(
            "invalid-line", "A line has either movements or commands.", "/movements", external_ref=line.external_ref
        )
    return line


def _not_a_case(raw: bytes, error: msgspec.ValidationError) -> Line:
    try:
        content = _anything(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unreadable() from None
    if isinstance(content, dict) and "provider" in content:
        try:
            line = _provider(raw)
        except msgspec.ValidationError as provider_error:
            raise _invalid(provider_error, None) from None
        _check_characters(raw, line)
        return line
    named = content.get("external_ref") if isinstance(content, dict) else None
    is_ref = isinstance(named, str) and 0 < len(named) <= 200 and "\0" not in named
    raise _invalid(error, named if is_ref else None) from None


def _unreadable() -> RefusedLineError:
    return RefusedLineError("malformed-json", "The line is not one complete JSON object in UTF-8.", None)


def _check_characters(raw: bytes, line: Line) -> None:
    """NUL stands in no text. Raw control characters and halves of surrogate pairs do not even decode."""
    if b"\\u0000" not in raw:
        return
    place = _place_of_nul(msgspec.to_builtins(line), "")
    if place is not None:
        named = line.external_ref if isinstance(line, CaseLine) and "\0" not in line.external_ref else None
        raise RefusedLineError("forbidden-character", "Texts contain no NUL.", place, external_ref=named)


def _place_of_nul(value: object, pointer: str) -> str | None:
    if isinstance(value, str):
        return pointer if "\0" in value else None
    members: list[tuple[object, object]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    for name, member in members:
        place = _place_of_nul(member, f"{pointer}/{name}")
        if place is not None:
            return place
    return None


_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[a-z_]+)|\[(?P<index>\d+)\]")
_MISSING = re.compile(r"^Object missing required field `(?P<name>[a-z_]+)`")
_EXPECTED = re.compile(r"^Expected `[a-z| ]+`(, got `[a-z]+`| of length [<>=]+ \d+)$")


def _invalid(error: msgspec.ValidationError, external_ref: str | None) -> RefusedLineError:
    """The refusal with its pointer, and a sentence that repeats nothing of what was sent."""
    text = str(error)
    place = _PLACE.search(text)
    pointer = ""
    if place is not None:
        text = text[: place.start()]
        steps = _STEP.finditer(place["path"])
        pointer = "".join(f"/{step['name'] if step['name'] is not None else step['index']}" for step in steps)
    missing = _MISSING.match(text)
    if missing is not None:
        return RefusedLineError(
            "invalid-line",
            f"{missing['name']} is required.",
            f"{pointer}/{missing['name']}",
            external_ref=external_ref,
        )
    return RefusedLineError("invalid-line", _sentence(text), pointer, external_ref=external_ref)


def _sentence(text: str) -> str:
    if _EXPECTED.match(text):
        return f"{text.replace('`', '')}."
    if text.startswith("Object contains unknown field"):
        return "The object has a member that is not known here."
    if text.startswith("Invalid enum value"):
        return "The value is none of the allowed ones."
    if text.startswith("Invalid RFC3339 encoded date"):
        return "A date of the calendar as YYYY-MM-DD is needed."
    if "matching regex" in text:
        return "An AGS of five digits is needed."
    return "The value cannot stand here."
