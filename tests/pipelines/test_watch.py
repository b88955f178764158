"""The watch, on a real store: what leaves its usual range becomes an alert, and its return the alert's recovery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from data.domain import IncidentStatus
from data.errors import SourceDenied
from data.sources import Request
from data.store import Store
from data.telemetry import Metrics, SeriesKey, Telemetry
from data.topology import ServiceGraph
from pipelines.triage import triage
from pipelines.watch import Watch

T0 = datetime(2026, 3, 2, 3, tzinfo=UTC)
STEP_S = 5


class Shop:
    """A source with one latency series a service, slow between the given minutes."""

    name = "shop"

    def __init__(self, **slow: tuple[float, float]) -> None:
        self.slow = slow
        self.fails = False

    def collect(self, request: Request) -> Telemetry:
        if self.fails:
            raise SourceDenied("the key expired")
        at = np.arange(request.start.timestamp(), request.as_of.timestamp() + 1, STEP_S)
        columns = [self._latency(i, window, at) for i, window in enumerate(self.slow.values())]
        times = (at * 1e6).astype("int64").astype("datetime64[us]")
        keys = tuple(SeriesKey(service, "latency_p95_ms") for service in self.slow)
        return Telemetry(metrics=Metrics(times, keys, np.stack(columns, axis=1)))

    def _latency(self, seed: int, window: tuple[float, float], at: np.ndarray) -> np.ndarray:
        minute = (at - T0.timestamp()) / 60
        noise = np.random.default_rng(seed).standard_normal(4000)[(at // STEP_S).astype(int) % 4000]
        return 100 + 5 * noise + np.where((minute >= window[0]) & (minute < window[1]), 400, 0)


def watched(store: Store, shop: Shop) -> Watch:
    graph = ServiceGraph([("web", "api")])
    handle = lambda key: triage(store, key, graph)  # noqa: E731
    return Watch([shop], store, handle, "lab", deadline_s=5)  # type: ignore[arg-type]


def play(watch: Watch, first: float, last: float) -> list[tuple[float, str, str]]:
    """Look every five seconds between two minutes; when, what status and which service each alert had."""
    raised = []
    for step in range(int(first * 60 / STEP_S), int(last * 60 / STEP_S)):
        at = T0 + timedelta(seconds=step * STEP_S)
        raised += [(step * STEP_S / 60, a.status.value, a.service) for a in watch.look(at)]
        for incident in watch.store.incidents([IncidentStatus.open]):
            watch.store.move(incident.id, IncidentStatus.awaiting_approval, "settled")
    return raised


def test_trouble_is_one_alert_and_its_end_one_recovery(store: Store) -> None:
    raised = play(watched(store, Shop(api=(20, 24))), 15, 30)
    assert [(status, service) for _, status, service in raised] == [("firing", "api"), ("resolved", "api")]
    (noticed, _, _), (over, _, _) = raised
    assert 20 < noticed < 21
    assert 24 < over < 26
    assert [i.status for i in store.incidents()] == [IncidentStatus.resolved]


def test_calm_raises_nothing(store: Store) -> None:
    assert play(watched(store, Shop(api=(99, 99), web=(99, 99))), 15, 25) == []


def test_neighbours_that_suffer_too_join_the_incident_and_it_ends_with_the_last(store: Store) -> None:
    raised = play(watched(store, Shop(api=(20, 24), web=(20, 25))), 15, 30)
    assert sorted(service for _, status, service in raised if status == "firing") == ["api", "web"]
    [incident] = store.incidents()
    assert incident.status is IncidentStatus.resolved
    assert raised[-1][1:] == ("resolved", "web")


class Worsening(Shop):
    """A little slow from minute 20 on, and very from minute 21."""

    def _latency(self, seed: int, window: tuple[float, float], at: np.ndarray) -> np.ndarray:
        minute = (at - T0.timestamp()) / 60
        return super()._latency(seed, (99, 99), at) + np.where(minute >= 20, 60, 0) + np.where(minute >= 21, 4000, 0)


def test_a_service_that_gets_far_worse_alerts_once_more(store: Store) -> None:
    raised = play(watched(store, Worsening(api=(99, 99))), 15, 25)
    assert [(status, service) for _, status, service in raised] == [("firing", "api"), ("firing", "api")]
    (faint, _, _), (plain, _, _) = raised
    assert 20 < faint < 21 <= plain < 22
    assert len(store.incidents()) == 1


def test_a_restart_neither_repeats_nor_forgets(store: Store) -> None:
    shop = Shop(api=(20, 24))
    first = play(watched(store, shop), 15, 22)
    second = play(watched(store, shop), 22, 30)
    assert [status for _, status, _ in first] == ["firing"]
    assert [status for _, status, _ in second] == ["resolved"]


def test_what_cannot_be_seen_has_not_recovered(store: Store) -> None:
    shop = Shop(api=(20, 24))
    watch = watched(store, shop)
    play(watch, 15, 22)
    shop.fails = True
    assert play(watch, 25, 26) == []
    assert store.incidents()[0].status is IncidentStatus.awaiting_approval
