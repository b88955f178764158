"""JSON: YAML's parser reads it and says where each value stands; values are written as JSON."""

from __future__ import annotations

import json

import yaml

from data.proposal import ConfigurationChange
from remediation.patch.formats import yaml_text


def change(text: str, change: ConfigurationChange) -> str:
    """``text`` with one key set (added where its object is there) or removed."""
    return yaml_text.changed(text, change, _value, _readable)


def _readable(text: str) -> str:
    """JSON may be indented with tabs, which YAML may not; a blank for each keeps every position."""
    return text.replace("\t", " ")


def _value(value: object, replaced: yaml.ScalarNode | None) -> str:
    del replaced  # JSON has one kind of quotes
    return json.dumps(value, ensure_ascii=False)
