"""Tracking: MLflow shows what was learned, its aliases follow the registry, and it may be down."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.registry import Registry
from data.settings import Settings
from models.rankers.prior import Prior
from models.rankers.state import CHAMPION, champion, dump
from pipelines import tracking

CARD: dict[str, Any] = {
    "made_by": "test", "code": "c0", "data_digest": "d0", "instead_of": 0, "recipe": {"ridge": 0.02, "folds": 5},
    "incidents": ["INC-1", "INC-2"], "labels": {"post_hoc": 2}, "weak": 0, "systems": {"prod": 2},
    "reasons": ["better"],
    "figures": [{"part": "new", "slice": "all", "what": "AC@1", "incidents": 2, "champion": 0.2, "challenger": 0.4,
                 "gain": 0.2, "low": 0.1, "high": 0.3}],
    "reliability": [{"low": 0.4, "high": 0.5, "count": 2, "confidence": 0.45, "accuracy": 0.5}],
    "limits": "few labels",
    "examples": [{"incident": "INC-2", "kind": "gained", "cause": ["db"], "champion": "web", "challenger": "db",
                  "score": 1.5, "because": {"own_time": 1.2, "errors": -0.1}, "rest": 0.4}],
}  # fmt: skip


def settings_in(folder: Path, **fields: object) -> Settings:
    return Settings(_env_file=None, state_dir=folder, **fields)  # type: ignore[arg-type, call-arg]


def test_a_run_is_there_with_its_figures_and_the_aliases_follow(tmp_path: Path, engine: sa.Engine) -> None:
    mlflow = pytest.importorskip("mlflow")
    settings = settings_in(tmp_path)
    registry = Registry(tmp_path / "models", CHAMPION, engine, tracking.mirror(settings))
    dump(tmp_path / "r.json", "prior", Prior(3.0), champion().confidence, {})
    entry = registry.register(tmp_path / "r.json", by="test", about=CARD)
    run_id = tracking.track(settings, entry, "promoted", registry.aliases())
    assert run_id is not None
    client = mlflow.MlflowClient(tracking.uri_of(settings))
    run = client.get_run(run_id)
    assert run.data.metrics["new/all/AC_at_1/challenger"] == 0.4
    assert run.data.params["digest"] == entry.digest
    assert run.data.params["data_digest"] == "d0"
    assert run.data.tags["decision"] == "promoted"
    stored = sorted(path.name for path in (tmp_path / "mlflow-files").rglob("*") if path.is_file())
    assert stored == ["model_card.json", "model_card.md", "ranker.json", "reliability.png"], "data, and no pickle"
    assert client.get_model_version_by_alias(tracking.MODEL, "challenger").tags["version"] == "1"
    registry.promote(1, "test", "better")
    assert client.get_model_version_by_alias(tracking.MODEL, "champion").tags["version"] == "1"
    registry.rollback("test")
    assert "champion" not in client.get_registered_model(tracking.MODEL).aliases, "what ships is no run of MLflow's"
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"


def test_a_store_that_cannot_be_reached_stops_nobody(
    tmp_path: Path, engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("mlflow")
    settings = settings_in(tmp_path, mlflow_uri="nosuch://user:secret@host/db")
    registry = Registry(tmp_path / "models", CHAMPION, engine, tracking.mirror(settings))
    dump(tmp_path / "r.json", "prior", Prior(3.0), champion().confidence, {})
    with caplog.at_level(logging.WARNING):
        entry = registry.register(tmp_path / "r.json", by="test", about=CARD)
        assert tracking.track(settings, entry, "refused", registry.aliases()) is None
    assert registry.challenger() == entry
    assert "not tracked in MLflow at nosuch://host/db" in caplog.text
    assert "secret" not in caplog.text.replace("nosuch://user:secret@host/db", "")


def test_the_card_reads_as_a_card(tmp_path: Path, engine: sa.Engine) -> None:
    registry = Registry(tmp_path / "models", CHAMPION, engine)
    dump(tmp_path / "r.json", "prior", Prior(3.0), champion().confidence, {})
    text = tracking.markdown(registry.register(tmp_path / "r.json", by="test", about=CARD))
    assert text.startswith("# Ranker, version 1")
    assert "| new | all | AC@1 | 2 | 0.20 | 0.40 | +0.200 (+0.100 to +0.300) |" in text
    assert "few labels" in text
    assert "| INC-2 | db | web | db | own_time +1.20, errors -0.10, all else +0.40 | gained |" in text
