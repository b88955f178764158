"""Quiet windows hold no fault, and accusations in them are counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.datasets import Case, Truth
from data.domain import Alert
from data.errors import InputError
from data.telemetry import Metrics, SeriesKey, Telemetry, to_datetime64
from pipelines.bench import quiet
from pipelines.evaluate import Answer
from pipelines.fan_out import ALONE

T0 = datetime(2024, 1, 1, tzinfo=UTC)


def case(name: str, fault: int = 100, samples: int = 150) -> Case:
    """A fault at sample ``fault`` that nothing can hide, and an alert at the same time."""
    values = np.random.default_rng(0).normal(1, 0.1, (samples, 2))
    values[fault:] = 1e6
    clock = to_datetime64(T0) + np.arange(samples) * np.timedelta64(1, "s")
    alert = Alert(id=name, source="test", service="a", title="", fired_at=T0 + timedelta(seconds=fault), group=name)
    metrics = Metrics(clock, (SeriesKey("a", "cpu"), SeriesKey("b", "cpu")), values)
    return Case(name, "one", alert, Telemetry(metrics), lambda: Truth(("a",)))


def test_a_quiet_window_ends_before_the_fault_with_an_alert_of_its_own() -> None:
    ends = set()
    for i in range(30):
        window = quiet.before_the_fault(case(f"case-{i}"), guard=1)
        assert window is not None
        assert window.telemetry.metrics.values.max() < 10
        assert window.alert.fired_at == T0 + timedelta(seconds=len(window.telemetry.metrics.timestamps) - 1)
        assert window.truth() == Truth(())
        ends.add(window.alert.fired_at)
    assert len(ends) > 10
    assert min(ends) >= T0 + timedelta(seconds=49)


def test_the_end_follows_the_seed_and_short_recordings_are_left_out() -> None:
    first, second, other = (quiet.before_the_fault(case("c"), 1, seed=s) for s in (1, 1, 2))
    assert first is not None
    assert second is not None
    assert other is not None
    assert first.alert == second.alert != other.alert
    assert quiet.before_the_fault(case("c", fault=20), guard=3) is None


def test_accusations_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([
        Answer({"a": 0.9}, 0.9, {"c1": 0.7}, 0.3),
        Answer({"a": 0.6}, 0.6, {"c1": 0.2}, 0.8),
        Answer({"a": 0.1}, 0.1, {}, 1.0, abstained=True),
        Answer({}, 0.0, {}, 1.0, abstained=True),
    ])  # fmt: skip
    monkeypatch.setattr(quiet, "rank_with_qai", lambda alert, telemetry: next(said))
    found = quiet.judge(case(str(i)) for i in range(4))
    assert found["service"] == {"0.3": 0.5, "0.5": 0.5, "0.8": 0.25}
    assert (found["windows"], found["answered"], found["mean_confidence"]) == (4, 0.5, pytest.approx(0.4))
    assert (found["change"], found["windows_with_changes"]) == (0.5, 2)
    assert found["interval"][0] <= 0.5 <= found["interval"][1]


def test_without_a_window_there_is_no_figure() -> None:
    with pytest.raises(InputError, match="no window"):
        quiet.judge(iter(()))


def test_made_windows_have_no_fault_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Mapping[str, object]] = []

    def look(alert: Alert, telemetry: Telemetry) -> Answer:
        shown.append({"service": alert.service, "at": alert.fired_at})
        return Answer({}, 0.0)

    monkeypatch.setattr(quiet, "rank_with_qai", look)
    found = quiet.false_alarms([], limit=None, made=3, workers=ALONE, seed=0, told=lambda doing: None)
    assert set(found) == {"synthetic"}
    assert found["synthetic"]["windows"] == 3
    assert len({str(window) for window in shown}) == 3
