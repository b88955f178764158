"""From scores to probabilities: how sure to be, and how much to leave for what nobody saw.

The numbers are fitted, not chosen: ``pipelines/calibrate.py`` makes ``ranking.json`` from incidents of several systems,
each system held back in turn. A probability that is too low costs a second look; one that is too high sends somebody
to the wrong place at night: certainty is capped, and blind spots always cost some.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from models.calibration import softmax

SHIPPED = Path(__file__).with_name("ranking.json")


@dataclass(frozen=True)
class Confidence:
    """How scores become probabilities.

    Attributes:
        temperature: of the softmax over scores; higher is less sure.
        unseen: the score that "somewhere we cannot see" holds beside the services.
        blind: what each missing kind of telemetry adds to ``unseen``.
        most: all services together get no more than this, however clear the signs: of ``n`` incidents ever tried,
            none wrong, the rate of wrong answers may still be ``3 / n`` (the rule of three, Hanley 1983).
    """

    temperature: float
    unseen: float
    blind: float
    most: float


@lru_cache(maxsize=1)
def shipped() -> Confidence:
    """The fitted numbers that come with this package."""
    fitted = json.loads(SHIPPED.read_text(encoding="utf-8"))["confidence"]
    return Confidence(**fitted)


def probabilities(scores: Mapping[str, float], blind_spots: int, confidence: Confidence) -> dict[str, float]:
    """The probability of each service, in the order given; what they lack to one belongs to what nobody saw."""
    unseen = confidence.unseen + confidence.blind * blind_spots
    shares = softmax(np.array([*scores.values(), unseen]), confidence.temperature) * confidence.most
    return {service: float(share) for service, share in zip(scores, shares, strict=False)}
