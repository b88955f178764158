"""The OpenAPI description of what webhooks accept. It describes; :mod:`pipelines.intake` decides."""

from __future__ import annotations

from typing import Any

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_TEXT: dict[str, Any] = {"type": "string", "pattern": r"^[A-Za-z0-9_.:/ \[\]{}-]*[A-Za-z0-9][A-Za-z0-9_.:/ \[\]{}-]*$"}
_ISO: dict[str, Any] = {
    "type": "string",
    "pattern": r"^20[0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
}
_TIME: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": r"^1[0-9]{9}([0-9]{3})?$", "description": "Epoch seconds or milliseconds"},
        {"type": "integer", "minimum": 1_000_000_000, "maximum": 4_000_000_000},
        {"type": "integer", "minimum": 1_000_000_000_000, "maximum": 4_000_000_000_000},
        _ISO,
        {"const": ""},
        {"type": "null"},
    ]
}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": _SCALAR}
_IDENTITIES = ("id", "alert_cycle_key", "aggreg_key", "alert_id", "alert_title", "event_title", "title")
_DATADOG_SCALARS = (
    *("event_type", "event_msg", "body", "alert_transition", "alert_type", "alert_priority", "alert_status"),
    *("alert_metric", "alert_query", "alert_scope", "hostname", "service", "env", "link"),
)


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


DATADOG = _body(
    {
        "type": "object",
        "title": "DatadogNotification",
        "description": "Datadog's variables under the keys of the template in docs/webhooks.md. Other keys are kept.",
        "properties": {
            **dict.fromkeys((*_IDENTITIES, *_DATADOG_SCALARS), _SCALAR),
            "tags": {
                "description": "Comma-separated key:value pairs, a list of them, or an object",
                "anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}, _TEXTS],
            },
            "date": _TIME,
            "last_updated": _TIME,
        },
        "anyOf": [{"required": [key], "properties": {key: _TEXT}} for key in _IDENTITIES],
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
                        "status": {"enum": ["firing", "resolved"]},
                        "labels": {
                            "type": "object",
                            "properties": {"alertname": _TEXT},
                            "required": ["alertname"],
                            "additionalProperties": _SCALAR,
                        },
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
