"""Worlds as a source system would send them: import lines, or one HTTP call after the other."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date

from tests.recount.model import Add, Amend, Cancel, Change, Command, Fact, History, Provider, Registration
from tests.recount.worlds import Books, Member

REASON = "Berichtigung aus den Akten"
Json = dict[str, object]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _attributes(values: Mapping[str, object], ids: Mapping[str, str] | None) -> Json:
    """Attributes of a fact; providers by `provider_ref`, or by `provider_id` where their ids are given."""
    found: Json = {}
    for name, value in values.items():
        if name != "provider":
            found[name] = _plain(value)
        elif ids is None:
            found["provider_ref"] = value
        else:
            found["provider_id"] = None if value is None else ids[str(value)]
    return found


def told(fact: Fact, ids: Mapping[str, str] | None = None) -> Json:
    """What is told of a new fact."""
    names = [f.name for f in fields(Fact) if f.name not in ("ref", "entry")]
    return _attributes({name: getattr(fact, name) for name in names if getattr(fact, name) is not None}, ids)


def change(single: Change) -> Json:
    """A change inside a dated command of an import line."""
    if isinstance(single, Add):
        return {"add": told(single.fact) | {"external_ref": single.fact.ref}}
    if isinstance(single, Amend):
        return {"amend": {"ref": single.ref} | _attributes(single.values, None)}
    return {"cancel": {"ref": single.ref, "reason": REASON}}


def registration(ref: str, start: Registration) -> Json:
    """What registers a case."""
    return {
        "external_ref": ref,
        "payer_mk": start.payer_mk,
        "residence_mk": start.residence_mk,
        "disability": start.disability,
        "kombi": start.kombi,
    }


def provider(found: Provider) -> Json:
    """The body that registers a provider."""
    return {
        "external_ref": found.ref,
        "name": found.name,
        "kind": found.kind,
        "mitgliedskoerperschaft": found.mk,
        "valid_from": found.valid_from.isoformat(),
        "valid_to": None if found.valid_to is None else found.valid_to.isoformat(),
    }


def history(case: History) -> Json:
    """The import line of a case with everything that was known when."""
    commands = [
        {"recorded_on": command.recorded_on.isoformat(), "changes": [change(single) for single in command.changes]}
        for command in case.commands
    ]
    return registration(case.ref, case.registration) | {"commands": commands}


def import_lines(books: Books) -> Iterator[str]:
    """A file for the import: providers first, then one line per case."""
    for found in books.providers.values():
        yield json.dumps({"provider": provider(found)}, ensure_ascii=False)
    for case in books.histories:
        yield json.dumps(history(case), ensure_ascii=False)


def comparison_group(members: tuple[Member, ...], ids: Mapping[str, str]) -> Json:
    """The body that sets a version of a comparison group."""
    found = []
    for member in members:
        named = {"mitgliedskoerperschaft": member.mk}
        if member.provider is not None:
            named = {"provider_id": ids[member.provider]}
        dates = {"valid_from": _plain(member.valid_from), "valid_to": _plain(member.valid_to)}
        found.append(named | dates)
    return {"title": "Modellregionen", "members": found}


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call on a case. Placeholders `{case}` and `{fact:<ref>}` stand for ids earlier answers gave."""

    method: str
    path: str
    body: Json
    adds: tuple[str, ...] = ()


def call(command: Command, ids: Mapping[str, str]) -> Call:
    """The HTTP call that tells a command to an existing case."""
    adds = tuple(single.fact.ref for single in command.changes if isinstance(single, Add))
    if len(command.changes) > 1:
        body: Json = {"reason": REASON, "changes": [_inside(single, ids) for single in command.changes]}
        return Call("POST", "/v1/cases/{case}/corrections", body, adds)
    single = command.changes[0]
    if isinstance(single, Add):
        return Call("POST", "/v1/cases/{case}/movements", told(single.fact, ids), adds)
    path = f"/v1/cases/{{case}}/movements/{{fact:{single.ref}}}"
    if isinstance(single, Amend):
        body = _attributes(single.values, ids) | {"reason_for_correction": REASON}
        return Call("PATCH", path, body)
    return Call("POST", f"{path}/cancellation", {"reason": REASON})


def _inside(single: Change, ids: Mapping[str, str]) -> Json:
    """A change inside a combined correction."""
    if isinstance(single, Add):
        return {"add": told(single.fact, ids)}
    if isinstance(single, Amend):
        return {"amend": {"fact_id": f"{{fact:{single.ref}}}"} | _attributes(single.values, ids)}
    assert isinstance(single, Cancel)
    return {"cancel": {"fact_id": f"{{fact:{single.ref}}}"}}


def history_calls(case: History, ids: Mapping[str, str]) -> list[Call]:
    """A case told call by call: its registration, then its commands (all recorded on the day of the calls)."""
    start = Call("POST", "/v1/cases", registration(case.ref, case.registration))
    return [start, *(call(command, ids) for command in case.commands)]
