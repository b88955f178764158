"""The OpenAPI description of what webhooks accept. It describes; :mod:`pipelines.intake` decides."""

from __future__ import annotations

from typing import Any

from pipelines.intake.from_datadog import IDENTITY_KEYS, SCALAR_KEYS

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
# Something a person could read, and not a variable that Datadog left unsubstituted: what intake takes as present.
_PRESENT: dict[str, Any] = {
    "anyOf": [
        {
            "type": "string",
            "pattern": r"[^\s\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]",
            "not": {"pattern": r"^\s*(\$[A-Za-z][A-Za-z0-9_]*(\[[^\]]*\])?|[Nn][Uu][Ll][Ll])\s*$"},
        },
        {"type": ["number", "boolean"]},
    ]
}
_Y2000, _Y2200 = 946_684_800, 7_258_118_400
_ISO: dict[str, Any] = {
    "type": "string",
    "pattern": r"^20[0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
}
_TIME: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": r"^1[0-9]{9}([0-9]{3})?$", "description": "Epoch seconds or milliseconds"},
        *({"type": "number", "minimum": _Y2000 * unit, "exclusiveMaximum": _Y2200 * unit} for unit in (1, 1000)),
        _ISO,
        {"const": ""},
        {"type": "null"},
    ]
}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": _SCALAR}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


DATADOG = _body(
    {
        "type": "object",
        "title": "DatadogNotification",
        "description": "Datadog's variables under the keys of the template in docs/webhooks.md. Other keys are kept.",
        "properties": {
            **dict.fromkeys(SCALAR_KEYS, _SCALAR),
            "tags": {
                "description": "Comma-separated key:value pairs, a list of them, or an object",
                "anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}, _TEXTS],
            },
            "date": _TIME,
        },
        "anyOf": [{"required": [key], "properties": {key: _PRESENT}} for key in IDENTITY_KEYS],
    }
)

ALERTMANAGER = _body(
    {
        "type": "object",
        "title": "AlertmanagerNotification",
        "required": ["alerts"],
        "properties": {
            "alerts": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["labels"],
                    "properties": {
                        "status": {"enum": ["firing", "resolved", None]},
                        "labels": {"minProperties": 1, **_TEXTS},
                        "annotations": {"anyOf": [_TEXTS, {"type": "null"}]},
                        "startsAt": _TIME,
                        "endsAt": {"description": "Any; one that is no time is taken as not known"},
                        "generatorURL": _SCALAR,
                        "fingerprint": _SCALAR,
                    },
                },
            }
        },
    }
)

RELAY_HEADERS: dict[str, Any] = {
    "parameters": [
        {"in": "header", "name": name, "required": False, "schema": {"type": "string"}, "description": description}
        for name, description in (
            ("X-QAI-Key-Id", "For relays: which of QAI_RELAY_KEYS signed"),
            ("X-QAI-Timestamp", "For relays: when it was signed, in epoch seconds"),
            ("X-QAI-Nonce", "For relays: anything not sent before under this key"),
        )
    ]
}
