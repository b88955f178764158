"""Slices: who is served worse is found, chance and small numbers are not, and an alert is raised once."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from data import audit
from data.domain import (
    Alert,
    BlastRadius,
    Candidate,
    Change,
    ChangeKind,
    Diagnosis,
    Incident,
    IncidentStatus,
    ModelUsed,
    Severity,
    now,
)
from data.excerpt import ChangeExcerpt
from data.labels import Label
from data.sources.bundle import write_bundle
from data.store import Store, alert_key
from data.telemetry import Telemetry
from pipelines.casefile import CaseFiles
from pipelines.report_slices import NO_FIX, Served, SliceReport, raise_alerts, report_of, slice_report

AT = datetime(2026, 3, 2, tzinfo=UTC)


def report(incidents: list[Served]) -> SliceReport:
    return report_of(incidents, AT, AT - timedelta(days=90))


def some(count: int, place: tuple[str, str], wrong: float, *, first: int = 0, **fields: object) -> list[Served]:
    """So many incidents of one slice, a share of them answered wrongly."""
    said = {"told": True, "action": "restart", **fields}
    return [Served(f"i{first + n}", (place, ("severity", "high")), n >= wrong * count, **said) for n in range(count)]  # type: ignore[arg-type]


def test_a_slice_that_is_served_worse_is_named_with_its_figures() -> None:
    found = report([*some(20, ("team", "payments"), 0.8), *some(60, ("team", "search"), 0.2, first=100)])
    [alert] = found.alerts
    assert alert.startswith("team payments: the first answer was wrong in 16 of 20 incidents (80%, 58% to 92%)")
    assert "elsewhere in 20%" in alert
    row = next(r for r in found.rows if r.name == "team payments")
    assert row.as_json()["rates"][0]["worse"] is True
    assert found.overall.rates[0].hits == 28


@pytest.mark.parametrize("share", [0.2, 0.28])
def test_chance_and_small_differences_are_no_alert(share: float) -> None:
    assert not report([*some(20, ("team", "a"), share), *some(60, ("team", "b"), 0.2, first=100)]).alerts


def test_too_few_prove_nothing() -> None:
    found = report([*some(9, ("team", "a"), 1.0), *some(60, ("team", "b"), 0.0, first=100)])
    assert not found.alerts
    assert next(r for r in found.rows if r.value == "a").rates[0].p is None


def test_many_slices_are_not_an_alert_by_chance() -> None:
    """Forty teams of twelve that are all served alike, ten times over."""
    alarms = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        alarms += bool(report([
            Served(f"{t}-{n}", (("team", str(t)),), bool(rng.random() > 0.3), True, NO_FIX)
            for t in range(40) for n in range(12)
        ]).alerts)  # fmt: skip
    assert alarms <= 2


def test_who_is_left_unanswered_or_without_a_fix_is_served_worse_too() -> None:
    found = report([
        *some(20, ("telemetry", "without spans"), 0.2, told=False, action=NO_FIX),
        *some(60, ("telemetry", "with spans"), 0.2, first=100),
    ])  # fmt: skip
    assert [alert.split(" in ")[0] for alert in found.alerts] == [
        "telemetry without spans: no service could be named",
        "telemetry without spans: no fix was proposed",
    ]
    row = next(r for r in found.rows if r.value == "without spans")
    assert row.actions == {NO_FIX: 20}


def test_an_alert_is_raised_once_and_taken_back(store: Store) -> None:
    worse = report([*some(20, ("team", "a"), 0.9), *some(60, ("team", "b"), 0.1, first=100)])
    assert raise_alerts(store.engine, worse) == ["team a: wrong"]
    assert raise_alerts(store.engine, worse) == []
    better = report([*some(20, ("team", "a"), 0.1), *some(60, ("team", "b"), 0.1, first=100)])
    assert raise_alerts(store.engine, better) == []
    assert raise_alerts(store.engine, worse) == ["team a: wrong"], "it has come back"
    said = [(entry.action, entry.subject) for entry in audit.entries(store.engine)]
    assert said == [
        ("slice_served_worse", "team a: wrong"),
        ("slice_served_as_others", "team a: wrong"),
        ("slice_served_worse", "team a: wrong"),
    ]
    assert audit.entries(store.engine)[0].detail["figures"]["hits"] == 18


def test_incidents_are_put_where_they_belong(store: Store, alert: Alert, tmp_path: Path) -> None:
    files = CaseFiles(store, tmp_path)
    alert = alert.model_copy(update={"tags": {"Team": "payments", "zone": "b"}})
    store.receive([(alert, "")])
    with store.exclusive() as transaction:
        transaction.open(Incident(
            id="INC-1", title="t", service="checkout", status=IncidentStatus.escalated, severity=Severity.high,
            opened_at=now(), alerts=(alert,), environment="prod",
        ))  # fmt: skip
        transaction.attach(alert_key(alert), "INC-1")
    store.put("INC-1", Diagnosis(
        candidates=(Candidate(service="cart", probability=0.7),), changes=(), no_change_probability=0.5,
        severity=Severity.high, blast_radius=BlastRadius(), anomaly_score=0.5, evidence=(), unseen=(),
        as_of=alert.fired_at, model=ModelUsed(version=0, digest="d" * 64),
    ))  # fmt: skip
    store.put("INC-1", ChangeExcerpt(changes=(Change(id="c1", kind=ChangeKind.flag, timestamp=alert.fired_at),)))
    store.put("INC-1", Label(incident_id="INC-1", by="ann", services=("db",), changes=("c1",), fault="Memory leak"))
    write_bundle(tmp_path / "INC-1", alert, Telemetry())
    names = {row.name for row in slice_report(files).rows}
    assert names == {
        "service checkout", "severity high", "environment prod", "team payments", "model v0-dddddddddddd",
        "fault memory leak", "set off by flag", "telemetry without metrics", "telemetry without spans",
        "telemetry without logs", "telemetry without graph",
    }  # fmt: skip
    assert slice_report(files).overall.rates[0].hits == 1, "it was the database"
    shutil.rmtree(tmp_path / "INC-1")
    assert not [row for row in slice_report(files).rows if row.dimension == "telemetry"]
    assert slice_report(files, days=0).rows == ()
