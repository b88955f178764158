"""Preparing: boards of incidents with a known cause, kept while nothing that makes them has changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.datasets.synthetic import synthesize
from data.errors import InputError
from models.rankers.examples import digest_of, load
from pipelines.prepare import Source, examples_of, prepare, without


def test_made_incidents_become_boards_with_the_guilty_marked(tmp_path: Path) -> None:
    path = prepare(Source("synthetic", "3", seed=5), tmp_path)
    system, examples = load(path)
    assert system == "synthetic"
    assert {e.case for e in examples} == {0, 1, 2}
    shares = [sum(e.share for e in examples if e.showing == n) for n in {e.showing for e in examples}]
    assert shares == pytest.approx([1.0] * 3)
    assert any(e.guilty.any() for e in examples)
    written = path.stat().st_mtime_ns
    assert prepare(Source("synthetic", "3", seed=5), tmp_path).stat().st_mtime_ns == written, "it was made twice"
    assert digest_of(path) != Source("synthetic", "3", seed=6).digest


def test_what_is_read_back_is_what_was_saved_and_holds_no_name(tmp_path: Path) -> None:
    case = synthesize((7, 1), services=(5, 8), kind="cpu_hog")
    made = examples_of(case, 0, 0)
    from models.rankers.examples import save

    save(tmp_path / "x.npz", made, system="synthetic", digest="d")
    _, again = load(tmp_path / "x.npz")
    for mine, theirs in zip(made, again, strict=True):
        assert np.allclose(mine.board.signs, theirs.board.signs, rtol=1e-6)
        assert np.array_equal(mine.board.edges, theirs.board.edges)
        assert np.array_equal(mine.guilty, theirs.guilty)
        assert mine.board.alerting == theirs.board.alerting
        assert not set(mine.board.services) & set(theirs.board.services)
    assert made[0].guilty.sum() == len(case.truth().services)


def test_a_source_can_be_taken_away() -> None:
    telemetry = synthesize((7, 2), services=(5, 8), kind="exception").telemetry
    bare = without(telemetry, ("spans", "logs", "graph"))
    assert bare.spans.empty
    assert bare.logs.empty
    assert not bare.graph
    assert bare.metrics is telemetry.metrics


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is none of"):
        prepare(Source("elsewhere", str(tmp_path)), tmp_path)


def test_boards_of_other_channels_are_refused(tmp_path: Path) -> None:
    path = prepare(Source("synthetic", "1", seed=5), tmp_path)
    with np.load(path) as arrays:
        old = {**arrays, "channels": arrays["channels"][:-1]}
    np.savez(path, **old)
    with pytest.raises(InputError, match="prepare again"):
        load(path)
