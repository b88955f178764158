"""How scores become probabilities."""

import pytest

from models.confidence import Confidence, probabilities, shipped

PLAIN = Confidence(temperature=0.5, unseen=0.3, blind=0.1, most=0.95)


def test_what_the_services_lack_to_one_is_left_for_what_nobody_saw() -> None:
    found = probabilities({"a": 1.0, "b": 0.3}, 0, PLAIN)
    assert found["b"] == pytest.approx((0.95 - found["a"]) / 2), "b ties with what nobody saw"
    assert sum(found.values()) < 0.95


def test_no_score_makes_certain() -> None:
    assert probabilities({"a": 1e3}, 0, PLAIN)["a"] == pytest.approx(0.95)


def test_each_blind_spot_and_a_higher_temperature_make_less_sure() -> None:
    sure = [probabilities({"a": 1.0, "b": 0.2}, n, PLAIN)["a"] for n in range(3)]
    assert sure == sorted(sure, reverse=True)
    hot = Confidence(1.0, 0.3, 0.1, 0.95)
    assert probabilities({"a": 1.0, "b": 0.2}, 0, hot)["a"] < sure[0]


def test_no_services_is_no_probability() -> None:
    assert probabilities({}, 2, PLAIN) == {}


def test_the_shipped_numbers_say_how_they_were_made_and_never_make_certain() -> None:
    fitted = shipped()
    assert fitted.most <= 0.95
    assert fitted.temperature > 0
    assert fitted.blind > 0, "what could not be seen has to lower the confidence"
