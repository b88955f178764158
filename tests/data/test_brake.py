"""A stop holds up every write it is about, everywhere, until it is lifted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from data import audit
from data.brake import Brake
from data.database import connect, migrate
from data.errors import StoppedError


@pytest.fixture
def brake(tmp_path: Path) -> Brake:
    engine = connect(f"sqlite:///{tmp_path / 'qai.sqlite'}")
    migrate(engine)
    return Brake.of(engine, tmp_path)


def test_a_stop_holds_up_everything_until_lifted(brake: Brake) -> None:
    brake.check("cart")
    brake.stop("ann", "something is wrong")
    for service in ("cart", None):
        with pytest.raises(StoppedError, match=r"ann \(something is wrong\)"):
            brake.check(service)
    assert brake.resume("bob")[0].by == "ann"
    brake.check("cart")


def test_a_stopped_service_holds_up_its_own_writes_and_those_about_no_one_service(brake: Brake) -> None:
    brake.stop("ann", service="cart")
    brake.check("payment")
    for service in ("cart", None):
        with pytest.raises(StoppedError):
            brake.check(service)
    assert brake.resume("ann") == ()
    brake.resume("ann", "cart")
    brake.check(None)


def test_another_process_sees_it_at_once_and_after_a_restart(brake: Brake, tmp_path: Path) -> None:
    other = Brake.of(connect(f"sqlite:///{tmp_path / 'qai.sqlite'}"), tmp_path)
    other.check("cart")
    brake.stop("ann")
    with pytest.raises(StoppedError):
        other.check("cart")


def test_a_file_stops_everything_and_goes_when_lifted(brake: Brake, tmp_path: Path) -> None:
    (tmp_path / "STOP").write_text("the database is gone")
    with pytest.raises(StoppedError, match="the database is gone"):
        brake.check("cart")
    brake.resume("ann")
    assert not (tmp_path / "STOP").exists()
    brake.check("cart")


@pytest.mark.parametrize(("name", "service"), [("STOP-cart", "cart"), ("STOP-team%2Fcart", "team/cart")])
def test_a_file_stops_one_service_and_goes_when_that_is_lifted(
    brake: Brake, tmp_path: Path, name: str, service: str
) -> None:
    (tmp_path / name).write_text("it misbehaves\n")
    assert brake.file_of(service) == tmp_path / name
    brake.check("payment")
    for about in (service, None):
        with pytest.raises(StoppedError, match=rf"{service} was stopped by .*misbehaves.*resume --service {service}"):
            brake.check(about)
    assert [stop.service for stop in brake.resume("ann")] == [], "only that service's own stop is lifted with it"
    assert [stop.service for stop in brake.resume("ann", service)] == [service]
    brake.check(None)
    assert not (tmp_path / name).exists()


def test_a_stop_file_for_nobody_stops_everything(brake: Brake, tmp_path: Path) -> None:
    (tmp_path / "STOP-").touch()
    with pytest.raises(StoppedError, match="everything"):
        brake.check("cart")


def test_a_stop_that_cannot_be_read_stops(brake: Brake, tmp_path: Path) -> None:
    (tmp_path / "STOP").mkdir()
    with pytest.raises(StoppedError, match="everything"):
        brake.check("cart")


def test_asking_takes_hold_within_a_second(brake: Brake) -> None:
    """A write asks each time, so what it costs to ask is what a stop may take to hold."""
    brake.check("cart")
    asked = time.monotonic()
    for _ in range(20):
        brake.check("cart")
    assert (time.monotonic() - asked) / 20 < 0.5
    brake.stop("ann")
    since = time.monotonic()
    with pytest.raises(StoppedError):
        brake.check("cart")
    assert time.monotonic() - since < 1.0


def test_stopping_twice_is_one_stop_and_all_is_audited(brake: Brake) -> None:
    assert brake.stop("ann", "first").because == brake.stop("bob", "second").because == "first"
    brake.resume("bob")
    assert [(e.actor, e.action) for e in audit.entries(brake.engine)] == [("ann", "stop"), ("bob", "resume")]
