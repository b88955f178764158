"""Faults planted in a small synthetic shop: web -> cart -> db, and web -> ads, which is never at fault."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.domain import Alert, Change, ChangeKind, Diagnosis, Evidence, EvidenceKind, Severity
from data.telemetry import Metrics, SeriesKey, Telemetry, empty_logs, empty_spans
from data.topology import ServiceGraph
from models.rankers.state import Champion, champion
from pipelines.investigate import investigate

START = datetime(2026, 1, 1, tzinfo=UTC)
FAULT = START + timedelta(minutes=45)
FIRED = FAULT + timedelta(minutes=2)
END = START + timedelta(minutes=55)
SERVICES = ("web", "cart", "db", "ads")
GRAPH = ServiceGraph([("web", "cart"), ("cart", "db"), ("web", "ads")])
CALLERS = {"db": ("db", "cart", "web"), "cart": ("cart", "web"), "web": ("web",), "ads": ("ads", "web")}
BASE = {"latency_p99_ms": 50.0, "error_ratio": 0.002, "cpu_utilization": 30.0, "requests_per_sec": 200.0}


def alert(**fields: Any) -> Alert:
    values = {"id": "a1", "source": "test", "service": "web", "title": "web is slow", "fired_at": FIRED, "group": "g",
              "metric": "latency_p99_ms"}  # fmt: skip
    return Alert(**{**values, **fields})


def metrics(cause: str = "db", kind: str = "latency", seed: int = 0) -> Metrics:
    clock = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(56) * np.timedelta64(60, "s")
    keys = tuple(SeriesKey(s, m) for s in SERVICES for m in BASE)
    level = np.array([BASE[key.metric] for key in keys])
    values = level * (1.0 + 0.03 * np.random.default_rng(seed).normal(size=(len(clock), len(keys))))
    late = clock >= np.datetime64(FAULT.replace(tzinfo=None), "us")
    for service in CALLERS[cause]:
        column = {m: keys.index(SeriesKey(service, m)) for m in BASE}
        if kind in ("latency", "cpu"):
            values[late, column["latency_p99_ms"]] += 400.0
        if kind == "error":
            values[late, column["error_ratio"]] += 0.3
        if kind == "cpu" and service == cause:
            values[late, column["cpu_utilization"]] += 60.0
    return Metrics(clock, keys, values)


def spans(cause: str = "db", extra_ms: float = 400.0) -> pd.DataFrame:
    rows = []
    for minute in range(55):
        at = START + timedelta(minutes=minute, seconds=5)
        own = dict.fromkeys(SERVICES, 10.0 + minute % 3)
        if at >= FAULT:
            own[cause] += extra_ms
        cart = own["cart"] + own["db"]
        for i, parent, service, ms in (
            ("1", None, "web", own["web"] + cart + own["ads"]),
            ("2", "1", "cart", cart),
            ("3", "2", "db", own["db"]),
            ("4", "1", "ads", own["ads"]),
        ):
            row = {"timestamp": at, "trace_id": f"t{minute}", "span_id": i, "parent_id": parent, "status": "OK"}
            rows.append({**row, "service": service, "operation": f"{service}.handle", "duration_ms": ms})
    table = pd.DataFrame(rows)
    return table.assign(timestamp=pd.to_datetime(table["timestamp"], utc=True).astype("datetime64[us, UTC]"))


def logs(cause: str = "db") -> pd.DataFrame:
    rows = [
        {
            "timestamp": START + timedelta(minutes=m, seconds=i),
            "service": s,
            "severity": "INFO",
            "message": f"handled {m}",
        }
        for m in range(55)
        for i, s in enumerate(SERVICES)
    ]
    rows += [
        {"timestamp": FAULT + timedelta(seconds=7 * i), "service": cause, "severity": "ERROR",
         "message": f"too many connections: {i} waiting"}
        for i in range(40)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(timestamp=pd.to_datetime(table["timestamp"], utc=True).astype("datetime64[us, UTC]"))


def everything() -> Telemetry:
    return Telemetry(metrics=metrics(), logs=logs(), spans=spans(), graph=GRAPH)


def leader(diagnosis: Diagnosis) -> str:
    return diagnosis.candidates[0].service


@pytest.mark.parametrize("cause", ["db", "cart", "ads", "web"])
@pytest.mark.parametrize("kind", ["latency", "error", "cpu"])
def test_metrics_and_a_graph_find_where_it_began(cause: str, kind: str) -> None:
    watched = alert(metric="error_ratio" if kind == "error" else "latency_p99_ms")
    diagnosis = investigate(watched, Telemetry(metrics=metrics(cause, kind), graph=GRAPH))
    assert leader(diagnosis) == cause
    assert diagnosis.candidates[0].path[0] == cause
    assert diagnosis.candidates[0].path[-1] == "web"


def test_without_a_graph_the_resource_that_changed_still_points() -> None:
    assert leader(investigate(alert(), Telemetry(metrics=metrics("cart", "cpu")))) == "cart"


@pytest.mark.parametrize("cause", ["db", "cart", "ads"])
def test_spans_alone_suffice(cause: str) -> None:
    diagnosis = investigate(alert(), Telemetry(spans=spans(cause)))
    assert leader(diagnosis) == cause
    assert any("inferred from spans" in sentence for sentence in diagnosis.unseen)


@pytest.mark.parametrize("cause", ["db", "ads"])
def test_logs_alone_suffice(cause: str) -> None:
    diagnosis = investigate(alert(), Telemetry(logs=logs(cause)))
    assert leader(diagnosis) == cause
    assert "too many connections" in " ".join(e.summary for e in diagnosis.evidence)


@pytest.mark.parametrize("delay_s", [0, 30, 60, 120, 240])
def test_the_delay_of_the_alert_does_not_matter(delay_s: int) -> None:
    late = alert(fired_at=FAULT + timedelta(seconds=delay_s))
    diagnosis = investigate(late, everything())
    assert leader(diagnosis) == "db"
    assert diagnosis.onset is not None
    assert abs(diagnosis.onset - FAULT) <= timedelta(seconds=60)


def test_every_candidate_is_supported_by_evidence_that_exists() -> None:
    diagnosis = investigate(alert(), everything())
    ids = [e.id for e in diagnosis.evidence]
    assert len(ids) == len(set(ids))
    for candidate in diagnosis.candidates:
        assert candidate.evidence
        assert {e.service for e in diagnosis.cited(candidate.evidence)} == {candidate.service}
        assert len(diagnosis.cited(candidate.evidence)) == len(candidate.evidence)
    assert diagnosis.candidates[0].evidence[0] == "E1"
    assert sum(c.probability for c in diagnosis.candidates) <= 1.0 + 1e-9


def test_evidence_says_from_what_to_what_and_when() -> None:
    diagnosis = investigate(alert(), Telemetry(metrics=metrics("db", "cpu"), graph=GRAPH))
    said = " | ".join(e.summary for e in diagnosis.cited(diagnosis.candidates[0].evidence))
    assert "latency_p99_ms of db rose from 50" in said
    assert " ms at 00:45Z" in said


def test_healthy_telemetry_accuses_nobody_with_confidence() -> None:
    healthy = metrics().values.copy()
    healthy[45:] = healthy[:11]
    diagnosis = investigate(alert(), Telemetry(metrics=replace(metrics(), values=healthy), graph=GRAPH))
    assert diagnosis.confidence < 0.5
    assert not diagnosis.can_tell
    assert diagnosis.severity is Severity.medium


def test_a_leader_within_its_ordinary_variation_is_not_named() -> None:
    calm = metrics()
    values = np.random.default_rng(3).normal(1.0, 0.05, calm.values.shape) * calm.values[:11].mean(axis=0)
    values[45:, calm.keys.index(SeriesKey("web", "latency_p99_ms"))] *= 1.1
    sure = Champion(champion().ranker, replace(champion().confidence, least=0.0, unseen=0.0))
    diagnosis = investigate(alert(), Telemetry(metrics=replace(calm, values=values), graph=GRAPH), model=sure)
    assert diagnosis.candidates
    assert "out of its ordinary variation" in str(diagnosis.cannot_tell)


@pytest.mark.parametrize("series", [0.0, 7.0, np.nan])
def test_series_without_any_variation_accuse_nobody(series: float) -> None:
    flat = np.full_like(metrics().values, series)
    diagnosis = investigate(alert(), Telemetry(metrics=replace(metrics(), values=flat), graph=GRAPH))
    assert diagnosis.suspects == ()
    assert diagnosis.cannot_tell == "nothing that was seen supports a cause"
    # Whoever was seen is ranked all the same; what was never sampled was not seen.
    assert {c.service for c in diagnosis.candidates} == (set() if np.isnan(series) else set(SERVICES))
    assert all("stayed at" in item.summary for c in diagnosis.candidates for item in diagnosis.cited(c.evidence))
    assert diagnosis.confidence < 0.01


def test_every_service_with_telemetry_is_ranked_and_who_hardly_moved_comes_last() -> None:
    diagnosis = investigate(alert(), Telemetry(metrics=metrics(), graph=GRAPH))
    assert {candidate.service for candidate in diagnosis.candidates} == set(SERVICES)
    assert [c.faint for c in diagnosis.candidates] == sorted(c.faint for c in diagnosis.candidates)
    assert diagnosis.candidates[: len(diagnosis.suspects)] == diagnosis.suspects
    probabilities = [candidate.probability for candidate in diagnosis.candidates]
    assert probabilities == sorted(probabilities, reverse=True)


def test_nothing_at_all_yields_no_candidate_and_says_so() -> None:
    diagnosis = investigate(alert(), Telemetry())
    assert diagnosis.candidates == ()
    assert diagnosis.confidence == 0.0
    assert not diagnosis.can_tell
    assert len(diagnosis.unseen) >= 4
    assert any("web has no telemetry" in sentence for sentence in diagnosis.unseen)


def test_it_says_that_it_cannot_tell_where_the_leader_is_under_the_models_least() -> None:
    seen = Telemetry(metrics=metrics(), graph=GRAPH)
    told = investigate(alert(), seen)
    assert told.can_tell
    ranker, confidence = champion()
    wary = Champion(ranker, replace(confidence, least=told.confidence + 0.01))
    untold = investigate(alert(), seen, model=wary)
    assert untold.candidates == told.candidates
    assert str(untold.cannot_tell).startswith(f"no candidate stands out: {told.candidates[0].service} leads")


@pytest.mark.parametrize("gone", ["spans", "logs", "graph", "source"])
def test_what_was_not_seen_lowers_the_confidence(gone: str) -> None:
    seen = Telemetry(metrics=metrics(), logs=logs(), spans=spans(), graph=GRAPH)
    missing = Evidence(id="m", kind=EvidenceKind.missing, summary="github did not answer", source="github")
    less = {
        "spans": replace(seen, spans=empty_spans()),
        "logs": replace(seen, logs=empty_logs()),
        "graph": replace(seen, graph=ServiceGraph()),
        "source": replace(seen, missing=(missing,)),
    }[gone]
    full, partial = investigate(alert(), seen), investigate(alert(), less)
    assert partial.confidence < full.confidence
    assert len(partial.unseen) > len(full.unseen) == 0


def test_holes_in_the_data_do_not_hide_the_cause() -> None:
    table = metrics()
    values = table.values.copy()
    values[np.random.default_rng(1).random(values.shape) < 0.3] = np.nan
    assert leader(investigate(alert(), Telemetry(metrics=replace(table, values=values), graph=GRAPH))) == "db"


def test_the_same_input_gives_the_same_answer_and_is_left_alone() -> None:
    telemetry = everything()
    values, lines, rows = telemetry.metrics.values.copy(), telemetry.logs.copy(), telemetry.spans.copy()
    assert investigate(alert(), telemetry) == investigate(alert(), everything())
    np.testing.assert_array_equal(telemetry.metrics.values, values)
    pd.testing.assert_frame_equal(telemetry.logs, lines)
    pd.testing.assert_frame_equal(telemetry.spans, rows)


def test_neither_names_nor_order_of_columns_decide() -> None:
    table = metrics("cart", "cpu")
    new = {"web": "z9", "cart": "a1", "db": "m5", "ads": "b2"}
    order = np.random.default_rng(2).permutation(len(table))
    keys = tuple(table.keys[i]._replace(service=new[table.keys[i].service]) for i in order)
    renamed = Telemetry(
        metrics=Metrics(table.timestamps, keys, table.values[:, order]),
        graph=ServiceGraph([(new[a], new[b]) for a, b in GRAPH.edges]),
    )
    one = investigate(alert(), Telemetry(metrics=table, graph=GRAPH))
    other = investigate(alert(service="z9"), renamed)
    before = {new[c.service]: c.probability for c in one.candidates}
    assert {c.service: c.probability for c in other.candidates} == pytest.approx(before)


def test_nothing_after_as_of_is_used() -> None:
    as_of = FIRED + timedelta(minutes=1)
    telemetry = everything()
    tampered = telemetry.metrics.values.copy()
    tampered[telemetry.metrics.timestamps > np.datetime64(as_of.replace(tzinfo=None))] = 1e9
    later = logs("ads")
    poisoned = replace(
        telemetry,
        metrics=replace(telemetry.metrics, values=tampered),
        logs=pd.concat([telemetry.logs, later[later["timestamp"] > pd.Timestamp(as_of)]], ignore_index=True),
    )
    assert investigate(alert(), poisoned, as_of=as_of) == investigate(alert(), telemetry, as_of=as_of)


def test_a_surge_of_users_is_not_blamed_on_the_services_it_overwhelms() -> None:
    table = metrics()
    values = np.full_like(table.values, 0.0) + metrics("web", "none").values
    for i, key in enumerate(table.keys):
        values[45:, i] *= {"requests_per_sec": 6.0, "latency_p99_ms": 8.0, "cpu_utilization": 3.0}.get(key.metric, 1.0)
    diagnosis = investigate(alert(), Telemetry(metrics=replace(table, values=values), graph=GRAPH))
    assert leader(diagnosis) == "web"


def test_the_blast_radius_is_who_calls_the_cause() -> None:
    diagnosis = investigate(alert(), everything())
    assert diagnosis.blast_radius.services == ("db", "cart", "web")
    assert set(diagnosis.blast_radius.symptomatic) == {"db", "cart", "web"}
    assert diagnosis.severity is Severity.critical
    assert diagnosis.anomaly_score > 0.85


def test_that_no_change_did_it_rests_on_evidence_as_every_change_does() -> None:
    innocent = Change(id="abc1234", kind=ChangeKind.commit, timestamp=START, summary="docs: explain setup")
    lines = logs()
    errors = lines["severity"] == "ERROR"
    lines.loc[errors, "message"] = "tls: certificate has expired"
    seen = Telemetry(metrics=metrics(), logs=lines, spans=spans(), graph=GRAPH, changes=(innocent,))
    diagnosis = investigate(alert(), seen)
    assert diagnosis.no_change_probability > 0.5
    said = [item.summary for item in diagnosis.cited(diagnosis.no_change_evidence)]
    assert any("certificate has expired" in sentence for sentence in said)
    assert len(said) == len(diagnosis.no_change_evidence)
    assert diagnosis.cited(diagnosis.changes[0].evidence)


def test_no_change_keeps_its_evidence_among_many_services_and_changes() -> None:
    table = metrics()
    services = [f"s{i:02}" for i in range(30)]
    keys = tuple(SeriesKey(s, m) for s in services for m in BASE)
    values = np.tile(table.values[:, [table.keys.index(SeriesKey("db", m)) for m in BASE]], len(services))
    values[45:] *= 1.0 + np.arange(values.shape[1]) / 10.0
    changes = tuple(
        Change(id=f"{i:07x}", kind=ChangeKind.commit, timestamp=START, service=services[i % 30], summary="tidy")
        for i in range(40)
    )
    many = Telemetry(metrics=Metrics(table.timestamps, keys, values), changes=changes)
    diagnosis = investigate(alert(service="s00"), many)
    assert diagnosis.no_change_evidence
    assert all(candidate.evidence for candidate in diagnosis.candidates)


@pytest.mark.parametrize(
    ("watched", "first"),
    [("latency_p99_ms", "latency_p99_ms of db rose"), ("cpu_utilization", "cpu_utilization of db")],
)
def test_the_first_sentence_is_about_what_users_feel_where_that_raised_the_alert(watched: str, first: str) -> None:
    """The processor's sign is as strong as the latency's; which is told first depends on what the alert is about."""
    table = metrics("db", "cpu")
    alone = Telemetry(metrics=table, graph=ServiceGraph([("web", "db")]))
    diagnosis = investigate(alert(metric=watched), alone)
    assert leader(diagnosis) == "db"
    lead = diagnosis.candidates[0]
    kinds = [item.summary for item in diagnosis.cited(lead.evidence)]
    assert any("cpu_utilization" in text for text in kinds)
    assert any("latency_p99_ms" in text for text in kinds)
    assert kinds[0].startswith(first)


def test_changes_that_could_not_be_seen_are_not_acquitted() -> None:
    gone = Evidence(
        id="missing:changes",
        kind=EvidenceKind.missing,
        summary="no changes",
        source="bundle",
        detail={"part": "changes"},
    )
    seen, unseen = investigate(alert(), everything()), investigate(alert(), replace(everything(), missing=(gone,)))
    assert seen.no_change_probability == pytest.approx(1.0)
    assert unseen.no_change_probability < 0.5
