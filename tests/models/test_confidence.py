"""How scores become probabilities."""

import numpy as np
import pytest

from models.confidence import Confidence, averaged_probabilities, probabilities
from models.rankers.state import champion

PLAIN = Confidence(temperature=0.5, unseen=0.6, blind=0.2, most=0.95)


def test_what_the_services_lack_to_one_is_left_for_what_nobody_saw() -> None:
    found = probabilities(np.array([1.0, 0.3]), 0, PLAIN)
    assert found[1] == pytest.approx((0.95 - found[0]) / 2), "the second ties with what nobody saw"
    assert found.sum() < 0.95


def test_no_score_makes_certain() -> None:
    assert probabilities(np.array([1e3]), 0, PLAIN)[0] == pytest.approx(0.95)


def test_each_blind_spot_and_a_higher_temperature_make_less_sure() -> None:
    scores = np.array([1.0, 0.2])
    sure = [probabilities(scores, n, PLAIN)[0] for n in range(3)]
    assert sure == sorted(sure, reverse=True)
    assert len(set(sure)) == 3
    assert probabilities(scores, 0, Confidence(1.0, 0.6, 0.2, 0.95))[0] < sure[0]


def test_a_crowd_of_candidates_may_make_less_sure() -> None:
    few, many = np.array([5.0, *np.zeros(4)]), np.array([5.0, *np.full(99, -50.0)])
    plain, wary = Confidence(1.0, 0.0, 0.1, 1.0), Confidence(1.0, 0.0, 0.1, 1.0, crowd=0.3)
    assert probabilities(many, 0, wary)[0] < probabilities(many, 0, plain)[0]
    assert probabilities(few, 0, wary)[0] > probabilities(many, 0, wary)[0]


def test_an_average_over_onsets_weighs_each_by_its_share() -> None:
    torn = [(0.75, np.array([9.0, 0.0])), (0.25, np.array([0.0, 9.0]))]
    found = averaged_probabilities(torn, 0, Confidence(0.2, -9.0, 0.1, 1.0))
    assert found == pytest.approx([0.75, 0.25], abs=1e-6)


def test_no_services_is_no_probability() -> None:
    assert len(probabilities(np.empty(0), 2, PLAIN)) == 0


def test_the_shipped_numbers_never_make_certain() -> None:
    fitted = champion().confidence
    assert fitted.most <= 0.97
    assert fitted.temperature > 0
    assert fitted.blind > 0, "what could not be seen has to lower the confidence"
