from __future__ import annotations

import numpy as np

from models.anomaly.online import Online


def test_news_is_told_once_and_learning_is_silent() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=900)
    values[600:640] += 30
    scores = Online(warm_up=200, refit=100, quiet=100).score(values)
    assert not scores[:200].any()
    assert 600 <= int(np.argmax(scores)) < 640
    # Some forty rows are out of the ordinary: a few of them are news.
    assert 0 < (scores[600:640] > 2).sum() < 20


def test_what_lasts_becomes_normal() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=1600)
    values[600:] += 30
    scores = Online(warm_up=200, memory=400, refit=100, quiet=50).score(values)
    assert scores[600:610].max() > 5
    assert scores[1200:].max() < 2
