"""From scores to probabilities: how sure to be, and how much to leave for what nobody saw.

The odds between two candidates are the ratio of their scores to a power, not a function of their difference: how large
scores get depends on how much a system tells of itself, and a softmax of differences right for one system was far
too sure of another, or not sure enough (``docs/ranker.md``).

The numbers are fitted, not chosen: ``pipelines/calibrate.py`` takes them from answers about systems that were not
learned from. A probability that is too low costs a second look; one that is too high sends somebody to the wrong place
at night: certainty is capped, and blind spots always cost some.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        sharpen: the power to which an average over several onsets is raised, see :func:`sharpened`; 1 leaves it.
    """

    power: float
    floor: float
    unseen: float
    blind: float
    most: float
    least: float = 0.0
    sharpen: float = 1.0


def probabilities(scores: Floats, blind_spots: int, confidence: Confidence) -> Floats:
    """The probability of each service, in the order given; what they lack to one belongs to what nobody saw.

    A score below zero speaks against a service and counts as none.
    """
    unseen = confidence.unseen + confidence.blind * blind_spots
    held = np.append(np.maximum(np.asarray(scores, dtype=float), 0.0), unseen) + confidence.floor
    odds = (held / held.max()) ** confidence.power
    return np.asarray(odds[:-1] / odds.sum() * confidence.most)


def sharpened(average: Floats, confidence: Confidence) -> Floats:
    """The probability of each service from the mean of those found under several assumptions, in the order given.

    A mean of forecasts, each as sure as it should be, is less sure than it should be (Ranjan and Gneiting, "Combining
    probability forecasts", JRSS B 72, 2010), so it is made surer: odds raised to a power, as for single forecasts of
    many people (Satopää et al., "Combining multiple probability predictions using a simple logit model", International
    Journal of Forecasting 30, 2014). The order of the services stays.
    """
    held = np.asarray(average, dtype=float) / confidence.most
    odds = np.append(held, max(1.0 - held.sum(), 0.0))
    odds = (odds / odds.max()) ** confidence.sharpen
    return np.asarray(odds[:-1] / odds.sum() * confidence.most)


# The least of the leader's strongest sign, in ordinary variations (the three-sigma rule): some service always leads, in
# an hour in which nothing happened, too.
LEAST_SIGN = 3.0


def why_not(
    leaders: Mapping[str, float], elsewhere: float, confidence: Confidence, strongest: float = LEAST_SIGN
) -> str | None:
    """Why the leading service is not worth naming as the cause, in a clause; None where it is.

    To abstain where one would be wrong too often is classification with a reject option (Chow, 1970); what it buys is
    measured as risk over coverage (``models/calibration.py``).

    Args:
        leaders: services and their probabilities, best first.
        elsewhere: the probability of a cause that nobody saw.
        strongest: of the signs of trouble at the leader, in its ordinary variations.
    """
    if not leaders:
        return "nothing that was seen supports a cause"
    service, probability = next(iter(leaders.items()))
    if probability <= elsewhere:
        return (
            f"not enough telemetry: a cause that nobody saw ({elsewhere:.0%}) is as likely as {service} "
            f"({probability:.0%})"
        )
    if probability < confidence.least:
        return (
            f"no candidate stands out: {service} leads with {probability:.0%}, under the {confidence.least:.0%} "
            "from which one is named"
        )
    if strongest < LEAST_SIGN:
        return f"nothing seen of {service}, the likeliest, is clearly out of its ordinary variation"
    return None
