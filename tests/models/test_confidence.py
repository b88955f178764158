"""How scores become probabilities."""

from dataclasses import replace

import numpy as np
import pytest

from models.confidence import Confidence, probabilities, sharpened, why_not
from models.rankers.state import champion

PLAIN = Confidence(power=2.0, floor=0.1, unseen=0.6, blind=0.2, most=0.95, least=0.3)


def test_what_the_services_lack_to_one_is_left_for_what_nobody_saw() -> None:
    found = probabilities(np.array([3.0, 0.6]), 0, PLAIN)
    assert found[1] == pytest.approx((0.95 - found[0]) / 2), "the second ties with what nobody saw"
    assert found.sum() < 0.95


def test_no_score_makes_certain() -> None:
    assert probabilities(np.array([1e6]), 0, PLAIN)[0] == pytest.approx(0.95)


def test_each_blind_spot_and_a_lower_power_make_less_sure() -> None:
    scores = np.array([3.0, 0.2])
    sure = [probabilities(scores, n, PLAIN)[0] for n in range(4)]
    assert sure == sorted(sure, reverse=True)
    assert len(set(sure)) == 4
    assert probabilities(scores, 0, Confidence(1.0, 0.1, 0.6, 0.2, 0.95))[0] < sure[0]


def test_how_large_scores_get_in_a_system_hardly_matters() -> None:
    quiet, loud = (probabilities(size * np.array([4.0, 2.0, 1.0]), 0, PLAIN) for size in (2.0, 8.0))
    assert loud[0] / loud[1] == pytest.approx(quiet[0] / quiet[1], rel=0.05)


def test_what_speaks_against_a_service_counts_as_no_score() -> None:
    assert probabilities(np.array([2.0, -5.0]), 0, PLAIN) == pytest.approx(
        probabilities(np.array([2.0, 0.0]), 0, PLAIN)
    )


def test_no_services_is_no_probability() -> None:
    assert len(probabilities(np.empty(0), 2, PLAIN)) == 0


def test_a_mean_of_forecasts_is_made_surer_in_the_same_order() -> None:
    mean, surer = np.array([0.2, 0.4, 0.1]), replace(PLAIN, sharpen=2.0)
    found = sharpened(mean, surer)
    assert found.argsort().tolist() == mean.argsort().tolist()
    assert found[1] > mean[1]
    assert found[1] / found[0] == pytest.approx(4.0), "odds to the power"
    assert found.sum() < PLAIN.most
    assert sharpened(mean, PLAIN) == pytest.approx(mean), "the power one leaves it"


def test_a_surer_mean_is_never_certain_and_none_is_none() -> None:
    surer = replace(PLAIN, sharpen=3.0)
    assert sharpened(np.array([0.95]), surer)[0] == pytest.approx(0.95)
    assert sharpened(np.array([0.0, 0.0]), surer).tolist() == [0.0, 0.0]
    assert len(sharpened(np.empty(0), surer)) == 0


def test_a_leader_under_the_least_probability_is_not_named() -> None:
    assert why_not({"cart": 0.31, "db": 0.2}, 0.1, PLAIN) is None
    assert "no candidate stands out: cart leads with 29%, under the 30%" in str(why_not({"cart": 0.29}, 0.1, PLAIN))


def test_a_leader_no_likelier_than_what_nobody_saw_or_without_a_clear_sign_is_not_named() -> None:
    assert why_not({"cart": 0.5}, 0.45, PLAIN) is None
    assert "not enough telemetry: a cause that nobody saw (48%)" in str(why_not({"cart": 0.48}, 0.48, PLAIN))
    assert "out of its ordinary variation" in str(why_not({"cart": 0.9}, 0.1, PLAIN, strongest=2.9))
    assert "nothing that was seen" in str(why_not({}, 1.0, PLAIN))


def test_the_shipped_numbers_never_make_certain() -> None:
    fitted = champion().confidence
    assert fitted.most <= 0.97
    assert fitted.power > 0
    assert fitted.blind > 0, "what could not be seen has to lower the confidence"
