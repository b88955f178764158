"""Secrets in the added text, and characters that make it read otherwise than it runs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from remediation.checks.changed import ChangedFile, ChangeSet
from remediation.checks.check import Check, verdict

_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})


def check_secrets(change: ChangeSet) -> Check:
    """Whether an added line holds what looks like a credential, by detect-secrets' own plugins."""
    return verdict("secrets", _secrets(change), "no added line looks like a credential")


def _secrets(change: ChangeSet) -> Iterator[str]:
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings

    with default_settings(), TemporaryDirectory(prefix="qai-secrets-") as folder:
        for file in change.kept:
            gone = {line.strip() for _, line in file.removed}
            added = {number for number, line in file.added if line.strip() not in gone}
            copy = Path(folder) / f"file{file.suffix}"
            copy.write_text(file.after or "", encoding="utf-8")
            for found in scan_file(str(copy)):
                if found.line_number in added:
                    # The secret itself is never repeated: findings are shown, stored and sent.
                    yield f"{file.path}:{found.line_number} looks like: {found.type}"


def check_hidden_text(change: ChangeSet) -> Check:
    """Whether added text holds direction overrides, invisible characters, or letters of two alphabets in one word.

    Boucher and Anderson, "Trojan Source: Invisible Vulnerabilities", USENIX Security 2023.
    """
    findings = [finding for file in change.kept for finding in _hidden(file)]
    return verdict("hidden_text", findings, "the added text reads as it runs")


def _hidden(file: ChangedFile) -> Iterator[str]:
    for number, line in file.added:
        odd = sorted({c for c in line if unicodedata.category(c) in _INVISIBLE and c not in "\t\f\ufeff"})
        if odd:
            named = ", ".join(f"U+{ord(c):04X}" for c in odd)
            yield f"{file.path}:{number} has an invisible character ({named})"
        elif not line.isascii() and any(_mixed(word) for word in _words(line)):
            yield f"{file.path}:{number} mixes alphabets within a word"


def _words(line: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in line).split()


def _mixed(word: str) -> bool:
    """Latin beside Cyrillic or Greek: the pairs whose letters look alike. Micro sign and the like stand alone."""
    scripts = {unicodedata.name(c, "").split(" ")[0] for c in word if c.isalpha()}
    return "LATIN" in scripts and bool(scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
