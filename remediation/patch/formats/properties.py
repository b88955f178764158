"""``key = value`` files: ``.properties``, ``.ini``, ``.cfg``, ``.conf``. A key may be given with its section first."""

from __future__ import annotations

import re

from data.errors import ProposalError
from data.proposal import ConfigurationAction, ConfigurationChange
from remediation.patch.formats import Missing

_SECTION = re.compile(r"^\s*\[([^\]]+)\]\s*(?:[#;].*)?$")
_ENTRY = re.compile(r"^(\s*(?:export\s+)?)([\w.\-/]+)(\s*[=:]\s*)(.*?)(\s*)$")


def change(text: str, change: ConfigurationChange) -> str:
    """``text`` with the value on one key's line set, or that line removed."""
    lines = text.split("\n")
    found = [i for i, name in enumerate(_names(lines)) if name is not None and change.key in name]
    if not found:
        raise Missing(f"{change.key} is not in the file")
    if len(found) > 1:
        raise ProposalError(f"ambiguous: {change.key} is in the file {len(found)} times; name its section")
    at = found[0]
    if lines[at].rstrip().endswith("\\"):
        raise ProposalError("ambiguous: the value goes on over several lines; give a code change")
    if change.action is ConfigurationAction.remove:
        return "\n".join(lines[:at] + lines[at + 1 :])
    entry = _ENTRY.match(lines[at])
    assert entry is not None
    old, value = entry[4], _written(change.value)
    if len(old) > 1 and old[0] == old[-1] and old[0] in "\"'":
        value = old[0] + value + old[0]
    lines[at] = f"{entry[1]}{entry[2]}{entry[3]}{value}{entry[5]}"
    return "\n".join(lines)


def _names(lines: list[str]) -> list[tuple[str, ...] | None]:
    """For each line, the names its key goes by: alone, and behind its section."""
    section, names = "", list[tuple[str, ...] | None]()
    for line in lines:
        header, entry = _SECTION.match(line), _ENTRY.match(line)
        section = header[1].strip() if header else section
        if header or not entry or line.lstrip().startswith(("#", ";", "!")):
            names.append(None)
        else:
            names.append((entry[2], f"{section}.{entry[2]}") if section else (entry[2],))
    return names


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, list | dict):
        raise ProposalError("missing: a value on one line is needed here")
    text = str(value)
    if not text.isprintable():
        raise ProposalError("outside scope: the value has characters that would start another line")
    return text
