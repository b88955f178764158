"""One piece of evidence for or against an explanation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Signal(NamedTuple):
    """``weight`` adds to the log-odds of an explanation; ``reason`` says why, in a sentence a person can check.

    ``family`` names the kind of evidence, for fitting how far each kind is to be trusted (``weighing.py``).
    """

    weight: float
    reason: str
    family: str = ""


def named(family: str, signals: Iterable[Signal]) -> list[Signal]:
    """``signals`` with the family's name, where they have none of their own."""
    return [s if s.family else s._replace(family=family) for s in signals]


def total(signals: Iterable[Signal]) -> float:
    return sum(signal.weight for signal in signals)


def sentences(signals: Iterable[Signal]) -> tuple[str, ...]:
    """The reasons of the signals that moved anything, the strongest first."""
    moved = sorted((s for s in signals if s.weight), key=lambda s: (-abs(s.weight), s.reason))
    return tuple(f"{s.reason} ({s.weight:+.1f})" for s in moved)
