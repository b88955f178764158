import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from data.domain import AlertLevel, BlastRadius, Severity
from data.errors import ModelError
from data.reports import Report
from data.telemetry import Metrics, SeriesKey
from data.topology import ServiceGraph
from models.impact import (
    ImpactWeights,
    Measured,
    blast_radius,
    doors_of,
    failing_share,
    severity_of,
    shipped_weights,
    slowdown,
    users_on,
    weigh_impact,
)
from models.impact.learned import SHIPPED
from models.kept import load_kept
from models.severity import shipped


@pytest.mark.parametrize(
    ("score", "level", "severity"),
    [
        (0.9, AlertLevel.error, Severity.critical),
        (0.85, AlertLevel.error, Severity.high),
        (0.9, AlertLevel.warning, Severity.high),
        (0.61, AlertLevel.warning, Severity.high),
        (0.6, AlertLevel.error, Severity.medium),
        (0.99, AlertLevel.info, Severity.medium),
        (0.0, AlertLevel.error, Severity.medium),
    ],
)
def test_severity_follows_the_first_rule(score: float, level: AlertLevel, severity: Severity) -> None:
    assert severity_of(score, level) is severity


def test_the_blast_radius_is_every_caller_near_ones_first() -> None:
    graph = ServiceGraph([("web", "cart"), ("cart", "db"), ("batch", "db"), ("db", "disk")])
    radius = blast_radius("db", graph, {"db", "web", "disk"})
    assert radius.services == ("db", "batch", "cart", "web")
    assert radius.symptomatic == ("db", "web")


def test_a_service_outside_the_graph_reaches_only_itself() -> None:
    assert blast_radius("x", ServiceGraph(), set()).services == ("x",)


def measured(**fields: object) -> Measured:
    values = {"anomaly": 0.5, "radius": BlastRadius(services=("db", "web"), symptomatic=("db",))}
    return Measured(**{**values, **fields})  # type: ignore[arg-type]


def test_every_term_of_the_impact_is_told_and_was_learned() -> None:
    found = weigh_impact(
        Report("web is slow"),
        measured(anomaly=0.9, failing=0.02, slower=3.0, doors=(1, 2), door_failing=0.3),
        objective=0.999,
    )
    told = [term.text for term in found.terms if not term.of]
    assert told == [
        "anomaly score 0.90 of its telemetry",
        "it reaches 1 of 2 services that users meet",
        "30.0% fail at what users meet",
        "the alerting service takes 3 times as long as before",
        "together, 50.0% fail or are too slow",
    ]
    assert all(term.learned for term in found.terms)
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert found.burn_rate == pytest.approx(20.0)
    assert found.budget_gone_h == pytest.approx(36.0)


def test_the_terms_are_the_answer() -> None:
    weights, found = shipped_weights(), measured(anomaly=0.9, door_failing=0.3, door_slower=5.0)
    tilt = sum(term.log_odds for term in weights.terms(found))
    raised = {s: p * np.exp(tilt * s.rank) for s, p in weights.usual.items()}
    for severity, probability in weights.probabilities(found).items():
        assert probability == pytest.approx(raised[severity] / sum(raised.values()))


def test_what_is_not_known_says_nothing() -> None:
    assert [term.text for term in shipped_weights().terms(measured())] == ["anomaly score 0.50 of its telemetry"]


def test_what_is_measured_makes_it_worse_or_better() -> None:
    report = Report("web is slow")

    def badness(found: Measured) -> float:
        return sum(p * s.rank for s, p in weigh_impact(report, found, objective=0.999).probabilities.items())

    calm = measured(anomaly=0.05, failing=0.0, slower=1.0)
    worse = [
        measured(anomaly=0.95, failing=0.0, slower=1.0),
        measured(anomaly=0.05, failing=0.3, slower=1.0),
        measured(anomaly=0.05, failing=0.0, slower=8.0),
    ]
    assert all(badness(found) > badness(calm) + 0.02 for found in worse)
    assert badness(measured(anomaly=0.95, failing=0.9, slower=30.0)) > max(map(badness, worse))
    # What fails at once is answered faster than usual: that is no good sign.
    assert badness(measured(anomaly=0.95, failing=0.9, slower=0.1)) == badness(
        measured(anomaly=0.95, failing=0.9, slower=1.0)
    )


