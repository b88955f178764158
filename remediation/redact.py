"""Secrets and personal data are taken out of a text before it leaves, and can be put back into what comes home.

    vault = Vault()
    safe = vault.redact(text)          # "mail ann@example.org" -> "mail <EMAIL_1>"
    vault.restore(answer)              # only where the answer is code that has to match a file

The same value gets the same placeholder, so that a text still makes sense. Values live in memory only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_PRIVATE_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
_ASSIGNED = (
    r"(?i)(?:(?<=[\W_])|^)(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|"
    r"private[_-]?key|client[_-]?secret|credentials?|session(?:[_-]?id)?|cookie)\w*[\"']?\s*(?:=>|[:=])\s*[\"']?"
    r"(?P<value>[^\s\"',;&<>]{4,})"
)

# The name of a placeholder, and what it stands for. A group called "value" is the part to take out.
_PATTERNS: Final = tuple(
    (kind, re.compile(pattern, re.DOTALL))
    for kind, pattern in (
        ("PRIVATE_KEY", _PRIVATE_KEY),
        ("JWT", r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
        ("AWS_KEY", r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}\b"),
        ("GITHUB_TOKEN", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})\b"),
        ("SLACK_TOKEN", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("WEBHOOK", r"https://hooks\.slack\.com/\S+|https://\S+\.webhook\.office\.com/\S+"),
        (
            "API_KEY",
            r"\b(?:sk|pk|rk)[-_](?:live|test|proj|ant|or)?[-_]?[A-Za-z0-9_-]{16,}\b|\bAIza[A-Za-z0-9_-]{30,}\b",
        ),
        ("BEARER", r"(?i)\b(?:bearer|basic)\s+(?P<value>[A-Za-z0-9._~+/=-]{8,})"),
        ("URL_PASSWORD", r"(?i)\b[a-z][a-z0-9+.-]*://[^\s:/@\"']*:(?P<value>[^\s@\"']+)@"),
        ("SECRET", _ASSIGNED),
        ("EMAIL", r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"),
        ("CARD", r"\b(?:\d[ -]?){12,18}\d\b"),
        ("IBAN", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
        ("NATIONAL_ID", r"\b\d{3}-\d{2}-\d{4}\b"),
        ("PHONE", r"(?<![\w.-])\+\d{1,3}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}(?![\w.-])"),
        ("IP", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"),
    )
)
_PLACEHOLDER: Final = re.compile(r"<[A-Z_]+_\d+>")


@dataclass
class Vault:
    """The values taken out of the texts of one prompt, by placeholder."""

    values: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def redact(self, text: str) -> str:
        """``text`` with every secret and personal datum replaced by a placeholder such as ``<EMAIL_1>``."""
        for kind, pattern in _PATTERNS:
            text = pattern.sub(lambda match, kind=kind: self._replace(kind, match), text)  # type: ignore[misc]
        return self._by_scanner(text)

    def restore(self, text: str) -> str:
        """``text`` with the placeholders of this vault put back; others stay as they are."""
        return _PLACEHOLDER.sub(lambda match: self.values.get(match.group(), match.group()), text)

    def _replace(self, kind: str, match: re.Match[str]) -> str:
        whole = match.group()
        value = match.groupdict().get("value") or whole
        if _PLACEHOLDER.search(value) or not _is(kind, value):
            return whole
        return whole.replace(value, self._placeholder(kind, value))

    def _placeholder(self, kind: str, value: str) -> str:
        if value not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[value] = f"<{kind}_{self._counts[kind]}>"
            self.values[self._names[value]] = value
        return self._names[value]

    def _by_scanner(self, text: str) -> str:
        """What detect-secrets' plugins for known token formats find besides (its guesses by entropy are left out)."""
        from detect_secrets.core.scan import scan_line
        from detect_secrets.settings import transient_settings

        with transient_settings({"plugins_used": [{"name": name} for name in _PLUGINS]}):
            for line in text.splitlines():
                for found in scan_line(line[:5000]):
                    if found.secret_value and not _PLACEHOLDER.search(found.secret_value):
                        text = text.replace(found.secret_value, self._placeholder("SECRET", found.secret_value))
        return text


_PLUGINS: Final = (
    "ArtifactoryDetector", "AzureStorageKeyDetector", "CloudantDetector", "DiscordBotTokenDetector",
    "GitLabTokenDetector", "IbmCloudIamDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
    "PypiTokenDetector", "SendGridDetector", "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)  # fmt: skip


def _is(kind: str, value: str) -> bool:
    """Whether a number that looks like one of a kind is one; other kinds are what they look like."""
    if kind == "CARD":
        digits = [int(c) for c in value if c.isdigit()]
        doubled = [d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits))]
        return sum(doubled) % 10 == 0 and len(set(digits)) > 1
    if kind == "IP":
        parts = [int(part) for part in value.split(".")]
        # Addresses that mean nothing outside a machine or network identify nobody; versions are no addresses.
        return max(parts) < 256 and parts[0] not in (0, 10, 127) and parts[:2] != [192, 168]
    return True
