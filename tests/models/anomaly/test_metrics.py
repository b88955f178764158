"""Our figures must be those others publish: worked by hand here, compared with TSB-AD's code when they were written."""

from __future__ import annotations

import numpy as np
import pytest

from models.anomaly.metrics import Stretch, auc_pr, best_f1, stretches, tolerance_of, vus_pr


def labels(rows: int, *runs: tuple[int, int]) -> np.ndarray:
    out = np.zeros(rows, dtype=int)
    for first, last in runs:
        out[first : last + 1] = 1
    return out


def test_stretches_are_runs_of_ones_with_both_ends() -> None:
    assert stretches([1, 1, 0, 1, 0, 0, 1]) == [Stretch(0, 1), Stretch(3, 3), Stretch(6, 6)]
    assert stretches([0, 0]) == []


def test_perfect_scores_are_perfect_without_tolerance() -> None:
    truth = labels(200, (50, 59), (120, 129))
    assert vus_pr(truth, truth.astype(float), 0) == pytest.approx(1.0)
    assert auc_pr(truth, truth.astype(float)) == pytest.approx(1.0)
    assert best_f1(truth, truth.astype(float)) == pytest.approx(1.0)


def test_one_of_two_stretches_found_is_worth_a_quarter_of_the_recall() -> None:
    truth = labels(300, (50, 59), (120, 129))
    scores = labels(300, (50, 59)).astype(float)
    # Half of the rows in half of the stretches, at full precision; the other half comes with everything flagged.
    assert vus_pr(truth, scores, 0) == pytest.approx(0.25 * 1.0 + 0.75 * 20 / 300)


def test_a_near_miss_counts_with_tolerance_and_not_without() -> None:
    truth = labels(300, (100, 109))
    late = labels(300, (110, 114)).astype(float)
    far = labels(300, (200, 204)).astype(float)
    assert vus_pr(truth, late, 0) == pytest.approx(vus_pr(truth, far, 0))
    assert vus_pr(truth, late, 40) > vus_pr(truth, far, 40) + 0.1


def test_figures_of_tsb_ad_are_reproduced() -> None:
    """TSB-AD 1.5's ``generate_curve(labels, scores, tolerance, 'opt', 250)`` gave these for this record."""
    rows = np.arange(400)
    truth = labels(400, (60, 79), (200, 203), (350, 399))
    scores = np.abs(np.sin(rows * 0.7)) + 2.0 * labels(400, (65, 90), (352, 370)) + np.cos(rows * 0.05) ** 2
    assert [vus_pr(truth, scores, t) for t in (0, 7, 40)] == pytest.approx(
        [0.5492754058150209, 0.5728176798680904, 0.7299799073169589]
    )


def test_order_is_all_that_counts() -> None:
    rng = np.random.default_rng(0)
    truth = labels(300, (50, 59), (120, 149))
    scores = rng.random(300)
    assert vus_pr(truth, scores, 20) == pytest.approx(vus_pr(truth, np.exp(5 * scores), 20))


def test_the_tolerance_is_the_period() -> None:
    assert tolerance_of(np.sin(2 * np.pi * np.arange(2000) / 24)) == 24
    assert tolerance_of(np.zeros(100)) == 125


@pytest.mark.parametrize(
    ("truth", "scores"), [([0, 0], [1.0, 2.0]), ([1, 1], [1.0, 2.0]), ([0, 1], [1.0]), ([0, 1], [1.0, np.nan])]
)
def test_what_cannot_be_scored_is_refused(truth: list[int], scores: list[float]) -> None:
    with pytest.raises(ValueError, match=r"row|score"):
        vus_pr(truth, np.array(scores), 5)
