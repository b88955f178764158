"""The shipped incident, handled in front of the user: the same webhook, flow and pages as any other incident.

Only the surroundings are ours: a recording stands in for live telemetry, moved in time so that it happens now,
and a small git repository of our own making stands in for the company's.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from data.domain import Alert, IncidentStatus, now
from data.errors import ConfigError, StoreError
from data.incidents import build_shipped_repository, shipped_head, shipped_incident
from data.settings import Settings, load_settings
from data.sources.bundle import read_alert
from data.store import Event, Store
from remediation.git import Git

# The flow is done with what it can do without a person.
SETTLED = frozenset({IncidentStatus.awaiting_approval, IncidentStatus.escalated, IncidentStatus.resolved})
DEMO_ENVIRONMENT = "recorded"
_POLL_S = 0.1


def demo_settings(**overrides: object) -> Settings:
    """The user's settings, with what they left open filled in by the shipped incident."""
    settings = load_settings(**overrides)
    filled: dict[str, object] = {}
    if settings.bundle is None:
        filled |= {"bundle": shipped_incident(), "bundle_replay": True}
    if settings.repository is None:
        filled["repository"] = demo_repository(settings.state_dir)
    if settings.webhook_secret is None:
        filled["webhook_secret"] = local_secret(secret_path(settings))
    return load_settings(**overrides, **filled) if filled else settings


def secret_path(settings: Settings) -> Path:
    """Where the webhook secret that ``run`` makes up is kept."""
    return settings.state_dir / "keys" / "webhook_secret"


def local_secret(path: Path) -> str:
    """The secret kept at ``path``, made up on first use and readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8").strip()


def demo_repository(state_dir: Path) -> Path:
    """The first of ``shop``, ``shop-2``, ... whose main branch is as it was when the recording was made.

    Where a fix has been merged the incident cannot be shown again; that repository is kept, and another is made.
    """
    for number in itertools.count(1):
        folder = state_dir / (f"shop-{number}" if number > 1 else "shop")
        if not folder.exists():
            build_shipped_repository(folder)
            return folder
        if Git(folder).commit("refs/heads/main") == shipped_head():
            return folder
    raise AssertionError("unreachable")


def datadog_payload(alert: Alert, cycle: str, transition: str) -> dict[str, str]:
    """The recorded alert as Datadog would post it, by the template in docs/webhooks.md, happening now."""
    kind = "success" if transition == "Recovered" else "error"
    return {
        "id": f"{cycle}-{transition.lower()}",
        "alert_id": "1",
        "alert_cycle_key": cycle,
        "alert_transition": transition,
        "alert_type": kind,
        "alert_title": alert.title,
        "event_title": alert.title,
        "alert_metric": alert.metric or "",
        "service": alert.service,
        # An environment of its own: the shop that runs live may have an incident at the same time.
        "tags": f"env:{DEMO_ENVIRONMENT}, service:{alert.service}",
        "date": str(int(now().timestamp() * 1000)),
    }


def post_alert(url: str, settings: Settings, transition: str, cycle: str) -> str:
    """Post the shipped alert to our own webhook over HTTP; returns the key it was stored under."""
    assert settings.bundle is not None
    assert settings.webhook_secret is not None
    payload = datadog_payload(read_alert(settings.bundle), cycle, transition)
    headers = {"X-QAI-Token": settings.webhook_secret.get_secret_value()}
    answer = httpx.post(f"{url}/api/v1/webhooks/datadog", json=payload, headers=headers, timeout=30, trust_env=False)
    if answer.status_code != httpx.codes.ACCEPTED:
        raise ConfigError(f"our own webhook answered {answer.status_code}: {answer.text[:200]}")
    key: str = json.loads(answer.text)["alerts"][0]["key"]
    return key


def close_earlier(url: str, settings: Settings, store: Store) -> None:
    """End the demonstration incidents of earlier runs, as their monitor would: by saying that it recovered."""
    for incident in store.incidents(set(IncidentStatus) - {IncidentStatus.resolved}):
        for group in {a.group for a in incident.alerts if a.group.startswith("demo-")}:
            post_alert(url, settings, "Recovered", group)
            _await_resolved(store, incident.id, 30)


def follow(store: Store, key: str, timeout_s: float) -> Iterator[Event]:
    """The timeline of the incident that an alert opened, line by line, until the flow has settled.

    Raises:
        StoreError: if it has not settled after ``timeout_s`` seconds.
    """
    end, seen, incident_id = time.monotonic() + timeout_s, 0, None
    while time.monotonic() < end:
        incident_id = incident_id or store.incident_of(key)
        if incident_id is not None:
            settled = store.incident(incident_id).status in SETTLED
            for event in store.events(incident_id, after=seen):
                seen = event.seq
                yield event
            if settled:
                return
        time.sleep(_POLL_S)
    raise StoreError(f"the incident was not handled within {timeout_s:g} s; see {incident_id or 'the log'}")


def _await_resolved(store: Store, incident_id: str, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while store.incident(incident_id).status is not IncidentStatus.resolved and time.monotonic() < end:
        time.sleep(_POLL_S)
