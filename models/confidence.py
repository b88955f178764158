"""From scores to probabilities: how sure to be, and how much to leave for what nobody saw.

The numbers are fitted, not chosen: ``pipelines/calibrate.py`` takes them from answers about systems that were not
learned from. A probability that is too low costs a second look; one that is too high sends somebody to the wrong place
at night: certainty is capped, and blind spots always cost some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.telemetry import Floats
from models.calibration import softmax


@dataclass(frozen=True)
class Confidence:
    """How scores become probabilities.

    Attributes:
        temperature: of the softmax over scores; higher is less sure.
        crowd: the temperature grows with the number of candidates to this power: among hundreds of services some
            look bad by chance. Negative where the others' being well is itself evidence.
        unseen: the log-odds that "somewhere we cannot see" holds beside a service without any evidence.
        blind: what each missing kind of telemetry adds to ``unseen``; positive.
        most: all services together get no more than this, however clear the signs: of ``n`` incidents ever tried,
            none wrong, the rate of wrong answers may still be ``3 / n`` (the rule of three, Hanley 1983).
        least: under this probability of the leader, the answer is that it cannot be told.
    """

    temperature: float
    unseen: float
    blind: float
    most: float
    crowd: float = 0.0
    least: float = 0.0


def probabilities(scores: Floats, blind_spots: int, confidence: Confidence) -> Floats:
    """The probability of each service, in the order given; what they lack to one belongs to what nobody saw."""
    scores = np.asarray(scores, dtype=float)
    if not len(scores):
        return scores
    temperature = confidence.temperature * len(scores) ** confidence.crowd
    unseen = confidence.unseen + confidence.blind * blind_spots
    return softmax(np.append(scores / temperature, unseen))[:-1] * confidence.most


def averaged_probabilities(views: Sequence[tuple[float, Floats]], blind_spots: int, confidence: Confidence) -> Floats:
    """The same, where there are several views of one incident, each probable by its share; shape (S,)."""
    return np.asarray(sum(share * probabilities(scores, blind_spots, confidence) for share, scores in views))
