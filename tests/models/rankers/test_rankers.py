"""Every kind of ranker passes the same checks: it learns what the prior does not know, and says why it ranks so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import ModelError
from models.confidence import Confidence
from models.rankers import CATALOGUE, Ranker, fit, from_arrays
from models.rankers.board import CHANNELS, Board
from models.rankers.examples import Example
from models.rankers.explain import by_channel
from models.rankers.held import answered, hits
from models.rankers.packed import Packed, pack
from models.rankers.state import CHAMPION, champion, dump, read
from models.rankers.table import NAMES, table_of

QUICK: dict[str, dict[str, Any]] = {
    "boosted": {"trees": 25, "leaf": 5},
    "network": {"epochs": 60, "width": 8, "rate": 0.02},
}
Planted = Callable[..., list[Example]]


def learned(kind: str, data: Packed) -> Ranker:
    if kind == "network":
        pytest.importorskip("torch")
    return fit(kind, data, **QUICK.get(kind, {}))


@pytest.fixture(params=list(CATALOGUE))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_learns_a_channel_that_the_prior_thinks_little_of(kind: str, planted: Planted) -> None:
    ranker = learned(kind, pack({"made": planted(120, 0)}))
    unseen = pack({"made": planted(60, 1)})
    found = hits(answered(unseen, ranker.scores(unseen.table))["made"]).mean()
    by_hand = hits(answered(unseen, unseen.prior)["made"]).mean()
    if kind == "prior":
        assert found == by_hand
    else:
        assert found > by_hand + 0.2


def test_it_is_deterministic_and_leaves_its_input_alone(kind: str, planted: Planted) -> None:
    data = pack({"made": planted(40, 0)})
    before = data.values.copy()
    one, other = learned(kind, data), learned(kind, data)
    assert np.array_equal(one.scores(data.table), other.scores(data.table))
    assert np.array_equal(data.values, before)


def test_one_incident_is_scored_as_it_is_among_many(kind: str, planted: Planted) -> None:
    examples = planted(30, 0)
    data = pack({"made": examples})
    ranker = learned(kind, data)
    alone = np.concatenate([ranker.scores(table_of(e.board)) for e in examples])
    assert ranker.scores(data.table) == pytest.approx(alone)


def test_permuting_the_services_permutes_the_scores(kind: str, planted: Planted) -> None:
    examples = planted(40, 0)
    ranker = learned(kind, pack({"made": examples}))
    board = examples[0].board
    order = np.arange(len(board))[::-1]
    rows = {name: getattr(board, name)[order] for name in ("signs", "trusted", "rises", "falls", "first", "host")}
    last = len(board) - 1
    turned: Board = replace(board, edges=last - board.edges, alerting=last - board.alerting, **rows)
    assert ranker.scores(table_of(turned)) == pytest.approx(ranker.scores(table_of(board))[order])


def test_it_survives_the_round_trip_through_a_file(kind: str, planted: Planted, tmp_path: Path) -> None:
    data = pack({"made": planted(40, 0)})
    ranker, confidence = learned(kind, data), Confidence(2.0, 0.5, 0.5, 0.2, 0.95)
    digest = dump(tmp_path / "r.json", kind, ranker, confidence, {"note": "n"})
    assert dump(tmp_path / "again.json", kind, ranker, confidence, {"note": "other"}) == digest
    kind_read, same, confidence_read, card = read(tmp_path / "r.json")
    assert (kind_read, confidence_read, card) == (kind, confidence, {"note": "n"})
    assert same.scores(data.table) == pytest.approx(ranker.scores(data.table), abs=1e-3)


@pytest.mark.parametrize("kind", ["linear", "boosted"])
def test_contributions_add_up_to_the_score(kind: str, planted: Planted) -> None:
    data = pack({"made": planted(60, 0)})
    ranker: Any = learned(kind, data)
    sums = ranker.contributions(data.table).sum(axis=1) + ranker.scale * data.prior
    base = sum(ranker.value[r] for r in ranker.roots) if kind == "boosted" else 0.0
    assert sums + base == pytest.approx(ranker.scores(data.table))


def test_the_planted_channel_is_named_as_what_moved_the_culprit(kind: str, planted: Planted) -> None:
    examples = planted(100, 0)
    ranker = learned(kind, pack({"made": examples}))
    wanted = CHANNELS.index("lost_logs")
    gave = [by_channel(ranker, table_of(e.board))[e.guilty][0, wanted] for e in examples[:20]]
    others = [by_channel(ranker, table_of(e.board))[~e.guilty][:, wanted].max() for e in examples[:20]]
    assert np.mean(gave) > np.mean(others) + 0.1


def test_more_evidence_never_makes_a_service_less_suspect(planted: Planted) -> None:
    ranker: Any = learned("linear", pack({"made": planted(60, 0)}))
    own = [i for i, name in enumerate(NAMES) if name.startswith(("share:", "size:", "lead:", "plain:"))]
    assert (ranker.weights[own] >= 0).all()


def test_a_file_that_was_altered_is_refused(tmp_path: Path) -> None:
    document = json.loads(CHAMPION.read_text(encoding="utf-8"))
    document["arrays"]["scale"] = 99.0
    (tmp_path / "r.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ModelError, match="digest"):
        read(tmp_path / "r.json")
    with pytest.raises(ModelError, match="holds no ranker"):
        read(tmp_path / "absent.json")


def test_features_that_came_or_went_since_training_do_no_harm(planted: Planted, tmp_path: Path) -> None:
    data = pack({"made": planted(40, 0)})
    path = tmp_path / "r.json"
    for kind in ("linear", "boosted"):
        ranker = learned(kind, data)
        dump(path, kind, ranker, None, {})
        _, same, _, _ = read(path)
        document = json.loads(path.read_text(encoding="utf-8"))
        arrays = {name: np.asarray(values) for name, values in document["arrays"].items()}
        order = np.random.default_rng(0).permutation(len(NAMES))
        older: dict[str, Any] = {"kind": kind, "features": [NAMES[i] for i in order], "confidence": None}
        if kind == "linear":
            arrays["weights"] = arrays["weights"][order]
            older["features"], arrays["weights"] = [*older["features"], "gone"], np.append(arrays["weights"], 5.0)
        else:
            place = np.argsort(order)
            arrays["feature"] = np.array([place[i] if i >= 0 else i for i in arrays["feature"]])
        older["arrays"] = {name: values.tolist() for name, values in arrays.items()}
        from models.kept import digest

        path.write_text(json.dumps({"digest": digest(older), "card": {}, **older}), encoding="utf-8")
        _, moved, _, _ = read(path)
        assert moved.scores(data.table) == pytest.approx(same.scores(data.table))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="unknown kind"):
        from_arrays("oracle", {})


def test_the_champion_that_ships_can_be_read_and_says_what_it_is() -> None:
    _, _, confidence, card = read(CHAMPION)
    assert confidence is not None
    assert card
    assert champion().confidence == confidence
