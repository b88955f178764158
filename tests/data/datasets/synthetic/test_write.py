"""Made incidents on disk: read back by the bundle source and by the benchmark, the same bytes for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.datasets import Truth, load
from data.datasets.synthetic import synthesize
from data.datasets.synthetic.write import write_case
from data.sources.bundle import read_alert, read_telemetry


@pytest.mark.parametrize("seed", range(6))
def test_what_is_written_is_read_back(tmp_path: Path, seed: int) -> None:
    case = synthesize(seed)
    write_case(tmp_path / case.id, case)
    alert, telemetry = read_alert(tmp_path / case.id), read_telemetry(tmp_path / case.id)
    assert (alert.service, alert.fired_at, alert.metric) == (case.alert.service, case.alert.fired_at, case.alert.metric)
    assert telemetry.metrics.keys == case.telemetry.metrics.keys
    np.testing.assert_array_equal(telemetry.metrics.values, _without_empty_rows(case.telemetry.metrics.values))
    assert telemetry.graph.edges == case.telemetry.graph.edges
    assert telemetry.graph.hosts == case.telemetry.graph.hosts
    assert [c.model_dump() for c in telemetry.changes] == [c.model_dump() for c in case.telemetry.changes]
    assert list(telemetry.logs["message"]) == list(case.telemetry.logs["message"])
    assert list(telemetry.logs["timestamp"]) == list(case.telemetry.logs["timestamp"])
    assert list(telemetry.spans["span_id"]) == list(case.telemetry.spans["span_id"])


def _without_empty_rows(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values).any(axis=1)]


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for seed in range(3):
            write_case(tmp_path / folder / str(seed), synthesize(seed))
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert len(files) > 9
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_benchmark_reads_the_labels(tmp_path: Path) -> None:
    made = {}
    for seed in range(4):
        case = synthesize((2, seed))
        write_case(tmp_path / case.id, case)
        made[case.id] = case.truth()
    for case in load("bundles", tmp_path):
        truth, label = case.truth(), made[case.alert.id]
        assert (truth.services, truth.changes, truth.decoys) == (label.services, label.changes, label.decoys)
        assert truth.indicators == label.indicators


def test_other_cases_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="made incidents"):
        write_case(tmp_path, replace(synthesize(0), label=lambda: Truth(("a",))))
