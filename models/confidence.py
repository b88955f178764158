"""From scores to probabilities: how sure to be, and how much to leave for what nobody saw.

The odds between two candidates are the ratio of their scores to a power, not a function of their difference: how large
scores get depends on how much a system tells of itself, and a softmax of differences right for one system was far
too sure of another, or not sure enough (``docs/ranker.md``).

The numbers are fitted, not chosen: ``pipelines/calibrate.py`` takes them from answers about systems that were not
learned from. A probability that is too low costs a second look; one that is too high sends somebody to the wrong place
at night: certainty is capped, and blind spots always cost some.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.telemetry import Floats


@dataclass(frozen=True)
class Confidence:
    """How scores become probabilities.

    Attributes:
        power: of the ratio of two scores that makes their odds; higher is surer of the leader.
        floor: added to every score, so that the smallest of signs do not count as against nothing.
        unseen: the score that "somewhere we cannot see" holds beside the services.
        blind: what each missing kind of telemetry adds to ``unseen``; positive.
        most: all services together get no more than this, however clear the signs: of ``n`` incidents ever tried,
            none wrong, the rate of wrong answers may still be ``3 / n`` (the rule of three, Hanley 1983).
        least: under this probability of the leader, the answer is that it cannot be told.
    """

    power: float
    floor: float
    unseen: float
    blind: float
    most: float
    least: float = 0.0


def probabilities(scores: Floats, blind_spots: int, confidence: Confidence) -> Floats:
    """The probability of each service, in the order given; what they lack to one belongs to what nobody saw.

    A score below zero speaks against a service and counts as none.
    """
    unseen = confidence.unseen + confidence.blind * blind_spots
    held = np.append(np.maximum(np.asarray(scores, dtype=float), 0.0), unseen) + confidence.floor
    odds = (held / held.max()) ** confidence.power
    return np.asarray(odds[:-1] / odds.sum() * confidence.most)


def can_tell(leader: float, confidence: Confidence) -> bool:
    """Whether the leading candidate's probability is worth naming it; if not, the honest answer is "cannot tell"."""
    return leader >= confidence.least
