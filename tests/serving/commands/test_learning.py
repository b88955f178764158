"""The commands of the learning loop, on an installation of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from data import audit
from data.database import connect, migrate
from data.incidents import shipped_incident
from data.registry import Registry
from models.rankers.prior import Prior
from models.rankers.state import CHAMPION, champion, dump
from pipelines.champion import ChampionInUse, champion_below
from serving.cli import cli


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """With one more version, trained by nobody."""
    monkeypatch.setenv("QAI_STATE_DIR", str(tmp_path))
    engine: sa.Engine = connect(f"sqlite:///{tmp_path / 'qai.sqlite'}")
    migrate(engine)
    registry = Registry(tmp_path / "models", CHAMPION, engine)
    dump(tmp_path / "r.json", "prior", Prior(3.0), champion().confidence, {})
    registry.register(tmp_path / "r.json", by="test", about={"incidents": ["INC-1"]})
    return registry


def run(*arguments: str) -> Result:
    result = CliRunner(catch_exceptions=True).invoke(cli, list(arguments))
    return result


def test_versions_are_listed_shown_promoted_and_rolled_back(registry: Registry) -> None:
    models = json.loads(run("models", "list", "--json").stdout)["models"]
    assert [(m["version"], m["alias"]) for m in models] == [(0, "champion"), (1, "challenger")]
    assert "champion" in run("models", "list").stdout
    assert json.loads(run("models", "promote", "1", "--because", "tried", "--json").stdout)["champion"] == 1
    shown = json.loads(run("models", "show", "--json").stdout)
    assert (shown["version"], shown["card"]["incidents"]) == (1, ["INC-1"])
    assert "# Ranker, version 1" in run("models", "show", "1").stdout
    assert run("models", "rollback").stdout.startswith("version 0 is in use")
    assert registry.engine is not None
    said = [(e.action, e.detail.get("because")) for e in audit.entries(registry.engine)]
    assert said[1:] == [("promote_model", "tried"), ("rollback_model", "rolled back by hand")]
    assert "none to go back to" in str(run("models", "rollback").exception)


def test_the_champion_in_use_follows_the_registry(registry: Registry) -> None:
    in_use = ChampionInUse(registry)
    first = in_use()
    assert in_use() is first, "loaded once"
    registry.promote(1, "test", "tried")
    second = in_use()
    assert getattr(second.model.ranker, "scale", None) == 3.0
    assert champion_below(registry.folder.parent).used == second.used
    (registry.folder / "v0001" / "ranker.json").write_text("{}")
    assert in_use().version == 0, "what cannot be loaded is left, for the ranker that ships"


def test_a_diagnosis_says_whose_it_is(registry: Registry) -> None:
    bundle = str(shipped_incident())
    shipped = json.loads(run("diagnose", bundle, "--json").stdout)
    assert shipped["model"] == {"version": 0, "digest": registry.entry(0).digest}
    registry.promote(1, "test", "tried")
    ours = json.loads(run("diagnose", bundle, "--json").stdout)
    assert ours["model"] == {"version": 1, "digest": registry.entry(1).digest}
    assert ours["candidates"] != shipped["candidates"], "the champion of the installation answers"


def test_without_feedback_there_is_nothing_to_learn(registry: Registry) -> None:
    outcome = json.loads(run("retrain", "--json").stdout)
    assert (outcome["decision"], outcome["version"]) == ("nothing", None)
    assert "no reason to retrain" in outcome["because"]
    assert run("retrain", "--once").stdout.startswith("nothing: 0 labelled incidents are too few")


def test_a_label_has_to_say_something(registry: Registry) -> None:
    assert "name --service" in str(run("label", "INC-1").exception)
    assert "contradicts" in str(run("label", "INC-1", "--service", "a", "--change", "c", "--no-change").exception)
    assert "no incident INC-1" in str(run("label", "INC-1", "--service", "a").exception)
