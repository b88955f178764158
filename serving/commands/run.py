"""``qai-sre run``: everything at once, and an incident to watch."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from data.lab.lab import Lab
    from data.settings import Settings
    from data.store import Store

_TIMEOUT_S = 120.0
_WATCH_S = 2.0
# The live shop shares its machine with us: reading it takes a second, or many where there is other work.
_SOURCE_DEADLINE_S = 45.0


@click.command("run")
@click.option("--once", is_flag=True, help="Handle the shipped incident and stop; exit 0 when a pull request is open.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as one JSON object.")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one; default: QAI_PORT, else 8322.")
@click.option("--lab/--no-lab", default=True, help="Then break a live shop, too (2 cores, 1.5 GB). Default: yes.")
def command(once: bool, as_json: bool, port: int | None, lab: bool) -> None:
    """Start everything and handle an incident in front of you: no account, no API key, no network.

    First one that was recorded from a real small shop, at once. Then that shop is started, watched and broken, and
    within three minutes a fix for it waits for you. With --once only the first: exits 0 when a pull request is
    open, 1 when a person would have to take over.
    """
    from serving.app import create_app
    from serving.bootstrap import running
    from serving.demo import demo_settings
    from serving.live import prepared_lab
    from serving.server import listen, serving

    settings = demo_settings()
    shop = prepared_lab(settings.state_dir / "lab") if lab and not once else None
    if shop is not None:
        deadline_s = max(settings.source_deadline_s, _SOURCE_DEADLINE_S)
        lab_settings = {"lab": shop.state_dir, "watch_s": _WATCH_S, "source_deadline_s": deadline_s}
        settings = settings.model_copy(update=lab_settings)
    # A script wants no clash with a server that is running already.
    server = listen(settings.host, port if port is not None else 0 if once else settings.port)
    say = _silent if as_json else click.echo
    with running(settings) as services, serving(create_app(services), server) as url:
        say(f"QAI SRE is up at {url}\n")
        record = outcome(services.store, _handle(url, settings, services.store, say), url)
        if as_json:
            click.echo(json.dumps(record))
        else:
            click.echo("\n".join(_summary(record)))
        if once:
            sys.exit(0 if record["pull_request"] else 1)
        _stay(url, settings, services.store, shop)


def _stay(url: str, settings: Settings, store: Store, shop: Lab | None) -> None:
    from serving.auth import issue_login_link
    from serving.demo import secret_path
    from serving.live import live_shop

    click.echo(f"\nSign in to Nexus (once, within a quarter of an hour):\n  {issue_login_link(settings, url)}")
    click.echo(f"\nPost an alert of your own (docs/webhooks.md):\n  {curl_line(url, secret_path(settings))}")
    click.echo("\nCtrl-C stops it; what is under way goes on at the next start.\n")
    with live_shop(shop, store, url, click.echo) if shop is not None else nullcontext():
        _until_interrupted()


def curl_line(url: str, secret: object) -> str:
    """A command that posts an alert about the shipped incident's service."""
    return (
        f'curl -sS -H "X-QAI-Token: $(cat {secret})" -H "Content-Type: application/json" '
        """-d '{"id": "42", "alert_transition": "Triggered", "alert_type": "error", "alert_cycle_key": "my-1", """
        f""""alert_title": "checkout is slow", "service": "checkout"}}' {url}/api/v1/webhooks/datadog"""
    )


def outcome(store: Store, incident_id: str, url: str) -> dict[str, Any]:
    """What came of an incident, as ``--json`` prints it."""
    from data.domain import Diagnosis, PullRequest
    from data.excerpt import ChangeExcerpt
    from serving.commands.diagnose import as_record
    from serving.report import headline

    incident, diagnosis = store.incident(incident_id), store.latest(incident_id, Diagnosis)
    pull_request, excerpt = store.latest(incident_id, PullRequest), store.latest(incident_id, ChangeExcerpt)
    changes = {change.id: change for change in excerpt.changes} if excerpt else {}
    return {
        "incident": incident_id,
        "status": incident.status.value,
        "severity": incident.severity.value,
        "url": f"{url}/incidents/{incident_id}",
        "headline": list(headline(incident.alert, changes, diagnosis)) if diagnosis else [],
        "diagnosis": as_record(diagnosis) if diagnosis else None,
        "pull_request": pull_request.model_dump(mode="json") if pull_request else None,
    }


def _handle(url: str, settings: Settings, store: Store, say: Callable[[str], object]) -> str:
    from data.domain import now
    from data.store import new_incident_id
    from serving.demo import close_earlier, follow, post_alert

    close_earlier(url, settings, store)
    cycle = f"demo-{new_incident_id(now())}"
    began = time.monotonic()
    key = post_alert(url, settings, "Triggered", cycle)
    incident_id = ""
    for event in follow(store, key, _TIMEOUT_S):
        incident_id = event.incident_id
        say(f"{time.monotonic() - began:5.1f} s  {event.message}")
    return incident_id


def _summary(record: dict[str, Any]) -> list[str]:
    lines = ["", *record["headline"]]
    pull_request = record["pull_request"]
    if pull_request:
        lines += ["", f"Pull request {pull_request['number']} waits for you: {pull_request['title']}"]
        lines += [f"  in {pull_request['repository']}, branch {pull_request['branch']}"]
    lines += [f"  {record['url']}"]
    return lines


def _silent(_: str) -> None:
    """Say nothing: the JSON object is all there is on stdout."""


def _until_interrupted() -> None:
    import signal
    import threading

    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    stop.wait()
