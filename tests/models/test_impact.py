import pytest

from data.domain import AlertLevel, Severity
from data.topology import ServiceGraph
from models.impact import blast_radius, severity_of


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
