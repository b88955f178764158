"""Added lines that destroy data, open a door, or switch off a guard. No incident is mended so; a person may.

Plain patterns over the added text: a pattern cannot be talked into an exception. They look at what is new, so a
repository that has such lines already can still be mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from remediation.checks.changed import ChangedFile, ChangeSet
from remediation.checks.check import Check, verdict
from remediation.checks.dangers import DANGERS

_STATEMENT: Final = re.compile(r"\b(delete\s+from|update)\s+[`\"\w.]+[^;]*", re.IGNORECASE)
_AUTH_LINE: Final = re.compile(
    r"@\w*(?:login|auth|permission|role|csrf|secured|roles_?allowed|pre_?authorize|limit)\w*|"
    r"\b(?:require|check|verify|assert|enforce|validate|authenticate|authorize)_?\w*"
    r"(?:auth|login|permission|token|signature|role|access|csrf|session|admin|password|user)\w*\s*\(|"
    r"\b(?:is_?authenticated|is_?authorized|has_?permission|isAdmin|is_admin)\b|"
    r"\b(?:hmac\.)?compare_digest\b|\bbefore_action\s+:(?:authenticate|authorize|verify)",
    re.IGNORECASE,
)


def check_destructive(change: ChangeSet) -> Check:
    """Whether the change adds anything destructive, or takes a guard away."""
    findings = [finding for file in change.files for finding in (*_added(file), *_statements(file), *_guards(file))]
    return verdict("destructive", findings, "nothing added destroys data, opens access or switches a guard off")


def _added(file: ChangedFile) -> Iterator[str]:
    gone = {line.strip() for _, line in file.removed}
    for number, line in file.added:
        if line.strip() in gone or len(line) > 5000:
            continue
        for danger in DANGERS:
            if danger.regex.search(line):
                yield f"{file.path}:{number} {danger.what}"
    if any(len(line) > 5000 for _, line in file.added):
        yield f"{file.path} has an added line too long to be read"


def dangers_in(text: str) -> Iterator[str]:
    """What a text that is no file, such as an instruction to a person, would have somebody do."""
    yield from (danger.what for danger in DANGERS if danger.regex.search(text))
    yield from _statements_in(text)


def _statements(file: ChangedFile) -> Iterator[str]:
    text = "\n".join(line for _, line in file.added)
    return (f"{file.path} {what}" for what in _statements_in(text))


def _statements_in(text: str) -> Iterator[str]:
    """SQL over several lines: a DELETE or UPDATE that names no rows changes all of them."""
    for match in _STATEMENT.finditer(text[:200_000]):
        statement = match.group()
        if match.group(1).lower() == "update" and not re.search(r"\bset\b", statement, re.IGNORECASE):
            continue
        if not re.search(r"\bwhere\b", statement, re.IGNORECASE):
            yield f"changes every row: {' '.join(statement.split())[:60]!r} has no WHERE"
        elif re.search(r"\bwhere\s+(?:1\s*=\s*1|true|1)\b", statement, re.IGNORECASE):
            yield "changes every row: its WHERE holds for all"


def _guards(file: ChangedFile) -> Iterator[str]:
    """A check of who is asking that was there and is not any more."""
    now = "\n".join(line for _, line in file.added)
    for number, line in file.removed:
        found = _AUTH_LINE.search(line)
        if found and found.group().lower() not in now.lower() and not line.lstrip().startswith(("#", "//", "*")):
            yield f"{file.path}:{number} (before) takes away a guard: {' '.join(line.split())[:60]!r}"
