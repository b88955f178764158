"""A causal model is asked beside the ranking where a setting says so, and what it needs is said at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.domain import Alert, now
from data.errors import ConfigError
from data.settings import load_settings
from data.telemetry import Telemetry
from pipelines.attribution import attributed
from pipelines.champion import Loaded, champion_below
from serving.investigators import investigator

ALERT = Alert(id="a", source="test", service="web", title="web is slow", fired_at=now(), group="g")


def shipped() -> Loaded:
    return champion_below(Path("nowhere"))


def test_what_a_causal_model_says_is_kept_with_the_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    asking = investigator(load_settings(causal_s=5.0), shipped)
    plain = investigator(load_settings(causal_s=None), shipped)
    assert [item.source for item in attributed(asking(ALERT, Telemetry()))] == ["causal"]
    assert attributed(plain(ALERT, Telemetry())) == ()


def test_without_the_extra_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"qai-sre\[causal\]"):
        investigator(load_settings(causal_s=5.0), shipped)
