"""One setting in a YAML, JSON, TOML, HCL or ``key=value`` file, changed so that everything else stays as written.

Comments, order, quotes and spacing are somebody's work: only the characters of the value change. Each format's
own reader says where they stand (``remediation/patch/formats``); no file is written anew from its data.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from data.errors import ProposalError
from data.proposal import ConfigurationAction, ConfigurationChange
from remediation.patch.formats import Missing, hcl, json_text, properties, toml_text, yaml_text

_Change = Callable[[str, ConfigurationChange], str]

_FORMATS: dict[str, _Change] = {
    ".yaml": yaml_text.change,
    ".yml": yaml_text.change,
    ".json": json_text.change,
    ".toml": toml_text.change,
    ".tf": hcl.change,
    ".hcl": hcl.change,
    ".tfvars": hcl.change,
    ".ini": properties.change,
    ".cfg": properties.change,
    ".conf": properties.change,
    ".properties": properties.change,
    ".env": properties.change,
}


def configured(text: str, change: ConfigurationChange) -> str:
    """``text`` of the file ``change.path`` with the setting set or removed.

    Raises:
        ProposalError: the format is not known, the key is missing or found twice, or nothing would change.
    """
    if change.action is ConfigurationAction.revert:
        raise ProposalError("missing: what to go back to is not in the change; set the value, or revert the commit")
    if not change.key.strip():
        raise ProposalError("missing: the change names no key")
    suffix = PurePosixPath(change.path).suffix.lower()
    edit = _FORMATS.get(suffix)
    if edit is None:
        known = ", ".join(sorted(_FORMATS))
        raise ProposalError(f"outside scope: settings are edited in {known} files; give a code change for this one")
    try:
        after = edit(text, change)
    except Missing as missing:
        raise ProposalError(f"missing: {missing}") from missing
    if after == text:
        raise ProposalError("nothing to do: the setting has this value already")
    return after
