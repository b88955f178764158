"""Impact from a whole incident: text, telemetry and graph together."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from data.domain import Alert, BlastRadius, Diagnosis, Severity
from data.impact import Impact
from data.telemetry import Metrics, SeriesKey, Telemetry
from pipelines.impact import impact_of, in_words

FIRED = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)


def diagnosis() -> Diagnosis:
    radius = BlastRadius(services=("db", "web"), symptomatic=("db", "web"))
    seen_until = datetime(2026, 1, 1, 0, 50, tzinfo=UTC)
    return Diagnosis(
        candidates=(),
        changes=(),
        no_change_probability=0.0,
        severity=Severity.high,
        blast_radius=radius,
        anomaly_score=0.9,
        evidence=(),
        unseen=(),
        as_of=seen_until,
        onset=FIRED,
    )


def test_text_telemetry_and_graph_make_one_answer_that_can_be_kept() -> None:
    clock = np.datetime64("2026-01-01", "us") + np.arange(60) * np.timedelta64(60, "s")
    failing = np.where(np.arange(60) < 30, 0.0, 0.05)
    failing[51:] = 1.0  # after what the diagnosis has seen
    keys = (SeriesKey("web", "error_ratio"), SeriesKey("web", "active_sessions"))
    telemetry = Telemetry(metrics=Metrics(clock, keys, np.stack([failing, np.full(60, 120.0)], axis=1)))
    alert = Alert(id="1", source="t", service="web", title="web fails", fired_at=FIRED, group="g")
    found = impact_of(alert, telemetry, diagnosis(), objective=0.99)
    assert found.failing == pytest.approx(0.05)
    assert round(found.burn_rate or 0) == 5
    assert found.users == 120
    assert found.services == ("db", "web")
    assert Impact.model_validate_json(found.model_dump_json()) == found
    assert "5.0% fail, 5 times" in in_words(found)
    assert "120 users" in in_words(found)


def test_an_incident_without_telemetry_has_an_impact_all_the_same() -> None:
    alert = Alert(id="1", source="t", service="web", title="web fails", fired_at=FIRED, group="g")
    found = impact_of(alert, Telemetry(metrics=Metrics.empty()), diagnosis(), objective=0.99)
    assert found.burn_rate is None
    assert in_words(found).startswith(f"impact looks {found.severity.value}")
