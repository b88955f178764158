"""What varies by its look: numbers, addresses, paths, dates and the like become one wildcard.

Two steps, because speed counts. :func:`mask_digits` runs on every line and only replaces what has a digit; lines
that then read the same share one :func:`shape_of`, which looks at words and runs once for all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Stands for "anything" in a shape; a character that log lines do not hold, so that their own stars stay what they are.
WILD = "\0"
# How a wildcard is written for people, as in the literature.
SHOWN = "<*>"
SEPARATORS = frozenset("=:,()[]{}\"';|<>#@&")
# Longer messages are dumps; what is beyond this many tokens is one wildcard.
MAX_TOKENS = 100

_SEPARATOR = r"\s=:,()\[\]{}\"';|<>#@&"
# A hexadecimal beginning is taken along: "ab12" and "cd12" would otherwise be two shapes.
_DIGITS = re.compile(rf"(?:\d|[a-fA-F]++\d)[^{_SEPARATOR}]*+")
_TOKEN = re.compile(rf"(\s*)([^{_SEPARATOR}]+|[{_SEPARATOR[2:]}])")
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
# What spans several words or separators. Digits are wildcards by now.
_PHRASES = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (rf"\b(?:{_DAY},?\s+)?(?:{_MONTH}\s+{WILD}|{WILD}[ -]{_MONTH}[ -]{WILD})", WILD),
        (r"\b[A-Za-z][A-Za-z+.-]*://[^\s,;()\[\]\"'<>]+", WILD),
        (rf"[\w.+{WILD}-]+@[\w{WILD}-]+(?:\.[\w{WILD}-]+)+", WILD),
        # The unit belongs to the number: 900 B and 1.2 KB are the same thing said.
        (rf"{WILD}\s?(?:[KMGTP]i?)?B\b", WILD),
        # A thing that may be absent, in brackets or quotes of its own. "init()" is a name, not an absence.
        (r"(?<=\s)\(\s*\)", f"({WILD})"),
        (r"(?<=\s)\[\s*\]", f"[{WILD}]"),
        (r'""', f'"{WILD}"'),
    )
)
_VARIABLE_WORD = re.compile(
    rf"""(?x)
    .*{WILD}.*
    | [/\\] .+ | .+ / .* / .*                                  # a path
    | (?:[\w-]+\.)+ (?:com|net|org|edu|gov|local|internal|(?:com|co|edu|ac|net|org|gov)\.[a-z][a-z])  # a host
    | [0-9a-f]{{8,}} | [0-9A-F]{{8,}}
    | [Tt]rue | TRUE | [Ff]alse | FALSE
    """
)
# Words that are values only where a value is expected: a "nil pointer" is none.
_VALUE = re.compile(r"(?i:yes|no|none|on|off|null|nil|undefined)")
_JOINTS = frozenset(":,.@#&|=-")


@dataclass(frozen=True)
class Shape:
    """A message without what varies: ``tokens`` are words, separators and wildcards.

    ``spaced[i]`` tells whether white space stood before token ``i``; it plays no part in comparisons.
    """

    tokens: tuple[str, ...]
    spaced: tuple[bool, ...]


def mask_digits(text: str) -> str:
    """``text`` with everything that has a digit in it, from the digit to the end of the word, a wildcard."""
    return _DIGITS.sub(WILD, text)


def shape_of(masked: str) -> Shape:
    """The shape of a message that :func:`mask_digits` has been through."""
    for pattern, by in _PHRASES:
        masked = pattern.sub(by, masked)
    found = _TOKEN.findall(masked)
    tokens: list[str] = []
    for _, word in found[:MAX_TOKENS]:
        tokens.append(WILD if _varies(word, tokens[-1] if tokens else "") else word)
    if len(found) > MAX_TOKENS:
        tokens.append(WILD)
    return collapse(tokens, [bool(space) for space, _ in found[: len(tokens)]])


def _varies(word: str, before: str) -> bool:
    if word in SEPARATORS:
        return False
    return bool(_VARIABLE_WORD.fullmatch(word) or (before in {"=", ":"} and _VALUE.fullmatch(word)))


def collapse(tokens: list[str] | tuple[str, ...], spaced: list[bool] | tuple[bool, ...]) -> Shape:
    """One wildcard for several in a row, bare or joined by one separator: an address and its port, a list of ids."""
    kept: list[int] = []
    for i, token in enumerate(tokens):
        if token == WILD and kept:
            if tokens[kept[-1]] == WILD:
                continue
            if len(kept) > 1 and tokens[kept[-1]] in _JOINTS and tokens[kept[-2]] == WILD:
                kept.pop()
                continue
        kept.append(i)
    return Shape(tuple(tokens[i] for i in kept), tuple(spaced[i] for i in kept))


def is_word(token: str) -> bool:
    """Neither a wildcard nor a separator."""
    return token != WILD and token not in SEPARATORS


def written(shape: Shape) -> str:
    """The shape for people to read, wildcards as ``<*>``."""
    pairs = enumerate(zip(shape.tokens, shape.spaced, strict=True))
    return "".join((" " if space and i else "") + token for i, (token, space) in pairs).replace(WILD, SHOWN)
