"""Trust in evidence on changes is fitted on incidents told several ways, and says what it was fitted on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from data.datasets import Case
from data.datasets.synthetic import synthesize
from data.domain import Change, ChangeKind
from models.changes.signal import Signal
from models.changes.weighing import BY_HAND, NONE, Judged, shipped
from models.kept import digest
from models.rankers.state import CHAMPION
from pipelines import weigh_changes
from pipelines.weigh_changes import carried, evidence_digest, main, scored, tellings, weigh, with_nearest

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
COMMIT, OTHER = "a" * 40, "b" * 40


def change(id_: str, kind: ChangeKind, minutes: float, **more: object) -> Change:
    fields = {"id": id_, "kind": kind, "timestamp": BEGAN - timedelta(minutes=minutes), "service": "web", **more}
    return Change.model_validate(fields)


CHANGES = (
    change(COMMIT, ChangeKind.commit, 50),
    change("d1", ChangeKind.deploy, 40, commit=COMMIT[:12]),
    change(OTHER, ChangeKind.commit, 30),
    change("d2", ChangeKind.deploy, 20, commit=OTHER),
    change("f1", ChangeKind.flag, 10),
)


def test_to_name_what_carried_the_guilty_commit_is_right() -> None:
    assert carried(CHANGES, frozenset({COMMIT})) == {COMMIT, "d1"}


def test_innocent_changes_are_moved_to_just_before_with_the_commits_they_carry() -> None:
    guilty = carried(CHANGES, frozenset({COMMIT}))
    moved = {c.id: c for c in with_nearest(CHANGES, guilty, BEGAN, np.random.default_rng(0))}
    before = {c.id: c for c in CHANGES}
    assert all(moved[id_] == before[id_] for id_ in guilty)
    for id_ in ("d2", "f1"):
        assert timedelta() <= BEGAN - moved[id_].timestamp <= timedelta(seconds=weigh_changes.WITHIN_S)
    assert moved[OTHER].timestamp < moved["d2"].timestamp


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """The first two made incidents that some change caused."""
    made = (synthesize((number, 1)) for number in range(40))
    return list(islice((case for case in made if case.truth().changes), 2))


def test_an_incident_is_told_as_it_was_without_its_cause_and_with_others_nearer(cases: list[Case]) -> None:
    told = list(tellings(cases[0]))
    assert len(told) == 3
    assert told[0].guilty
    assert not told[1].guilty
    assert {c.id for c in told[0].changes} - {c.id for c in told[1].changes} == told[0].guilty
    assert told[2].guilty == told[0].guilty
    assert NONE in told[1].judged().right


def test_the_same_incidents_make_the_same_file_which_says_what_made_it(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"synthetic": cases[:1], "lab": cases[1:]}
    monkeypatch.setattr(weigh_changes, "_cases", lambda name, where: iter(given[name]))
    for name in ("first", "second"):
        main(["synthetic=2", "lab=recordings", "--out", str(tmp_path / name)])
    written = (tmp_path / "first").read_text(encoding="utf-8")
    assert written == (tmp_path / "second").read_text(encoding="utf-8")
    kept = json.loads(written)
    assert kept["digest"] == digest(kept["state"])
    card = kept["card"]
    assert card["made_by"] == "python -m pipelines.weigh_changes synthetic=2 lab=DIR"
    assert card["ranker"] == json.loads(CHAMPION.read_text(encoding="utf-8"))["digest"]
    assert card["tellings"] == {"synthetic": 3, "lab": 3}
    assert set(card["held_back"]) == {"synthetic", "lab"}
    assert set(kept["state"]["multipliers"]) >= {"time", "place", "none"}


def judged(weight: float, right: str) -> Judged:
    return Judged({"c1": [Signal(weight, "it tells", "told")], NONE: []}, frozenset({right}))


def test_what_was_learned_from_is_told_apart() -> None:
    assert evidence_digest([judged(1.0, "c1")]) == evidence_digest([judged(1.0 + 1e-9, "c1")])
    assert len({evidence_digest([judged(w, r)]) for w, r in ((1.0, "c1"), (1.0, NONE), (1.1, "c1"))}) == 3


def test_a_system_is_scored_by_what_was_fitted_without_it() -> None:
    honest = [judged(1.0, "c1"), judged(-1.0, NONE)] * 20
    lying = [judged(-1.0, "c1"), judged(1.0, NONE)] * 20
    _, report = weigh({"lab": honest, "bundles": lying})
    assert report["held_back"]["lab"]["nats"] >= scored(honest, BY_HAND)["nats"], "what lies teach does harm here"
    assert report["by_hand"]["lab"] == scored(honest, BY_HAND)


@pytest.mark.parametrize("argument", ["lab", "lab=", "synthetic=many", "=x"])
def test_a_system_that_is_none_is_refused(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([argument])
    assert "neither synthetic=N nor NAME=DIR" in capsys.readouterr().err


def test_what_ships_was_not_changed_by_hand() -> None:
    assert shipped().multipliers
