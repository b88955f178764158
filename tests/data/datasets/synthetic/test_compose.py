"""The generator: the same for the same seed, honest labels, and no way to the answer but through the symptoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from data.datasets import Case
from data.datasets.synthetic import KINDS, NO_INCIDENT, KnownTruth, synthesize
from data.errors import InputError

COUNT = 160


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [synthesize((7, number), services=(6, 18)) for number in range(COUNT)]


def truth_of(case: Case) -> KnownTruth:
    truth = case.truth()
    assert isinstance(truth, KnownTruth)
    return truth


def test_the_same_seed_gives_the_same_case_and_another_seed_another() -> None:
    first, again, other = synthesize(3), synthesize(3), synthesize(4)
    assert first.alert == again.alert
    assert first.truth() == again.truth()
    assert first.telemetry.metrics.keys == again.telemetry.metrics.keys
    np.testing.assert_array_equal(first.telemetry.metrics.values, again.telemetry.metrics.values)
    assert first.telemetry.logs.equals(again.telemetry.logs)
    assert first.telemetry.spans.equals(again.telemetry.spans)
    assert first.telemetry.changes == again.telemetry.changes
    assert first.id != other.id


@pytest.mark.parametrize("kind", [*KINDS, NO_INCIDENT])
def test_every_kind_of_fault_can_be_made_alone_and_is_labelled(kind: str) -> None:
    case = _of_kind(kind)
    truth = truth_of(case)
    assert truth.kind == kind
    assert bool(truth.services) == (kind != NO_INCIDENT)
    assert set(truth.services) <= set(case.telemetry.services)
    assert case.alert.service in case.telemetry.services
    if truth.changes:
        assert {*truth.changes, *truth.decoys} <= {change.id for change in case.telemetry.changes}
        assert not set(truth.changes) & set(truth.decoys)
    else:
        assert kind in (NO_INCIDENT,) or not KINDS[kind].changes or truth.changes is None


def _of_kind(kind: str) -> Case:
    """The first system that can have it: a small one may lack an external provider or a cache."""
    for seed in range(40):
        try:
            return synthesize(seed, services=(8, 20), kind=kind)
        except InputError:
            continue
    raise AssertionError(f"no system of 40 can have {kind}")


def test_the_alert_comes_after_the_onset_and_no_table_is_all_empty(cases: Sequence[Case]) -> None:
    for case in cases:
        truth = truth_of(case)
        assert truth.onset is None or truth.onset <= case.alert.fired_at
        assert len(case.telemetry.metrics) or len(case.telemetry.spans)
        assert np.isfinite(case.telemetry.metrics.values).any() or not len(case.telemetry.metrics)
        causes = [c for c in case.telemetry.changes if c.id in (truth.changes or ())]
        assert all(change.timestamp <= case.alert.fired_at for change in causes)


def test_spans_lie_within_a_trace_and_name_known_services(cases: Sequence[Case]) -> None:
    seen = 0
    for case in cases:
        spans = case.telemetry.spans
        assert spans["span_id"].is_unique
        assert set(spans["service"]) <= set(case.telemetry.graph.services)
        seen += len(spans)
        parents = spans["parent_id"].dropna()
        assert parents.isin(spans["span_id"]).mean() > 0.9 if len(parents) else True
    assert seen > 10 * COUNT


def test_every_mess_is_there_somewhere(cases: Sequence[Case]) -> None:
    truths = [truth_of(case) for case in cases]
    assert sum(truth.kind == NO_INCIDENT for truth in truths) > COUNT * 0.04
    assert sum("+" in truth.kind for truth in truths) > COUNT * 0.02
    assert {name for truth in truths for name in truth.kind.split("+")} >= set(KINDS)
    steps = {
        round(float(np.diff(m.timestamps[:2]).astype(float)[0] / 1e6)) for c in cases if len(m := c.telemetry.metrics)
    }
    assert {1, 300} <= steps
    series = [m.values[:, i] for c in cases[:100] for m in [c.telemetry.metrics] for i in range(len(m))]
    flat = [np.ptp(s[np.isfinite(s)]) == 0 for s in series]
    assert 0.03 < np.mean(flat) < 0.4
    assert any(np.isnan(s).any() for s in series)
    assert any(key.instance for case in cases for key in case.telemetry.metrics.keys)
    assert any(key.unit for case in cases for key in case.telemetry.metrics.keys)


Rank = Callable[[Case, str], float | None]


def _share_below(values: dict[str, float], service: str) -> float | None:
    """Where ``service`` stands among all by ``values``, in [0, 1]; ties count half. None for a single value."""
    if len(values) < 2 or service not in values:
        return None
    others = np.array([v for name, v in values.items() if name != service])
    return float(np.mean(others < values[service]) + 0.5 * np.mean(others == values[service]))


def _by_name(case: Case, service: str) -> float | None:
    return _share_below({name: float(i) for i, name in enumerate(case.telemetry.services)}, service)


def _by_length(case: Case, service: str) -> float | None:
    return _share_below({name: float(len(name)) for name in case.telemetry.services}, service)


def _by_columns(case: Case, service: str) -> float | None:
    names = [key.service for key in case.telemetry.metrics.keys]
    return _share_below({name: float(names.count(name)) for name in case.telemetry.metrics.services}, service)


def _by_missing(case: Case, service: str) -> float | None:
    metrics = case.telemetry.metrics
    gaps: dict[str, list[float]] = {}
    for column, key in enumerate(metrics.keys):
        gaps.setdefault(key.service, []).append(float(np.isnan(metrics.values[:, column]).mean()))
    return _share_below({name: float(np.mean(values)) for name, values in gaps.items()}, service)


def _by_digits(case: Case, service: str) -> float | None:
    metrics = case.telemetry.metrics
    written: dict[str, list[int]] = {}
    for column, key in enumerate(metrics.keys):
        written.setdefault(key.service, []).append(len(repr(float(np.nan_to_num(metrics.values[0, column])))))
    return _share_below({name: float(np.mean(lengths)) for name, lengths in written.items()}, service)


@pytest.mark.parametrize("rank", [_by_name, _by_length, _by_columns, _by_missing, _by_digits])
def test_nothing_but_symptoms_tells_the_culprit(cases: Sequence[Case], rank: Rank) -> None:
    """The culprit stands anywhere: its mean position is the middle, within four standard errors of chance."""
    places = [p for c in cases for s in truth_of(c).services if (p := rank(c, s)) is not None]
    assert len(places) > COUNT / 2
    assert abs(np.mean(places) - 0.5) < 4 * 0.29 / np.sqrt(len(places)) + 0.02


def test_neither_order_nor_dress_tells_the_guilty_change(cases: Sequence[Case]) -> None:
    last, count, length = [], [], []
    for case in cases:
        guilty = set(truth_of(case).changes or ())
        before = [c for c in case.telemetry.changes if c.timestamp <= case.alert.fired_at]
        if not guilty or len(before) < 2:
            continue
        last.append(before[-1].id in guilty or before[-1].commit in guilty)
        first = min(range(len(before)), key=lambda i: before[i].id)
        count.append((before[first].id in guilty) - len(guilty & {c.id for c in before}) / len(before))
        diffs = {c.id: float(len(c.diff)) for c in before if c.diff}
        length += [p for change in guilty if (p := _share_below(diffs, change)) is not None]
    assert len(last) > 30
    assert np.mean(last) < 0.5  # "the latest deploy did it" is wrong more often than not
    assert abs(np.mean(count)) < 0.12  # the smallest id is as guilty as any
    assert 0.3 < np.mean(length) < 0.8


def test_decoys_are_there_when_no_change_did_it(cases: Sequence[Case]) -> None:
    innocent = [truth_of(c) for c in cases if truth_of(c).changes == ()]
    assert len(innocent) > 30
    assert np.mean([bool(truth.decoys) for truth in innocent]) > 0.5


def test_tables_are_absent_whatever_the_fault(cases: Sequence[Case]) -> None:
    with_change = [c for c in cases if any(KINDS[k].changes for k in truth_of(c).kind.split("+") if k in KINDS)]
    without = [c for c in cases if c not in with_change]
    for table in ("changes", "logs", "spans"):
        shares = [np.mean([len(getattr(c.telemetry, table)) > 0 for c in group]) for group in (with_change, without)]
        assert abs(shares[0] - shares[1]) < 0.2


@pytest.mark.parametrize("services", [(4, 9), (9, 6), (5, 1001)])
def test_impossible_sizes_are_refused(services: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="services"):
        synthesize(0, services=services)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="kind"):
        synthesize(0, kind="gremlins")


@pytest.mark.parametrize(("count", "kind"), [(250, None), (1000, NO_INCIDENT)])
def test_large_systems_work(count: int, kind: str | None) -> None:
    case = synthesize(1, services=(count, count), kind=kind)
    assert len(case.telemetry.graph.services) == count
    assert set(truth_of(case).services) <= set(case.telemetry.services)
