"""TOML, by tomlkit, which keeps what it does not change (https://tomlkit.readthedocs.io/)."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from data.errors import ProposalError
from data.proposal import ConfigurationAction, ConfigurationChange
from remediation.patch.formats import Missing, number_like, segments


def change(text: str, change: ConfigurationChange) -> str:
    """``text`` with one key set (added where its table is there) or removed."""
    try:
        document = tomlkit.parse(text)
    except (TOMLKitError, ValueError) as failed:
        raise ProposalError(f"syntax broken: {failed}") from failed
    holder, name = _holder(document, segments(change.key), change.key)
    if change.action is ConfigurationAction.remove:
        if name not in holder:
            raise Missing(f"{change.key} is not in the file")
        del holder[name]
        return tomlkit.dumps(document)
    before = holder.get(name)
    if isinstance(before, MutableMapping):
        raise ProposalError("ambiguous: the key holds a table; name one of its keys")
    if change.value is None:
        raise ProposalError("missing: TOML has no null; remove the key, or give a value")
    plain = before.unwrap() if hasattr(before, "unwrap") else before
    holder[name] = number_like(plain, change.value)
    return tomlkit.dumps(document)


def _holder(table: Any, steps: list[str], key: str) -> tuple[Any, str]:
    """The table that holds, or could hold, the key, and the key's name in it."""
    for used in range(len(steps), 0, -1):
        name = ".".join(steps[:used])
        if isinstance(table, MutableMapping) and name in table:
            if used == len(steps):
                return table, name
            return _holder(table[name], steps[used:], key)
    if isinstance(table, list) and steps[0].isdigit() and int(steps[0]) < len(table) and len(steps) > 1:
        return _holder(table[int(steps[0])], steps[1:], key)
    if len(steps) == 1 and isinstance(table, MutableMapping):
        return table, steps[0]
    raise Missing(f"{key} is not in the file, nor is the table it would be in")
