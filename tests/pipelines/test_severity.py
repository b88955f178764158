import numpy as np
import pytest

from data.datasets.severities import Labelled
from data.domain import Severity
from data.reports import Report
from pipelines.severity import (
    INCIDENTS,
    average_precision,
    by_group,
    expert,
    incident_rows,
    macro_f1,
    rolling,
    stages,
    train,
)

WORDS = {Severity.high: "everything unavailable", Severity.medium: "slow pages", Severity.low: "notice only"}


def labelled(n: int) -> list[Labelled]:
    rng = np.random.default_rng(7)
    items = []
    for i in range(n):
        severity = (Severity.high, Severity.medium, Severity.medium, Severity.low)[i % 4]
        word = WORDS[severity]
        noise = " ".join(f"w{k}" for k in rng.integers(0, 30, 4))
        report = Report("Incident", f"{word} {noise}", service=f"s{i % 7}")
        items.append(Labelled(report, severity, at=f"2024-{i:04d}", group=f"s{i % 7}", later=("we found it",)))
    return items


def test_folds_keep_services_whole_and_time_runs_forward() -> None:
    items = labelled(60)
    for learned, judged in by_group(items):
        assert not {items[i].group for i in learned} & {items[i].group for i in judged}
    folds = rolling(items)
    assert all(max(learned) < min(judged) for learned, judged in folds)
    assert sorted(i for _, judged in folds for i in judged) == list(range(30, 60))


def test_each_stage_of_a_report_is_learned_from_and_together_they_weigh_one() -> None:
    (item, *_) = labelled(1)
    first, second = stages(item)
    assert "found" not in first.report.text
    assert second.report.text.endswith("we found it")
    assert first.weight + second.weight == 1.0


def test_what_was_planted_is_learned() -> None:
    rows = incident_rows(labelled(80))
    assert all(row["macro_f1"] > 0.9 > row["baseline_macro_f1"] for row in rows)
    assert rows[0]["reports"] == 40


def test_words_without_meaning_teach_nothing() -> None:
    rng = np.random.default_rng(3)
    items = labelled(120)
    severities = rng.permutation([item.severity for item in items])
    shuffled = [Labelled(i.report, s, i.at, i.group, i.later) for i, s in zip(items, severities, strict=True)]
    assert incident_rows(shuffled)[0]["macro_f1"] < 0.65


def test_a_trained_model_tells_rules_from_incidents() -> None:
    incidents = labelled(40)
    rules = [
        Labelled(
            Report(f"{i.report.text} metric", "crossed", service=i.group, expression="m > 1"), i.severity, group=i.group
        )
        for i in incidents
    ]
    model = train(incidents, rules)
    assert model.assess(Report("slow pages metric", "crossed")).reads_like["rules"] > 0.8
    assert model.assess(Report("Incident", "slow pages w1 w2")).reads_like["rules"] < 0.2


def test_an_expert_knows_what_is_usual() -> None:
    usual = expert(labelled(40), INCIDENTS).usual
    assert sum(usual.values()) == pytest.approx(1.0)
    assert usual[Severity.medium] == pytest.approx(0.5, abs=0.05)
    assert usual[Severity.critical] > 0


def test_macro_f1_and_average_precision_by_hand() -> None:
    assert macro_f1([1, 1, 0, 0], [1, 0, 0, 0]) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert average_precision([1, 0, 1], [0.9, 0.8, 0.7]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 0], [0.5, 0.5]) == pytest.approx(0.5)
