"""What Alertmanager sends, as our alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from data.domain import AlertLevel, AlertStatus
from data.errors import InputError
from data.store import alert_key
from pipelines import intake


def item(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "SlowSearch", "service": "search", "env": "stage", "severity": "warning"},
        "annotations": {"summary": "Search answers slowly", "description": "p99 above 0.9 s", "value": "1.83"},
        "startsAt": "2026-10-26T06:13:20.123456789+02:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.test/graph?g0.expr=search_p99%7Bx%3D%22y%22%7D+%3E+0.9&g0.tab=1",
        "fingerprint": "c0ffee0000000001",
    } | changes


def payload(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="SlowSearch"}',
        "truncatedAlerts": 2,
        "status": "firing",
        "receiver": "qai",
        "groupLabels": {"alertname": "SlowSearch"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.test",
        "alerts": list(items),
    }


def test_every_field_is_understood() -> None:
    (alert,) = intake.alertmanager(payload(item()))
    assert (alert.source, alert.service, alert.environment) == ("alertmanager", "search", "stage")
    assert (alert.title, alert.level, alert.status) == (
        "Search answers slowly",
        AlertLevel.warning,
        AlertStatus.firing,
    )
    assert alert.fired_at == datetime(2026, 10, 26, 4, 13, 20, 123456, tzinfo=UTC)
    assert (alert.metric, alert.threshold, alert.value) == ("search_p99", 0.9, 1.83)
    assert alert.tags["alertname"] == "SlowSearch"
    assert alert.extra["truncatedAlerts"] == 2
    assert alert.extra["annotations"]["description"] == "p99 above 0.9 s"


def test_resolved_is_the_same_group_and_another_notification() -> None:
    over = item(status="resolved", endsAt="2026-10-26T05:00:00Z")
    fired, resolved = intake.alertmanager(payload(item(), over))
    assert fired.group == resolved.group
    assert alert_key(fired) != alert_key(resolved)
    assert resolved.fired_at == datetime(2026, 10, 26, 5, tzinfo=UTC)


def test_firing_again_is_a_new_group_and_a_repeat_is_not() -> None:
    first, repeat, again = intake.alertmanager(payload(item(), item(), item(startsAt="2026-10-27T00:00:00Z")))
    assert alert_key(first) == alert_key(repeat)
    assert again.group != first.group


def test_without_a_fingerprint_the_labels_identify_it() -> None:
    one, same, other = intake.alertmanager(
        payload(item(fingerprint=None), item(fingerprint=""), item(fingerprint=None, labels={"alertname": "Else"}))
    )
    assert one.group == same.group != other.group


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"app": "a", "job": "j"}, "a"),
        ({"job": "j", "instance": "i:9100"}, "j"),
        ({"instance": "i:9100"}, "i"),
        ({"alertname": "Watchdog"}, intake.UNKNOWN_SERVICE),
    ],
)
def test_where_the_service_is_found(labels: dict[str, str], service: str) -> None:
    (alert,) = intake.alertmanager(payload(item(labels=labels)))
    assert alert.service == service
    assert alert.level is AlertLevel.error  # no severity said


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (None, "payload"),
        ({}, "alerts"),
        (payload(), "alerts"),
        ({"alerts": {"0": {}}}, "alerts"),
        (payload(item(), "text"), "alerts.1"),  # type: ignore[arg-type]
        (payload(item(labels={})), "alerts.0.labels"),
        (payload(item(labels=["a"])), "alerts.0.labels"),
        (payload(item(labels={"a": []})), "alerts.0.labels.a"),
        (payload(item(status="maybe")), "alerts.0.status"),
        (payload(item(startsAt="soon")), "alerts.0.startsAt"),
        (payload(item(generatorURL={})), "alerts.0.generatorURL"),
    ],
)
def test_what_cannot_be_read_is_named(sent: Any, field: str) -> None:
    with pytest.raises(InputError) as raised:
        intake.alertmanager(sent)
    assert raised.value.field == field
