"""The registry: names that switch in one step, on record, and back again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from data import audit
from data.errors import ModelError
from data.registry import Aliases, Registry


def ranker(path: Path, digest: str) -> Path:
    path.write_text(json.dumps({"digest": digest}))
    return path


@pytest.fixture
def registry(tmp_path: Path, engine: sa.Engine) -> Registry:
    return Registry(tmp_path / "models", ranker(tmp_path / "shipped.json", "d0"), engine)


def test_what_ships_is_champion_until_another_is_promoted(registry: Registry, tmp_path: Path) -> None:
    assert registry.champion().version == 0
    assert registry.challenger() is None
    entry = registry.register(ranker(tmp_path / "a.json", "d1"), by="ann", about={"ac_at_1": 0.7})
    assert (entry.version, entry.digest) == (1, "d1")
    assert registry.challenger() == entry
    assert registry.champion().version == 0, "registering changes nobody's answers"
    registry.promote(1, "ann", "better", gain=0.1)
    assert registry.champion() == entry
    assert registry.challenger() is None
    assert [e.version for e in registry.entries()] == [0, 1]
    assert registry.champion().about == {"ac_at_1": 0.7}


def test_rolling_back_goes_the_way_it_came(registry: Registry, tmp_path: Path) -> None:
    for number in (1, 2):
        registry.register(ranker(tmp_path / f"{number}.json", f"d{number}"), by="ann", about={})
        registry.promote(number, "ann", "better")
    assert registry.rollback("bob").version == 1
    assert registry.rollback("bob").version == 0
    with pytest.raises(ModelError, match="none to go back to"):
        registry.rollback("bob")
    assert registry.champion().version == 0


def test_every_switch_is_on_record_with_its_reason(registry: Registry, engine: sa.Engine, tmp_path: Path) -> None:
    registry.register(ranker(tmp_path / "a.json", "d1"), by="job", about={})
    registry.promote(1, "job", "better", gain=0.1)
    registry.rollback("ann", "too sure of itself")
    registry.register(ranker(tmp_path / "b.json", "d2"), by="job", about={})
    registry.refuse(2, "gate", "worse")
    said = [(e.actor, e.action, e.subject) for e in audit.entries(engine)]
    assert said == [
        ("job", "register_model", "ranker v1"),
        ("job", "promote_model", "ranker v1"),
        ("ann", "rollback_model", "ranker v0"),
        ("job", "register_model", "ranker v2"),
        ("gate", "refuse_model", "ranker v2"),
    ]
    assert audit.entries(engine)[1].detail == {"because": "better", "instead_of": 0, "gain": 0.1}
    assert audit.verify(engine) == 5
    assert registry.challenger() is None


def test_nothing_is_switched_without_a_record(registry: Registry, tmp_path: Path) -> None:
    registry.register(ranker(tmp_path / "a.json", "d1"), by="ann", about={})
    reader = Registry(registry.folder, registry.shipped)
    with pytest.raises(ModelError, match="reading only"):
        reader.promote(1, "ann", "better")
    assert reader.champion().version == 0


def test_the_same_ranker_is_the_same_version(registry: Registry, tmp_path: Path) -> None:
    first = registry.register(ranker(tmp_path / "a.json", "d1"), by="ann", about={})
    assert registry.register(ranker(tmp_path / "b.json", "d1"), by="ann", about={}) == first
    assert registry.register(ranker(tmp_path / "c.json", "d0"), by="ann", about={}).version == 0


def test_a_changed_file_is_not_what_was_registered(registry: Registry, tmp_path: Path) -> None:
    entry = registry.register(ranker(tmp_path / "a.json", "d1"), by="ann", about={})
    ranker(entry.path, "other")
    with pytest.raises(ModelError, match="not the file that was registered"):
        registry.promote(1, "ann", "better")
    assert registry.champion().version == 0
    with pytest.raises(ModelError, match="no version 7"):
        registry.entry(7)


def test_a_damaged_registry_names_the_remedy(registry: Registry) -> None:
    registry.folder.mkdir()
    (registry.folder / "registry.json").write_text("{")
    with pytest.raises(ModelError, match="remove it"):
        registry.champion()


def test_the_mirror_hears_of_every_switch(registry: Registry, tmp_path: Path) -> None:
    heard: list[Aliases] = []
    told = Registry(registry.folder, registry.shipped, registry.engine, heard.append)
    told.register(ranker(tmp_path / "a.json", "d1"), by="ann", about={})
    told.promote(1, "ann", "better")
    assert heard == [Aliases(0, 1, ()), Aliases(1, None, (0,))]


def test_one_that_did_not_pass_leaves_the_challenger_on_trial(registry: Registry, tmp_path: Path) -> None:
    registry.register(ranker(tmp_path / "a.json", "d1"), by="ann", about={})
    registry.trying(1, "ann", "passed so far")
    registry.register(ranker(tmp_path / "b.json", "d2"), by="ann", about={}, challenges=False)
    registry.refuse(2, "ann", "worse")
    assert registry.aliases().challenger == 1
    registry.register(ranker(tmp_path / "c.json", "d3"), by="ann", about={})
    assert registry.aliases().challenger == 3
    assert registry.engine is not None
    last = audit.entries(registry.engine)[-1]
    assert (last.action, last.subject, last.detail["because"]) == (
        "refuse_model", "ranker v1", "version 3 takes its place as challenger",
    )  # fmt: skip