def test_the_text_tells_how_bad_and_the_measurement_which_of_the_worst_two() -> None:
    report = Report("Database primary down", "The primary is down")
    told = shipped().assess(report).probabilities
    found = weigh_impact(report, measured(anomaly=shipped_weights().signs["anomaly"].centre), objective=0.99)
    worst = (Severity.critical, Severity.high)
    assert sum(found.probabilities[s] for s in worst) == pytest.approx(sum(told[s] for s in worst), abs=1e-3)
    usual = shipped_weights().usual
    assert found.probabilities[worst[0]] / found.probabilities[worst[1]] == pytest.approx(
        usual[worst[0]] / usual[worst[1]], rel=1e-3
    )
    assert (found.burn_rate, found.budget_gone_h, found.users) == (None, None, None)


def test_weights_come_back_from_their_state_and_a_foreign_one_is_refused(tmp_path: Path) -> None:
    weights = shipped_weights()
    assert ImpactWeights.from_json(weights.as_json()) == weights
    changed = json.loads(SHIPPED.read_text(encoding="utf-8"))
    changed["state"]["signs"]["anomaly"]["log_odds"] += 1
    path = tmp_path / "weights.json"
    path.write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(ModelError, match="digest"):
        load_kept(path, ImpactWeights.from_json, "impact", "x")


def test_doors_are_what_nobody_calls_and_calls_others() -> None:
    graph = ServiceGraph([("web", "cart"), ("cart", "db")], ["web", "cart", "db", "batch"])
    assert doors_of(graph) == {"web"}


def metrics(**columns: list[float]) -> Metrics:
    clock = np.datetime64("2026-01-01", "us") + np.arange(4) * np.timedelta64(60, "s")
    return Metrics(clock, tuple(SeriesKey("web", name) for name in columns), np.array(list(columns.values())).T)


def test_failing_is_read_from_whatever_counts_a_share_of_it() -> None:
    since = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
    assert failing_share("web", metrics(error_ratio=[0, 0, 0.1, 0.3]), since) == pytest.approx(0.2)
    assert failing_share("web", metrics(errors_percent=[0, 0, 10, 30]), since) == pytest.approx(0.2)
    assert failing_share("web", metrics(availability_percent=[100, 100, 90, 70]), since) == pytest.approx(0.2)
    assert failing_share("web", metrics(error_rate=[0, 0, 40, 60]), since) is None
    counted = metrics(requests_total=[100, 100, 100, 100], requests_failed=[0, 0, 10, 30])
    assert failing_share("web", counted, since) == pytest.approx(0.2)
    assert failing_share("web", metrics(requests_total=[1, 1, 1, 1], requests_failed=[0, 0, 10, 30]), since) is None
    assert failing_share("web", metrics(latency_ms=[1, 1, 1, 1]), since) is None
    assert failing_share("db", metrics(error_ratio=[0, 0, 0.1, 0.3]), since) is None


def test_slower_is_told_by_the_middle_of_its_latencies() -> None:
    since = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
    seen = metrics(latency_p50=[10, 10, 20, 20], latency_p99=[10, 10, 80, 80], requests=[1, 1, 9, 9])
    assert slowdown("web", seen, since) == pytest.approx(4.0)
    assert slowdown("web", metrics(requests=[1, 1, 9, 9]), since) is None
    assert slowdown("web", metrics(latency_p50=[0, 0, 0, 0]), since) is None


def test_users_are_counted_where_something_counts_them() -> None:
    seen = metrics(active_users=[10, 20, 30, np.nan], requests=[1, 1, 1, 1])
    assert users_on({"web"}, seen) == 30
    assert users_on({"db"}, seen) is None
