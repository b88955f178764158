from __future__ import annotations

import numpy as np
import pytest

from models.anomaly.metrics import Stretch
from models.anomaly.nab import Record, nab_score, probation

WINDOWS = [Stretch(400, 449), Stretch(700, 749)]


def scores(*rows: int) -> np.ndarray:
    out = np.zeros(1000)
    out[list(rows)] = 1.0
    return out


def test_finding_every_window_at_its_first_row_is_perfect() -> None:
    result = nab_score([Record(scores(400, 700), WINDOWS)])
    # The first row of a window lies a step within it: NAB's own sigmoid gives it all but the whole point.
    assert result.value == pytest.approx(100.0, abs=0.1)
    assert result.threshold == 1.0


def test_silence_scores_nothing() -> None:
    assert nab_score([Record(np.zeros(1000), WINDOWS)]).value == pytest.approx(0.0)


def test_a_late_detection_is_worth_less_than_an_early_one() -> None:
    early, late = (nab_score([Record(scores(row, 700), WINDOWS)]).value for row in (405, 440))
    assert 50 < late < early < 100


def test_a_far_false_alarm_costs_its_weight() -> None:
    clean = nab_score([Record(scores(400, 700), WINDOWS)]).value
    noisy = nab_score([Record(scores(300, 400, 700), WINDOWS)]).value
    assert clean - noisy == pytest.approx(100 * 0.11 / 4)


def test_the_learning_part_does_not_count() -> None:
    assert probation(1000) == 150
    assert probation(100_000) == 750
    assert nab_score([Record(scores(10, 400, 700), WINDOWS)]).value == pytest.approx(100.0, abs=0.1)


def test_a_corpus_without_windows_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="window"):
        nab_score([Record(np.zeros(1000), [])])
