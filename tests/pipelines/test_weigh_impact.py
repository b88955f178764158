"""Weights are learned from what users had of made incidents, and judged on others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from data.domain import BlastRadius, Severity
from models.impact import Measured
from models.impact.learned import signs_of
from pipelines.weigh_impact import Example, evaluate, examples, learn, severity_of_harm

REACH = BlastRadius(services=("db", "web"), symptomatic=("db", "web"))


def planted(count: int, seed: int = 0) -> list[Example]:
    """Incidents whose harm shows in what fails, and nowhere else; a fifth of them do not tell what fails."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        harmed = float(10 ** rng.uniform(-3, 0))
        told = None if number % 5 == 0 else float(np.clip(harmed * rng.lognormal(0, 0.5), 0, 1))
        measured = Measured(anomaly=float(rng.uniform()), radius=REACH, failing=told, slower=float(rng.uniform(1, 9)))
        found.append(Example(measured, harmed, Severity.critical, f"kind {number % 7}"))
    return found


def row(rows: Sequence[dict[str, object]], method: str, split: str = "systems held out") -> dict[str, float]:
    (found,) = [r for r in rows if (r["method"], r["split"]) == (method, split)]
    return found  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("harmed", "severity"),
    [(0.0, "low"), (0.0099, "low"), (0.01, "medium"), (0.05, "high"), (0.2, "critical"), (1.0, "critical")],
)
def test_severity_is_the_share_of_requests_that_were_harmed(harmed: float, severity: str) -> None:
    assert severity_of_harm(harmed).value == severity


def test_what_was_planted_is_learned_and_what_says_nothing_weighs_little() -> None:
    signs = learn(planted(400)).signs
    spread = {name: np.std([signs_of(e.measured)[name][0] for e in planted(400) if name in signs_of(e.measured)])
              for name in signs}  # fmt: skip
    weight = {name: abs(sign.log_odds) * spread[name] for name, sign in signs.items()}
    assert signs["failing"].log_odds > 0
    assert weight["failing"] > 5 * max(weight["anomaly"], weight["slower"])


def test_the_same_incidents_give_the_same_weights() -> None:
    assert learn(planted(100)) == learn(planted(100))


def test_learned_weights_beat_declared_ones_where_there_is_something_to_learn_and_no_fold_sees_itself() -> None:
    rows = evaluate(planted(300))
    for split in ("systems held out", "kinds held out"):
        learned, declared = row(rows, "learned", split), row(rows, "declared weights", split)
        assert learned["ranked_probability_score"] < 0.7 * declared["ranked_probability_score"]
    nothing = row(rows, "shares of severities alone")
    assert learned["ranked_probability_score"] < 0.7 * nothing["ranked_probability_score"]
    assert row(rows, "first rule")["steps_off"] > 1


def test_harm_that_is_drawn_by_lot_cannot_be_told() -> None:
    found = planted(300)
    lots = np.random.default_rng(1).permutation([e.harmed for e in found]).tolist()
    rows = evaluate([Example(e.measured, h, e.by_rule, e.kind) for e, h in zip(found, lots, strict=True)])
    learned, nothing = row(rows, "learned"), row(rows, "shares of severities alone")
    assert learned["ranked_probability_score"] == pytest.approx(nothing["ranked_probability_score"], abs=0.03)


def test_made_incidents_are_measured_as_an_investigation_sees_them() -> None:
    first, second = list(examples(2)), list(examples(2))
    assert first == second
    assert all(0 <= e.harmed <= 1 and "anomaly" in signs_of(e.measured) for e in first)
