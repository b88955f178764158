"""Services of which next to nothing was seen."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.domain import Alert
from data.telemetry import Floats, Metrics, SeriesKey
from data.topology import ServiceGraph
from models.evidence import MAX_CITED, Ledger, candidates_from
from models.faint import LEFT, MAX_RANKED, faint_findings, with_everybody
from models.features import Period, change_scores
from models.ranking import rank_services
from models.sentences import MetricBlock

START = datetime(2026, 1, 1, tzinfo=UTC)
ONSET = START + timedelta(minutes=40)
SERVICES = [f"s{i:02}" for i in range(4)]
PERIOD = Period(ONSET, ONSET, START + timedelta(minutes=60))
ALERT = Alert(id="a", source="test", service="s00", title="s00 is slow", fired_at=ONSET, group="g")


def block(values: Floats) -> MetricBlock:
    """One latency for each service; ``values`` has shape (60 minutes, services)."""
    clock = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(60) * np.timedelta64(60, "s")
    metrics = Metrics(clock, tuple(SeriesKey(f"s{i:02}", "latency_ms") for i in range(values.shape[1])), values)
    return MetricBlock(metrics, change_scores(metrics, PERIOD))


def calm(services: int) -> Floats:
    return 100.0 + np.random.default_rng(0).normal(0.0, 2.0, (60, services))


def test_what_is_said_of_each_is_true() -> None:
    values = calm(4)
    values[:, 0] = 7.0
    values[30:, 1] += 30.0  # ten minutes before the onset, and it stays
    values[:-2, 2] = np.nan
    values[:, 3] = np.nan
    said = {service: f.text for service, f in faint_findings([block(values)], PERIOD, SERVICES).items()}
    assert said["s00"] == "latency_ms of s00 stayed at 7 ms"
    assert said["s01"].startswith("latency_ms of s01 had moved before the trouble began: from 10")
    assert said["s02"] == "latency_ms of s02 has too few samples to say whether it moved"
    assert "s03" not in said, "it was never sampled"
    hardly = faint_findings([block(calm(1))], PERIOD, SERVICES)["s00"].text
    assert "hardly moved: " in hardly
    assert hardly.endswith(" since")


def test_what_cannot_be_told_is_left_out_of_the_details() -> None:
    values = calm(1)
    values[:-2] = np.nan
    finding = faint_findings([block(values)], PERIOD, SERVICES)["s00"]
    assert all(np.isfinite(v) for v in finding.detail.values() if isinstance(v, float))


@pytest.mark.parametrize("slow", [True, False])
def test_all_are_ranked_up_to_a_limit_and_take_nothing_from_those_with_evidence(slow: bool) -> None:
    values = calm(80)
    values[40:, 3] += 400.0 * slow
    blocks = [block(values)]
    graph, ledger = ServiceGraph(), Ledger()
    ranking = rank_services(ALERT, graph, blocks, [], period=PERIOD)
    named = candidates_from(ranking, blocks, [], PERIOD, graph, ALERT, ledger)
    everybody = with_everybody(named, ranking, blocks, [], PERIOD, graph, ALERT, ledger)
    assert everybody[: len(named)] == named
    assert len(everybody) == len({candidate.service for candidate in everybody}) == MAX_RANKED
    assert all(candidate.evidence for candidate in everybody)
    assert len(ledger.entries) <= MAX_CITED + MAX_RANKED
    faint = [candidate for candidate in everybody if candidate.faint]
    least = min((candidate.probability for candidate in everybody if not candidate.faint), default=1.0)
    assert 0 < sum(candidate.probability for candidate in faint) <= 1.001 * LEFT * least
    probabilities = [candidate.probability for candidate in everybody]
    assert probabilities == sorted(probabilities, reverse=True)
    if slow:
        assert everybody[0].service == "s03"
