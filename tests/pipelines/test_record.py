"""What is recorded from the lab is read back as any recorded incident, with an answer that its name does not give."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from data.datasets import load
from data.domain import Alert
from data.lab.faults import FAULTS
from data.lab.truth import Truth
from data.telemetry import Telemetry
from pipelines.realism import lab_cases
from pipelines.record import write


def put_in(fault: str, alert: Alert, changes: tuple[str, ...]) -> Truth:
    known, at = FAULTS[fault], alert.fired_at - timedelta(seconds=20)
    return Truth(
        id=f"t-{fault}", fault=fault, seed=0, services=known.culprits, indicators=known.indicators, changes=changes,
        innocent=("deploy-cart-2",), injected_at=at, starts_at=at,
    )  # fmt: skip


def test_two_faults_at_once_are_one_incident_with_both_answers(tmp_path: Path, alert: Alert) -> None:
    truths = [put_in("n-plus-one", alert, ("guilty", "deploy-catalogue-2")), put_in("network-delay", alert, ())]
    folder = write(tmp_path, alert, Telemetry(), truths)
    [case] = load("bundles", tmp_path)
    truth = case.truth()
    assert truth.services == ("catalogue", "inventory", "checkout")
    assert truth.changes == ("guilty", "deploy-catalogue-2")
    assert "deploy-cart-2" in truth.decoys
    shown = "".join(path.read_text() for path in folder.glob("*.json") if path.name != "truth.json") + folder.name
    assert not any(word in shown for word in ("n-plus-one", "network-delay", "guilty"))


def test_simple_scorers_look_back_less_far_into_the_lab(tmp_path: Path, alert: Alert) -> None:
    write(tmp_path, alert, Telemetry(), [put_in("disk-full", alert, ())])
    [case] = lab_cases(tmp_path)
    assert case.alert.fired_at == alert.fired_at + timedelta(seconds=90)
    assert case.truth().changes == ()
