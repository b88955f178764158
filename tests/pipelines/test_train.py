"""Training: judged on what was held back, deterministic, and never learned from what may only be scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import InputError
from models.base import Channel
from models.rankers.board import CHANNELS, KINDS, Board
from models.rankers.examples import Example, save
from models.rankers.packed import pack
from pipelines import calibrate, train


def incidents(count: int, seed: int, telling: Channel = Channel.lost_logs) -> list[Example]:
    """The culprit stands out in ``telling``; all else is noise."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        size = int(rng.integers(4, 8))
        signs = np.where(rng.random((size, len(CHANNELS))) < 0.2, rng.gamma(1.0, 3.0, (size, len(CHANNELS))), 0.0)
        guilty = np.arange(size) == rng.integers(size)
        signs[:, CHANNELS.index(telling)] = np.where(guilty, 12.0, 0.5)
        changes = rng.gamma(1.0, 2.0, (2, size, len(KINDS)))
        names = tuple(map(str, range(size)))
        board = Board(names, signs, np.ones_like(signs), changes[0], changes[1], np.full(size, np.nan),
                      np.empty((0, 2), np.intp), 0, 0, np.ones(4, bool))  # fmt: skip
        found.append(Example(board, number, number, 1.0, 0, guilty))
    return found


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    for seed, name in enumerate(("synthetic", "petshop", "nezha", "rcd")):
        save(tmp_path / "in" / f"{name}.npz", incidents(30, seed), system=name, digest=f"d{seed}")
    return tmp_path / "in"


def test_the_best_out_of_system_is_written_with_its_figures(prepared: Path, tmp_path: Path) -> None:
    report = train.train(prepared, tmp_path / "out", ["prior", "linear:ridge=0.01"])
    figures = report["out_of_system"]
    assert report["kind"] == "linear"
    assert figures["linear:ridge=0.01"]["macro"] > figures["prior"]["macro"] + 0.2
    assert set(figures["prior"]["systems"]) == {"synthetic", "petshop", "nezha"}
    assert set(report["learned_from"]) == {"synthetic", "petshop", "nezha"}, "rcd has no licence"
    assert set(report["benchmarks"]["systems"]) == {"rcd"}
    again = train.train(prepared, tmp_path / "twice", ["prior", "linear:ridge=0.01"])
    assert again == report
    digests = [json.loads((tmp_path / d / "ranker.json").read_text())["digest"] for d in ("out", "twice")]
    assert digests[0] == digests[1]


def test_the_plainer_is_kept_where_learning_does_not_help(tmp_path: Path) -> None:
    """Each system has a tell of its own: what others teach is worth nothing, or worse."""
    tells = {"petshop": Channel.lost_logs, "nezha": Channel.traffic, "bundles": Channel.disk}
    for seed, (name, tell) in enumerate(tells.items()):
        save(tmp_path / "in" / f"{name}.npz", incidents(30, seed, tell), system=name, digest="")
    report = train.train(tmp_path / "in", tmp_path / "out", ["prior", "linear:ridge=0.01"])
    assert report["kind"] == "prior"


def test_nothing_of_a_system_that_is_held_back_is_learned(prepared: Path) -> None:
    from models.rankers.examples import load

    names = ("synthetic", "petshop", "nezha")
    data = train.weighed(pack({name: load(prepared / f"{name}.npz")[1] for name in names}))
    held = list(train.folds(data))
    assert (sum(part.astype(int) for part in held) == 1).all(), "every incident is held back once"
    for part in held:
        systems = set(data.system[part])
        assert len(systems) == 1
        if systems != {"synthetic"}:
            assert not systems & set(data.system[~part])
        assert not set(data.case[part]) & set(data.case[~part])


def test_one_system_is_too_few(tmp_path: Path) -> None:
    save(tmp_path / "nezha.npz", incidents(3, 0), system="nezha", digest="")
    save(tmp_path / "rcd.npz", incidents(3, 0), system="rcd", digest="")
    with pytest.raises(InputError, match="two systems"):
        train.train(tmp_path, tmp_path / "out")


def test_trained_then_calibrated_is_a_champion(prepared: Path, tmp_path: Path) -> None:
    from models.rankers.state import read

    train.train(prepared, tmp_path / "out", ["linear"])
    calibrate.main(["--trained", str(tmp_path / "out"), "--out", str(tmp_path / "champion.json")])
    kind, _, confidence, card = read(tmp_path / "champion.json")
    assert kind == "linear"
    assert confidence is not None
    assert confidence.most <= 0.97
    assert set(card["calibration"]) == {"synthetic", "petshop", "nezha"}


def test_answers_are_read_back_as_they_were_saved(prepared: Path, tmp_path: Path) -> None:
    train.train(prepared, tmp_path / "out", ["prior"])
    answers = train.read_answers(tmp_path / "out" / "held_back.npz")
    train.save_answers(tmp_path / "again.npz", answers)
    again = train.read_answers(tmp_path / "again.npz")
    assert {n: len(a) for n, a in again.items()} == dict.fromkeys(("synthetic", "petshop", "nezha"), 30)
    for one, other in zip(answers["nezha"], again["nezha"], strict=True):
        assert np.array_equal(one.views[0][1], other.views[0][1])
        assert np.array_equal(one.guilty, other.guilty)
