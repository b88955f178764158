from datetime import UTC, datetime

import numpy as np
import pytest

from data.domain import AlertLevel, BlastRadius, Severity
from data.reports import Report
from data.telemetry import Metrics, SeriesKey
from data.topology import ServiceGraph
from models.impact import Measured, blast_radius, failing_share, severity_of, users_on, weigh_impact
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


def test_every_term_of_the_impact_is_told_and_measured_ones_are_declared() -> None:
    radius = BlastRadius(services=("db", "cart", "web"), symptomatic=("db", "cart", "web"))
    found = weigh_impact(Report("web is slow"), measured(anomaly=0.9, radius=radius, failing=0.02), objective=0.999)
    declared = [term for term in found.terms if not term.learned]
    assert [round(term.log_odds, 2) for term in declared] == [0.8, 0.63, 1.5]
    assert any(term.learned for term in found.terms)
    assert sum(found.probabilities.values()) == pytest.approx(1.0)
    assert found.burn_rate == pytest.approx(20.0)
    assert found.budget_gone_h == pytest.approx(36.0)


def test_what_is_measured_makes_it_worse_or_better() -> None:
    report = Report("web is slow")

    def badness(found: Measured) -> float:
        return sum(p * s.rank for s, p in weigh_impact(report, found, objective=0.999).probabilities.items())

    assert badness(measured(anomaly=0.95, failing=0.1)) > badness(measured()) + 0.5
    assert badness(measured(anomaly=0.05, failing=0.0)) < badness(measured()) - 0.2


def test_without_telemetry_the_text_alone_speaks() -> None:
    report = Report("Database primary down", "The primary is down")
    found = weigh_impact(report, measured(), objective=0.99)
    assert found.severity is shipped().assess(report).severity
    assert (found.burn_rate, found.budget_gone_h, found.users) == (None, None, None)


def metrics(**columns: list[float]) -> Metrics:
    clock = np.datetime64("2026-01-01", "us") + np.arange(4) * np.timedelta64(60, "s")
    return Metrics(clock, tuple(SeriesKey("web", name) for name in columns), np.array(list(columns.values())).T)


def test_failing_is_read_from_whatever_counts_a_share_of_it() -> None:
    since = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
    assert failing_share("web", metrics(error_ratio=[0, 0, 0.1, 0.3]), since) == pytest.approx(0.2)
    assert failing_share("web", metrics(errors_percent=[0, 0, 10, 30]), since) == pytest.approx(0.2)
    assert failing_share("web", metrics(availability_percent=[100, 100, 90, 70]), since) == pytest.approx(0.2)
    assert failing_share("web", metrics(error_rate=[0, 0, 40, 60]), since) is None
    assert failing_share("web", metrics(latency_ms=[1, 1, 1, 1]), since) is None
    assert failing_share("db", metrics(error_ratio=[0, 0, 0.1, 0.3]), since) is None


def test_users_are_counted_where_something_counts_them() -> None:
    seen = metrics(active_users=[10, 20, 30, np.nan], requests=[1, 1, 1, 1])
    assert users_on({"web"}, seen) == 30
    assert users_on({"db"}, seen) is None
