"""The AsyncAPI 3 document of all events, made from the contracts.

`python -m shared.contracts.asyncapi > docs/asyncapi.json` writes it. It describes what the producing services send.
The same bytes are in the HTTP feed, whose calls OpenAPI describes.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from shared.contracts import budgets_v1, cases_v1
from shared.contracts.envelope import CONTENT_TYPE, EVENT_MEDIA_TYPE, SPECVERSION
from shared.contracts.parts import PARTS
from shared.kernel.mitgliedskoerperschaften import Traeger

_REF = "#/components/schemas/{name}"
_ORDER = (
    "Partition = part of the log: 0-5 hold the events of the LVR, 6-11 those of the LWL, a case or provider is always"
    " in one part. `sequence` counts the events of a part without holes, within `feedepoch`; read it, not the offset."
    " Delivery is at least once: a number already read is a duplicate, a number left out is got from the HTTP feed."
    " The events of one command (`index` 1 to `of`) are side by side; give them their effect together."
)
_CASES: Mapping[str, tuple[type[msgspec.Struct], str]] = {
    cases_v1.CASE_REGISTERED: (cases_v1.CaseRegistered, "A case exists; it is in no cell yet"),
    cases_v1.PROVIDER_CHANGED: (cases_v1.ProviderChanged, "The present master data of a provider"),
    **{
        name: (cases_v1.Movement, f"A movement {kind}, added (sign 1) or taken back (sign -1)")
        for name, kind in cases_v1.MOVEMENT_TYPES.items()
    },
}


def document() -> dict[str, Any]:
    """The whole document."""
    structs = sorted({struct for struct, _ in _CASES.values()}, key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(structs, ref_template=_REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of teilhabe",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in structured JSON: the same bytes on Kafka and in the HTTP feed."
            " Payloads grow only by optional members; readers ignore members they do not know. " + _ORDER,
            "license": {"name": "EUPL-1.2", "url": "https://eupl.eu/1.2/en/"},
        },
        "defaultContentType": EVENT_MEDIA_TYPE,
        "channels": {
            "cases": _channel(cases_v1.TOPIC, "Paths of persons, and providers", [_key(name) for name in _CASES]),
            "budgets": _channel(budgets_v1.TOPIC, "Grants and payments; no event is sent yet", []),
        },
        "operations": {
            "sendCases": {
                "action": "send",
                "channel": {"$ref": "#/channels/cases"},
                "summary": "What `cases` has recorded",
                "messages": [{"$ref": f"#/channels/cases/messages/{_key(name)}"} for name in _CASES],
            },
        },
        "components": {
            "messages": {_key(name): _message(name, struct, summary) for name, (struct, summary) in _CASES.items()},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _key(event_type: str) -> str:
    return event_type.removeprefix(cases_v1.TYPE_PREFIX).replace(".", "-")


def _channel(topic: str, summary: str, messages: list[str]) -> dict[str, Any]:
    return {
        "address": topic,
        "summary": summary,
        "description": _ORDER,
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
        "bindings": {"kafka": {"topic": topic, "partitions": PARTS, "bindingVersion": "0.5.0"}},
    }


def _message(event_type: str, struct: type[msgspec.Struct], summary: str) -> dict[str, Any]:
    return {
        "name": event_type,
        "title": _key(event_type),
        "summary": summary,
        "contentType": EVENT_MEDIA_TYPE,
        "headers": {
            "type": "object",
            "properties": {"content-type": {"type": "string", "const": EVENT_MEDIA_TYPE}},
        },
        "payload": _envelope(event_type, _data(event_type, struct)),
        "bindings": {
            "kafka": {
                "key": {"type": "string", "format": "uuid", "description": "The case or provider"},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _data(event_type: str, struct: type[msgspec.Struct]) -> Mapping[str, Any]:
    reference = {"$ref": _REF.format(name=struct.__name__)}
    if struct is not cases_v1.Movement:
        return reference
    kind = cases_v1.MOVEMENT_TYPES[event_type]
    narrowed = {"properties": {"kind": {"const": kind}, "sign": {"enum": [1, -1]}}}
    return {"allOf": [reference, narrowed]}


def _envelope(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    properties = {
        "feedepoch": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "feedpart": {"type": "integer", "minimum": 0, "maximum": PARTS - 1},
        "sequence": {"type": "string", "pattern": "^[0-9]{20}$", "description": "Number of the event in its part"},
        "specversion": {"const": SPECVERSION},
        "id": {"type": "string", "format": "uuid"},
        "source": {"const": cases_v1.SOURCE},
        "type": {"const": event_type},
        "subject": {"type": "string", "format": "uuid", "description": "The case or provider"},
        "time": {"type": "string", "format": "date-time", "description": "recorded_at of the command"},
        "datacontenttype": {"const": CONTENT_TYPE},
        "tenant": {"enum": [traeger.value for traeger in Traeger]},
        "data": data,
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def rendered() -> str:
    """The document as it is checked in."""
    return json.dumps(document(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
