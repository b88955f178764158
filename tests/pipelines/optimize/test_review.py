"""From telemetry to proposals: savings only where they can be told, and the same approval path as any fix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.domain import Alert, IncidentStatus, Outcome, Severity
from data.errors import InputError
from data.proposal import Proposal, ScaleDown
from data.settings import Settings
from data.store import Store
from data.telemetry import Metrics, Telemetry
from data.topology import ServiceGraph
from pipelines.casefile import CaseFiles
from pipelines.optimize import Prices, advise, load_prices, offer, review_telemetry
from pipelines.respond import respond
from pipelines.sites import Site, Sites
from pipelines.steps import IncidentSteps
from pipelines.triage import triage
from remediation.policy import ActionKind, Policy, load_policy
from remediation.synthesize import refuse_unsupported

PRICES = Prices(currency="USD", cpu_core_hour=0.03, memory_gib_hour=0.004)


def telemetry(days: float = 8) -> Telemetry:
    """A search service that uses half a core of four, and a gibibyte of eight, on two instances."""
    clock = pd.date_range("2026-03-02", periods=int(days * 288), freq="5min", tz="UTC")
    wave = 0.5 + 0.5 * np.sin(np.arange(len(clock)) / 288 * 2 * np.pi)
    series = {
        "cpu_usage_cores": 0.45 * wave + 0.05,
        "cpu_request_cores": 4.0,
        "memory_working_set_bytes": 2.0**30,
        "memory_limit_bytes": 2.0**33,
    }
    rows = [
        pd.DataFrame({"timestamp": clock, "service": "search", "metric": name, "value": value, "instance": instance})
        for name, value in series.items()
        for instance in ("a", "b")
    ]
    return Telemetry(metrics=Metrics.from_long(pd.concat(rows)), graph=ServiceGraph([("web", "search")]))


@pytest.fixture(scope="module")
def review():
    return review_telemetry(telemetry(), PRICES)


def test_a_saving_is_what_is_freed_at_its_price(review):
    (advice,) = review.advice
    target, estimate = advice.opportunity.target, advice.saving.estimate
    freed = 2 * 730 * (0.03 * (4 - target.cpu_cores[1]) + 0.004 * (8 - target.memory_mib[1] / 1024))
    assert estimate.value == pytest.approx(freed)
    assert estimate.low <= estimate.value <= estimate.high
    assert advice.saving.currency == "USD"


@pytest.mark.parametrize(
    ("days", "prices", "reason"),
    [
        (8, None, "no prices are given"),
        (2, PRICES, "2 days of history were seen"),
        (8, Prices(currency="EUR"), "no price is given for what would change"),
        (8, Prices(currency="EUR", instance_hour=0.1), "an instance is billed as a whole"),
    ],
)
def test_no_saving_is_claimed_without_price_and_history(days, prices, reason):
    (advice,) = review_telemetry(telemetry(days), prices).advice
    assert advice.saving.estimate is None
    assert reason in advice.saving.reason


def test_a_price_left_out_is_said():
    (advice,) = review_telemetry(telemetry(), Prices(currency="USD", cpu_core_hour=0.03)).advice
    assert advice.saving.estimate is not None
    assert advice.saving.reason == "memory has no price"


def test_the_proposal_cites_what_it_rests_on_and_says_what_it_saves(review):
    (advised,) = advise(review, load_policy())
    proposal = advised.proposal
    refuse_unsupported(proposal, advised.diagnosis)
    assert isinstance(proposal.remedy, ScaleDown)
    assert proposal.remedy.memory_mib == 1280.0
    assert "USD a month (90 % interval" in proposal.proposed_solution.estimated_impact
    assert advised.diagnosis.severity is Severity.low
    assert advised.diagnosis.blast_radius.services == ("search", "web")
    assert advised.decision.outcome is Outcome.ask


def test_a_policy_that_lets_us_add_capacity_does_not_let_us_take_it_away(review):
    rule = {"name": "grow", "actions": [ActionKind.scale], "outcome": "act"}
    (advised,) = advise(review, Policy(version=1, rules=(rule,)))
    assert advised.decision.outcome is Outcome.refuse


class Plain:
    """Runs steps at once."""

    def step(self, function, *args, **kwargs):
        return function(*args, **kwargs)


@pytest.fixture
def steps(store: Store, tmp_path: Path) -> IncidentSteps:
    sites = Sites(Site(sources=()))
    files = CaseFiles(store, tmp_path / "snapshots")
    return IncidentSteps(Settings(state_dir=tmp_path), files, sites, load_policy())


def test_advice_goes_through_the_flow_once_and_reaches_a_person(review, steps, store):
    begin = lambda incident_id: respond(incident_id, steps, Plain())  # noqa: E731
    (opened,) = offer(review, steps.files, begin, "production")
    incident = store.incident(opened)
    assert (incident.severity, incident.is_advice) == (Severity.low, True)
    assert incident.status is IncidentStatus.escalated  # nobody here carries it out by code
    assert store.latest(opened, Proposal).remedy.kind == "scale_down"
    assert "a person has to do it" in store.events(opened)[-1].message
    assert offer(review, steps.files, begin, "production") == ()
    assert store.backlog() == 0


def test_a_real_alert_does_not_vanish_in_advice(review, steps, store):
    (opened,) = offer(review, steps.files, lambda _: None)
    advice = store.incident(opened).alert
    trouble = Alert(
        id="t", source="test", service="search", title="search is slow", fired_at=advice.fired_at, group="g"
    )
    (receipt,) = store.receive([(trouble, "")])
    answer = triage(store, receipt.key, ServiceGraph())
    assert answer.is_new
    assert answer.incident_id != opened


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cpu_core_hour: 1", "currency"),
        ("currency: USD\ncpu_hour: 1", "cpu_hour"),
        ("currency: USD\ncpu_core_hour: -1", "cpu_core_hour"),
        ("[1]", "must be a mapping"),
        ("a: [", "not YAML"),
    ],
)
def test_a_price_file_that_means_nothing_is_refused_by_name(tmp_path, text, problem):
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        load_prices(path)


def test_a_service_has_its_own_price_where_it_has_one(tmp_path):
    path = tmp_path / "prices.yaml"
    path.write_text(
        "currency: USD\ncpu_core_hour: 0.03\nservices:\n  gpu: {instance_hour: 2}\n  db: {cpu_core_hour: 0.1}\n"
    )
    prices = load_prices(path)
    assert prices.of("web").cpu_core_hour == 0.03
    assert prices.of("db").cpu_core_hour == 0.1
    assert (prices.of("gpu").instance_hour, prices.of("gpu").cpu_core_hour) == (2.0, None)
