"""The evaluation asks first and opens labels afterwards, and counts what was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.datasets import Case, Truth
from data.domain import Alert, Change, ChangeKind
from data.errors import InputError
from data.telemetry import Metrics, SeriesKey, Telemetry, to_datetime64
from pipelines.bench.summary import summarise
from pipelines.evaluate import Answer, evaluate, rank_latest_deploy, rank_with_qai
from pipelines.fan_out import Workers

T0 = datetime(2024, 1, 1, tzinfo=UTC)
ALERT = Alert(id="x", source="test", service="a", title="", fired_at=T0, group="x")


@dataclass
class Oracle:
    """A ranker that answers from a script, and writes down when it was asked."""

    script: list[Answer]
    log: list[str] = field(default_factory=list)

    def __call__(self, alert: Alert, telemetry: Telemetry) -> Answer:
        self.log.append("asked")
        return self.script.pop(0)


def case(truth: Truth, system: str = "one", log: list[str] | None = None) -> Case:
    def label() -> Truth:
        if log is not None:
            log.append("opened")
        return truth

    return Case("c", system, ALERT, Telemetry(), label)


def test_labels_open_only_after_every_ranker_has_answered() -> None:
    log: list[str] = []
    rankers = {name: Oracle([Answer({"a": 1.0})], log) for name in ("first", "second")}
    evaluate([case(Truth(("a",)), log=log)], rankers)
    assert log == ["asked", "asked", "opened"]


def test_figures_by_case_by_system_and_macro() -> None:
    cases = [case(Truth(("a",))), case(Truth(("a",))), case(Truth(("b",)), "two")]
    oracle = Oracle([Answer({"a": 2, "b": 1}, 0.9), Answer({"a": 1, "b": 1}, 0.5), Answer({"a": 2, "b": 1}, 0.6)])
    report = summarise(evaluate(cases, {"oracle": oracle}))
    method = report["methods"]["oracle"]
    assert method["ac_at_1"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert method["ac_at_3"] == 1.0
    assert method["mrr"] == pytest.approx((1 + 0.75 + 0.5) / 3)
    assert method["systems"]["one"]["ac_at_1"] == 0.75
    assert method["systems"]["two"] | {"ece": None} == {
        "cases": 1, "ac_at_1": 0.0, "ac_at_3": 1.0, "ac_at_5": 1.0, "avg_at_5": 0.8, "mrr": 0.5, "ece": None,
    }  # fmt: skip
    assert method["macro"]["ac_at_1"] == pytest.approx(0.375)
    assert method["ece"] == pytest.approx((0.1 + 0.0 + 0.6) / 3)
    low, high = method["interval"]["ac_at_1"]
    assert low <= method["ac_at_1"] <= high
    assert report["cases"] == 3
    assert report["peak_memory_mb"] > 10


def test_changes_are_right_when_the_true_one_or_none_is_most_probable() -> None:
    guilty = Truth(("a",), changes=("c1",), decoys=("c2",))
    innocent = Truth(("a",), changes=(), decoys=("c2",))
    said = [
        (guilty, Answer({}, changes={"c1": 0.6, "c2": 0.1}, no_change=0.3), "right"),
        (guilty, Answer({}, changes={"c1": 0.4, "c2": 0.1}, no_change=0.5), "first, but none was thought likelier"),
        (guilty, Answer({}, changes={"c1": 0.1, "c2": 0.8}, no_change=0.1), "decoy"),
        (innocent, Answer({}, changes={"c2": 0.4}, no_change=0.6), "right"),
        (innocent, Answer({}, changes={"c2": 0.6}, no_change=0.4), "decoy"),
        (Truth(("a",)), Answer({}, changes={"c2": 1.0}), "the data set says nothing of changes"),
    ]
    report = summarise(evaluate([case(t) for t, _, _ in said], {"oracle": Oracle([a for _, a, _ in said])}))
    changes = report["changes"]["oracle"]
    assert changes["cases"] == 5
    assert changes["right"] == pytest.approx(2 / 5)
    assert changes["change_ac_at_1"] == pytest.approx(2 / 3)
    assert changes["change_right"] == pytest.approx(1 / 3)
    assert changes["no_change_right"] == pytest.approx(1 / 2)
    assert changes["decoy_chosen"] == pytest.approx(2 / 5)


def test_tied_changes_count_by_expectation() -> None:
    answer = Answer({}, changes={"c1": 0.5, "c2": 0.5})
    truth = Truth((), changes=("c1",), decoys=("c2",))
    changes = summarise(evaluate([case(truth)], {"oracle": Oracle([answer])}))["changes"]["oracle"]
    assert (changes["right"], changes["decoy_chosen"]) == (0.5, 0.5)


def test_cases_without_a_service_or_ranker_without_confidence_have_no_figure() -> None:
    report = summarise(evaluate([case(Truth((), changes=()))], {"oracle": Oracle([Answer({"a": 1.0})])}))
    assert report["methods"]["oracle"]["ac_at_1"] is None
    assert report["methods"]["oracle"]["ece"] is None
    assert report["changes"] == {}


def test_no_case_and_a_crash_are_not_scores() -> None:
    with pytest.raises(InputError, match="no complete case"):
        evaluate([], {"oracle": Oracle([])})
    with pytest.raises(IndexError):
        evaluate([case(Truth(("a",)))], {"oracle": Oracle([])})


def test_loading_is_timed_apart_from_ranking() -> None:
    def slowly() -> Iterator[Case]:
        end = datetime.now(UTC) + timedelta(milliseconds=80)
        while datetime.now(UTC) < end:
            pass
        yield case(Truth(("a",)))

    evaluation = evaluate(slowly(), {"oracle": Oracle([Answer({"a": 1.0})])})
    assert evaluation.load_ms >= 80
    assert evaluation.outcomes["oracle"][0].milliseconds < 40


def test_the_last_deploy_before_the_alert_is_blamed_by_its_commit() -> None:
    def change(name: str, minutes: int, kind: ChangeKind = ChangeKind.deploy, commit: str | None = None) -> Change:
        return Change(id=name, kind=kind, timestamp=T0 + timedelta(minutes=minutes), commit=commit)

    commit = change("c1", -1, ChangeKind.commit)
    deploys = (change("d1", -9, commit="c0"), change("d2", -2, commit="c7"), change("d3", 2, commit="c9"))
    assert rank_latest_deploy(ALERT, Telemetry(changes=(commit, *deploys))).changes == {"c7": 1.0}
    assert rank_latest_deploy(ALERT, Telemetry(changes=(commit,))).changes == {"c1": 1.0}
    assert rank_latest_deploy(ALERT, Telemetry()).changes == {}


def test_our_own_investigation_can_be_asked() -> None:
    values = np.random.default_rng(0).normal(10, 1, size=(60, 2))
    values[50:, 1] += 100
    clock = to_datetime64(T0 - timedelta(minutes=51)) + np.arange(60) * np.timedelta64(60_000_000, "us")
    keys = (SeriesKey("a", "cpu"), SeriesKey("b", "cpu"))
    answer = rank_with_qai(ALERT, Telemetry(Metrics(clock, keys, values)))
    assert max(answer.services, key=answer.services.__getitem__) == "b"
    assert answer.confidence == max(answer.services.values())


@pytest.mark.parametrize("threads", [True, False])
def test_several_at_once_say_what_one_says_in_the_same_order(threads: bool) -> None:
    cases = [case(Truth(("a",) if i % 3 else ("b",)), f"system-{i}") for i in range(7)]
    alone = evaluate(cases, {"first": name_a})
    together = evaluate(cases, {"first": name_a}, workers=Workers(2, threads=threads))
    assert [o.system for o in together.outcomes["first"]] == [f"system-{i}" for i in range(7)]
    assert [o.figures for o in together.outcomes["first"]] == [o.figures for o in alone.outcomes["first"]]
    assert together.cases == 7
    assert together.peak_memory_mb > 10


def name_a(alert: Alert, telemetry: Telemetry) -> Answer:
    return Answer({"a": 1.0, "b": 0.5})


def test_abstentions_and_failures_are_counted() -> None:
    said = [Answer({"a": 0.3, "b": 0.1}, 0.3, abstained=True), Answer({"a": 0.9}, 0.9), Answer({}, failure="too slow")]
    evaluation = evaluate([case(Truth(("a",))) for _ in said], {"oracle": Oracle(said)})
    method = summarise(evaluation)["methods"]["oracle"]
    assert method["abstained"] == pytest.approx(1 / 3)
    assert method["ac_at_1_answered"] == pytest.approx(1 / 2)
    assert method["ac_at_1_surest"] == {"0.5": 1.0, "0.7": pytest.approx(2 / 3), "0.9": pytest.approx(2 / 3)}
    assert method["risk"] == pytest.approx(1 / 9)
    assert method["failures"] == {"too slow": 1}
    assert method["asked"] == 3
