from pathlib import Path

import pytest

from data.database import connect, migrate
from data.registry import Registry
from models.rankers.prior import Prior
from models.rankers.state import CHAMPION, champion, dump
from serving.scoring.rankers import POLL_S, Rankers


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    engine = connect(f"sqlite:///{tmp_path / 'audit.sqlite'}")
    migrate(engine)
    return Registry(tmp_path / "models", CHAMPION, engine)


def other(tmp_path: Path, strength: float = 3.0) -> Path:
    dump(tmp_path / "other.json", "prior", Prior(strength), champion().confidence, {})
    return tmp_path / "other.json"


class Clock:
    """Moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_promotion_is_noticed_at_the_next_look(registry: Registry, tmp_path: Path) -> None:
    clock = Clock()
    rankers = Rankers(registry, clock=clock)
    assert rankers.current().champion.version == 0
    version = registry.register(other(tmp_path), by="test", about={}).version
    assert rankers.current().challenger is None, "it is not time to look again"

    clock.now += 2 * POLL_S
    assert (trial := rankers.current().challenger) is not None
    assert trial.version == version

    registry.promote(version, "test", "because")
    clock.now += 2 * POLL_S
    assert rankers.current().champion.version == version
    assert rankers.current().challenger is None

    registry.rollback("test")
    clock.now += 2 * POLL_S
    assert rankers.current().champion.version == 0


def test_what_cannot_be_loaded_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    clock = Clock()
    rankers = Rankers(registry, clock=clock)
    entry = registry.register(other(tmp_path), by="test", about={})
    registry.promote(entry.version, "test", "because")
    assert rankers.current().champion.version == entry.version

    entry.path.write_text("{", encoding="utf-8")
    clock.now += 2 * POLL_S
    assert rankers.current().champion.version == entry.version
    assert Rankers(registry).current().champion.version == 0, "a service that starts then uses what ships"
