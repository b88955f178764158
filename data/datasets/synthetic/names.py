"""Opaque names: pseudo-words that say nothing of what a service does or of what will happen to it."""

from __future__ import annotations

import numpy as np

_ONSETS = ("b", "br", "d", "dr", "f", "g", "gr", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "z", "h", "j")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ei", "ou")
_CODAS = ("", "", "n", "r", "l", "s", "x", "m")
_STYLES = ("{}", "{}-service", "{}service", "{}-svc", "svc-{}", "ts-{}", "{}-prod", "app.{}")


def words(rng: np.random.Generator, count: int, *, syllables: tuple[int, int] = (2, 3)) -> list[str]:
    """``count`` different pseudo-words."""
    found: dict[str, None] = {}
    while len(found) < count:
        lengths = rng.integers(syllables[0], syllables[1] + 1, size=count)
        draws = rng.integers(0, 1 << 30, size=(count, syllables[1], 3))
        for length, draw in zip(lengths, draws, strict=True):
            found.setdefault("".join(_syllable(*map(int, parts)) for parts in draw[:length]))
    return list(found)[:count]


def service_names(rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Names in the style of one team; a large system needs a third syllable to stay free of repeats."""
    style = _STYLES[int(rng.integers(len(_STYLES)))]
    return tuple(style.format(word) for word in words(rng, count, syllables=(2, 3)))


def hex_id(rng: np.random.Generator, digits: int) -> str:
    """A random identifier of hexadecimal digits, as commits, traces and pods have."""
    return rng.bytes((digits + 1) // 2).hex()[:digits]


def _syllable(onset: int, vowel: int, coda: int) -> str:
    return _ONSETS[onset % len(_ONSETS)] + _VOWELS[vowel % len(_VOWELS)] + _CODAS[coda % len(_CODAS)]
