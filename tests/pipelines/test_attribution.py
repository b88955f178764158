"""What a causal model says stands beside the ranking, or why it says nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.datasets.common import times_from_epoch
from data.domain import Alert, Diagnosis, EvidenceKind
from data.errors import ConfigError, ModelError
from data.telemetry import Metrics, SeriesKey, Telemetry
from data.topology import ServiceGraph
from models.causal import Nodes, dowhy_gcm
from models.causal.dowhy_gcm import Question
from pipelines.attribution import attributed, with_attribution
from pipelines.investigate import investigate

START = datetime(2030, 1, 1, tzinfo=UTC)
FAULT = 100
ALERT = Alert(id="a", source="t", service="web", title="slow", fired_at=START + timedelta(seconds=10 * (FAULT + 6)),
              group="g", metric="latency_p95")  # fmt: skip
CALLS = [("web", "cart"), ("cart", "db"), ("web", "ads")]


@pytest.fixture(scope="module")
def telemetry() -> Telemetry:
    """Each service takes a time of its own and that of its callees; that of ``db`` trebles."""
    rng = np.random.default_rng(4)
    own = {s: rng.normal(20, 2, FAULT + 20) for s in ("web", "cart", "db", "ads")}
    own["db"][FAULT:] += 60
    cart = own["cart"] + own["db"]
    shown = {"db": own["db"], "ads": own["ads"], "cart": cart, "web": own["web"] + cart + own["ads"]}
    clock = times_from_epoch(START.timestamp() + 10.0 * np.arange(FAULT + 20))
    keys = tuple(SeriesKey(s, "latency_p95") for s in shown)
    return Telemetry(Metrics(clock, keys, np.stack(list(shown.values()), axis=1)), graph=ServiceGraph(CALLS))


@pytest.fixture(scope="module")
def diagnosis(telemetry: Telemetry) -> Diagnosis:
    return investigate(ALERT, telemetry)


def test_what_it_says_is_evidence_of_its_own_and_changes_no_probability(
    telemetry: Telemetry, diagnosis: Diagnosis
) -> None:
    def ask(nodes: Nodes) -> dict[Question, dict[str, float]]:
        assert nodes.target == "web"
        assert nodes.incident[:, nodes.services.index("db")].mean() > 70
        return {Question.change: {"db": 54.0, "web": 5.0, "cart": 6.0, "ads": -1.0}, Question.anomaly: {"db": 2.0}}

    found = with_attribution(diagnosis, ALERT, telemetry, ask=ask)
    assert found.candidates == diagnosis.candidates
    assert found.evidence[: len(diagnosis.evidence)] == diagnosis.evidence
    assert [(item.service, item.summary) for item in attributed(found)] == [
        ("db", "db itself changed: that accounts for 83% of what changed at web"),
        ("db", "a disturbance of db itself accounts for 100% of what is unusual at web"),
    ]
    assert not attributed(diagnosis)
    assert len({item.id for item in found.evidence}) == len(found.evidence)


def test_what_was_not_answered_in_time_is_said(telemetry: Telemetry, diagnosis: Diagnosis) -> None:
    found = with_attribution(diagnosis, ALERT, telemetry, budget_s=7, ask=lambda nodes: {Question.change: {"db": 1.0}})
    assert attributed(found)[-1].summary == "no causal attribution: 1 of 2 questions took longer than 7 s"
    assert attributed(found)[-1].kind is EvidenceKind.missing


def test_without_a_graph_or_where_dowhy_fails_it_says_why(telemetry: Telemetry, diagnosis: Diagnosis) -> None:
    def fail(nodes: Nodes) -> dict[Question, dict[str, float]]:
        raise ModelError("dowhy could not attribute: singular matrix")

    lonely = with_attribution(diagnosis, ALERT, replace(telemetry, graph=ServiceGraph()), ask=fail)
    assert "needs a call graph" in attributed(lonely)[0].summary
    failed = with_attribution(diagnosis, ALERT, telemetry, ask=fail)
    assert "singular matrix" in attributed(failed)[0].summary


def test_without_the_extra_it_names_the_remedy(
    telemetry: Telemetry, diagnosis: Diagnosis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"qai-sre\[causal\]"):
        dowhy_gcm.require_dowhy()
    with pytest.raises(ConfigError, match=r"qai-sre\[causal\]"):
        with_attribution(diagnosis, ALERT, telemetry)
