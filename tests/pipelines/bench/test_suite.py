"""The whole benchmark on two small data sets: every run is there, samples are samples, peers sit beside us."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.domain import Alert
from data.errors import InputError
from data.telemetry import Telemetry
from pipelines.bench import suite, tables
from pipelines.evaluate import Answer


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings in the form of RCD, each with one service whose CPU is taken."""
    root, random = tmp_path_factory.mktemp("rcd"), np.random.default_rng(5)
    services = ("web", "cart", "search", "pay")
    for service in services:
        folder = root / "shop" / f"{service}-cpu" / "1"
        folder.mkdir(parents=True)
        for name, rows in (("normal", 200), ("anomalous", 150)):
            table = pd.DataFrame({f"{s}_cpu": random.normal(10, 1, rows) for s in services})
            table["web_lat_90"] = random.normal(1, 0.1, rows)
            if name == "anomalous":
                table[f"{service}_cpu"] += 60
            table.insert(0, "time", 1_600_000_000 + np.arange(rows))
            table.to_csv(folder / f"{name}.csv", index=False)
    return root


@dataclass
class ScriptedPeers:
    """Peers that always name the same service, and remember how often each was asked."""

    names: str = "cart"
    asked: dict[str, int] = field(default_factory=dict)

    def ranker(self, method: str) -> Callable[[Alert, Telemetry], Answer]:
        def rank(alert: Alert, telemetry: Telemetry) -> Answer:
            self.asked[method] = self.asked.get(method, 0) + 1
            return Answer({self.names: 1.0})

        return rank


def test_every_delay_with_peers_beside_and_slow_ones_on_a_sample(
    recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "QUIET_MADE", 1)
    peers = ScriptedPeers()
    plan = suite.Plan(delays_s=(0.0, 30.0), limit=3, slow_cases=1)
    report = suite.benchmark([recordings], plan, peers, lambda doing: None)  # type: ignore[arg-type]
    assert [(run["dataset"], run["delay_s"], run["cases"]) for run in report["runs"]] == [
        ("rcd", 0.0, 3), ("rcd", 30.0, 3)
    ]  # fmt: skip
    assert report["absent"] == ["bundles", "petshop", "nezha", "dycause"]
    assert (peers.asked["baro"], peers.asked["circa"]) == (6, 1)
    first, second = (run["methods"] for run in report["runs"])
    assert {"qai", "random", "n_sigma", "mean_shift", "baro", "rcaeval_nsigma", "rcd", "circa"} <= set(first)
    assert "circa" not in second
    assert "ranked_correlation" in first or "traversal" not in first
    assert first["random"]["ac_at_1"] == pytest.approx(0.25)
    assert first["qai"]["ac_at_1"] > first["random"]["ac_at_1"]
    assert report["pooled"]["cases"] == 6
    assert report["false_alarms"]["rcd"]["windows"] == 3
    text = tables.markdown(report)
    assert "(n=1)" in text
    assert "rcd +30 s" in text


def test_folders_of_one_format_are_told_apart_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "QUIET_MADE", 0)
    for name in ("drills", "outages"):
        folder = tmp_path / name / "one"
        folder.mkdir(parents=True)
        (folder / "alert.json").write_text(
            json.dumps({"id": name, "service": "web", "fired_at": "2024-01-01T00:10:00Z"})
        )
        rows = [f"2024-01-01T00:{m:02}:00Z,web,cpu,{m}" for m in range(15)]
        (folder / "metrics.csv").write_text("\n".join(["timestamp,service,metric,value", *rows]))
        (folder / "truth.json").write_text(json.dumps({"services": ["web"], "changes": []}))
    report = suite.benchmark([tmp_path / "drills", tmp_path / "outages"], suite.Plan(), None, lambda doing: None)
    assert [run["dataset"] for run in report["runs"]] == ["bundles drills", "bundles outages"]


def test_nothing_to_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set in"):
        suite.benchmark([tmp_path], suite.Plan(), None, lambda doing: None)
