"""What a report says, as a set of features: words and pairs of them, lists of what is affected, cues of a query.

A feature is present or absent. How often a word is said tells more of the writer than of the trouble.
"""

from __future__ import annotations

import re

from data.reports import Report

FRAGMENT = "title has "

_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_LINK = re.compile(r"https?://\S+")
_TOKEN = re.compile(r"[45]xx|\d+(?:\.\d+)?\s?%|\d+(?:\.\d+)?|[a-z]+")
_CAMEL = re.compile(r"([a-z])([A-Z])")
_CLAUSE = re.compile(r"[.\n;:]")
_ITEM = re.compile(r", ?(?:and )?| and ")
_COMPARISON = re.compile(r"(==|!=|>=|<=|>|<)\s*(?:bool\s+)?(-?\d+(?:\.\d+)?)")
_FUNCTION = re.compile(r"([a-z_]{2,})\s*\(")
_RANGE = re.compile(r"\[\d+([smhdwy])")
_SELECTOR = re.compile(r"\{[^{}]*\}")


def features(report: Report) -> frozenset[str]:
    """Every feature of ``report``. Names of its own service say nothing about other services and are left out."""
    own = frozenset(_words(report.service)) | {re.sub(r"\W", "", report.service.lower())}
    title = [w for w in _words(report.title) if w not in own]
    body = [w for w in _words(report.text) if w not in own]
    found = _grams([*title, *body], 2)
    found |= {f"title {gram}" for gram in _grams(title, 2)} | _fragments(title)
    for name, listed in (
        ("listed", _longest_list(f"{report.title}\n{report.text}")),
        ("title lists", _longest_list(report.title)),
    ):
        found |= {f"{name} {n} or more" for n in (2, 3, 4, 5, 7) if listed >= n}
    return frozenset(found | _query_cues(report.expression))


def _words(text: str) -> list[str]:
    plain = _CAMEL.sub(r"\1 \2", _LINK.sub(" ", _TEMPLATE.sub(" ", text))).lower()
    return [word for token in _TOKEN.findall(plain) if len(word := _normal(token)) > 1]


def _normal(token: str) -> str:
    if token[0].isdigit():
        return _number(token)
    return token[:-1] if len(token) > 4 and token.endswith("s") and not token.endswith("ss") else token


def _number(token: str) -> str:
    if token in {"4xx", "5xx"}:
        return token
    value = float(token.rstrip("% "))
    if token.endswith("%"):
        return next((f"under {limit} %" for limit in (1, 5, 20, 50, 90) if value < limit), "90 % or more")
    if 400 <= value < 600 and value == int(value):
        return "4xx" if value < 500 else "5xx"
    return "<number>"


def _grams(words: list[str], longest: int) -> set[str]:
    return {" ".join(words[i : i + n]) for n in range(1, longest + 1) for i in range(len(words) - n + 1)}


def _fragments(words: list[str]) -> set[str]:
    """Parts of the title's words: names of monitors are put together from stems that no two of them share whole."""
    marked = [f"^{word}$" for word in words if word.isalpha()]
    return {FRAGMENT + word[i : i + n] for word in marked for n in (3, 4, 5) for i in range(len(word) - n + 1)}


def _longest_list(text: str) -> int:
    """How many things the longest enumeration names: "A, B and C" is three. A wide reach is a bad sign."""
    clauses = (" ".join(clause.split()) for clause in _CLAUSE.split(text))
    return max(len([item for item in _ITEM.split(clause) if item]) for clause in clauses)


def _query_cues(expression: str) -> set[str]:
    """What kind of condition a query states; which metric it reads matters less."""
    cues = {f"query {operator} {_magnitude(float(number))}" for operator, number in _COMPARISON.findall(expression)}
    bare = _SELECTOR.sub(" ", expression)
    cues |= {f"query calls {name}" for name in _FUNCTION.findall(bare)}
    return cues | {f"query looks back by {unit}" for unit in _RANGE.findall(expression)}


def _magnitude(value: float) -> str:
    """A threshold without its unit; shares are told from counts, high shares from the rest."""
    if value in (0.0, 1.0):
        return f"{value:g}"
    if 0 < value < 1:
        return "a share of 0.9 or more" if value >= 0.9 else "a share"
    if 50 <= value <= 100:
        return "90 or more" if value >= 90 else "50 to 90"
    return "a few" if value < 50 else "many"
