"""A process that dies in the middle of an incident: the next one goes on where it stopped, and repeats nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from data.domain import IncidentStatus
from data.settings import Settings

# Dies as a killed process does: no handler runs, nothing is flushed.
_DIE_IN = """
import os, sys, time
from data.settings import load_settings
from data.store import Store
from data.domain import Alert, now
from pipelines.steps import IncidentSteps
from serving.bootstrap import running

step = getattr(IncidentSteps, {step!r})
def dies(self, incident_id):
    if {after}:
        step(self, incident_id)
    os._exit(9)
dies.__name__ = {step!r}
setattr(IncidentSteps, {step!r}, dies)
with running(load_settings()) as services:
    alert = Alert(id="1", source="datadog", service="checkout", title="slow", fired_at=now(), group="c1")
    [receipt] = services.store.receive([(alert, "")])
    services.responder.handle(receipt.key)
    time.sleep(60)
"""


def die_in(settings: Settings, step: str, *, after: bool) -> None:
    environment = {
        "QAI_STATE_DIR": str(settings.state_dir),
        "QAI_REPOSITORY": str(settings.repository),
        "QAI_BUNDLE": str(settings.bundle),
        "QAI_BUNDLE_REPLAY": "true",
        "PATH": "/usr/bin:/bin",
    }
    script = _DIE_IN.format(step=step, after=after)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 9, done.stderr


@pytest.mark.parametrize(
    ("step", "after"), [("collect", False), ("investigate", True), ("propose", True), ("ask", True)]
)
def test_a_killed_process_loses_and_repeats_nothing(
    settings: Settings, start: Any, run_git: Any, step: str, after: bool
) -> None:
    die_in(settings, step, after=after)
    with start(settings) as nexus:
        nexus.until(IncidentStatus.awaiting_approval)
        kinds = nexus.kinds()
    for kind in ("opened", "collected", "investigated", "proposed", "awaiting_approval"):
        assert kinds.count(kind) == 1, kinds
    assert len(run_git(settings.repository, "branch", "--list", "qai/*").splitlines()) == 1
