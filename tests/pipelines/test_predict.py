"""Looking ahead, on a real store: what will fill up becomes an alert, and one that no longer will, its recovery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from data.domain import AlertLevel, AlertStatus
from data.errors import ConfigError
from data.sources import Request
from data.store import Store
from data.telemetry import Metrics, SeriesKey, Telemetry
from data.topology import ServiceGraph
from pipelines.forecast import Span
from pipelines.limits import Limit, natural_limit, read_limits
from pipelines.predict import Lookout
from pipelines.triage import triage

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
ROWS = 300


class Disks:
    """A source with one disk a service, in percent; each takes the values given for it."""

    name = "disks"

    def __init__(self, **disks: np.ndarray) -> None:
        self.disks = disks

    def collect(self, request: Request) -> Telemetry:
        last = int(request.as_of.timestamp())
        times = (np.arange(last - 60 * (ROWS - 1), last + 1, 60) * 10**6).astype("datetime64[us]")
        keys = tuple(SeriesKey(service, "disk_used", unit="%") for service in self.disks)
        return Telemetry(metrics=Metrics(times, keys, np.stack(list(self.disks.values()), axis=1)))


def noisy(values: np.ndarray) -> np.ndarray:
    return np.asarray(values + np.random.default_rng(0).normal(0, 0.3, len(values)))


FILLING = noisy(np.linspace(60, 93, ROWS))
CALM = noisy(np.full(ROWS, 60.0))


def looking(store: Store, disks: Disks, **options: object) -> Lookout:
    handle = lambda key: triage(store, key, ServiceGraph())  # noqa: E731
    return Lookout([disks], store, handle, None, 5, timedelta(hours=1), timedelta(hours=6), **options)  # type: ignore[arg-type]


def test_a_disk_that_fills_up_opens_a_proactive_incident_once(store: Store) -> None:
    lookout = looking(store, Disks(db=FILLING, web=CALM))
    (alert,) = lookout.look(NOW)
    assert (alert.service, alert.level, alert.tags) == ("db", AlertLevel.warning, {"proactive": "true"})
    assert alert.threshold == 95
    assert alert.extra["probability"] > 0.5
    assert 0 < alert.extra["lead_s"] <= 3600
    assert {"origins", "alarms"} <= set(alert.extra["history"])
    assert "likely" in alert.title
    assert [i.service for i in store.incidents()] == ["db"]
    assert lookout.look(NOW + timedelta(minutes=1)) == []


def test_what_is_no_longer_likely_is_called_off(store: Store) -> None:
    disks = Disks(db=FILLING)
    lookout = looking(store, disks)
    lookout.look(NOW)
    disks.disks = {"db": CALM}
    (recovery,) = lookout.look(NOW + timedelta(minutes=5))
    assert recovery.status is AlertStatus.resolved
    assert [i.status.is_closed for i in store.incidents()] == [True]
    assert lookout.look(NOW + timedelta(minutes=6)) == []


def test_what_is_full_already_is_for_the_monitors(store: Store) -> None:
    assert looking(store, Disks(db=np.full(ROWS, 97.0))).look(NOW) == []


def test_your_own_limits_come_first(store: Store) -> None:
    limits = (Limit("disk_*", 99.5, service="db", horizon=Span(rows=5)),)
    assert looking(store, Disks(db=FILLING), limits=limits).look(NOW) == []


@pytest.mark.parametrize(
    ("metric", "unit", "limit"),
    [
        ("disk_used", "%", 95.0),
        ("memory_usage_percent", "", 95.0),
        ("db_pool_usage_ratio", "", 0.95),
        ("disk_free_percent", "", None),
        ("memory_used_bytes", "bytes", None),
        ("latency_ms", "ms", None),
    ],
)
def test_only_shares_of_what_fills_up_have_a_limit_by_nature(metric: str, unit: str, limit: float | None) -> None:
    found = natural_limit(SeriesKey("s", metric, unit=unit))
    assert (found.threshold if found else None) == limit


def test_limits_are_read_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text(
        "- {metric: 'q*', threshold: 5, service: db, below: true, horizon: 2h}\n- {metric: x, threshold: 1}\n"
    )
    first, second = read_limits(file)
    assert first == Limit("q*", 5.0, "db", above=False, horizon=Span(seconds=7200))
    assert second.covers(SeriesKey("any", "x"))
    bad = {
        "{}": "list",
        "- {metric: x}": "entry 1",
        "- {metric: x, threshold: y}": "entry 1",
        "- {metric: x, threshold: 1, horizon: soon}": "horizon",
        "- [": "cannot be read",
    }
    for text, says in bad.items():
        file.write_text(text)
        with pytest.raises(ConfigError, match=says):
            read_limits(file)


class Failing(Disks):
    """The same, of the share that fails."""

    def collect(self, request: Request) -> Telemetry:
        seen = super().collect(request).metrics
        keys = tuple(key._replace(metric="error_ratio", unit="") for key in seen.keys)
        return Telemetry(metrics=Metrics(seen.timestamps, keys, seen.values))


def test_an_error_budget_that_will_soon_be_gone_opens_an_incident_once_and_is_called_off(store: Store) -> None:
    burning = Failing(web=np.where(np.arange(ROWS) < ROWS - 90, 0.0, 0.02))
    lookout = looking(store, burning)
    (alert,) = lookout.look(NOW)
    assert "error budget of 99.9% over 30 days will be gone in about" in alert.title
    assert alert.tags == {"proactive": "true"}
    assert lookout.look(NOW + timedelta(minutes=1)) == []
    burning.disks = {"web": np.zeros(ROWS)}
    (recovery,) = lookout.look(NOW + timedelta(hours=3))
    assert recovery.status is AlertStatus.resolved
    assert [i.status.is_closed for i in store.incidents()] == [True]
