"""The live half of ``qai-sre run``: the lab's shop is started, watched, broken, and handled in front of the user."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from data.domain import Incident, now
from data.lab.history import HISTORY
from data.lab.lab import Lab
from data.lab.repository import build_repository
from data.store import Store
from serving.demo import SETTLED

FAULT = "n-plus-one"
SAMPLE_S = 2.0
# Long enough to know what is usual: with the noticing it keeps the whole show under three minutes.
USUAL_S = 100.0
NOTICE_S = 120.0
_POLL_S = 0.2

Say = Callable[[str], None]


def prepared_lab(folder: Path) -> Lab:
    """The lab in ``folder``, with its repository written and nothing started."""
    lab = Lab(folder, interval_s=SAMPLE_S)
    if not (lab.repository / ".git").exists():
        build_repository(lab.repository, now(), HISTORY)
    return lab


@contextmanager
def live_shop(lab: Lab, store: Store, url: str, say: Say) -> Iterator[None]:
    """Play one fault on the running shop, in a thread; the shop is stopped on leaving."""
    stop = threading.Event()
    thread = threading.Thread(target=_play, args=(lab, store, url, say, stop), name="live-shop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
        lab.down()


def _play(lab: Lab, store: Store, url: str, say: Say, stop: threading.Event) -> None:
    say("Now live: starting a small shop of seven services, with customers ...")
    lab.up()
    for truth in lab.truths():  # of an earlier run
        lab.heal(truth)
    lab.start_load()
    say(f"The shop is open. For {USUAL_S:.0f} s it is only watched, to learn what is usual; then it is broken.")
    if stop.wait(USUAL_S):
        return
    began = now()
    say(f"{_clock()}  breaking it: {FAULT}, a commit with an innocent message among innocent ones, deployed")
    lab.break_(FAULT, seed=int(began.timestamp()))
    incident = _await_incident(store, began, stop)
    if incident is None:
        if not stop.is_set():
            say(f"{_clock()}  nothing was noticed within {NOTICE_S:.0f} s; `qai-sre lab heal` takes the fault out")
        return
    for line in _timeline(store, incident.id, stop):
        say(line)
    say(f"Decide at {url}/incidents/{incident.id}: approve, and it is merged, deployed and watched until it recovers.")


def _await_incident(store: Store, since: datetime, stop: threading.Event) -> Incident | None:
    end = time.monotonic() + NOTICE_S
    while time.monotonic() < end and not stop.wait(_POLL_S):
        fresh = [i for i in store.incidents(limit=20) if i.opened_at >= since and i.environment == "lab"]
        if fresh:
            return fresh[-1]
    return None


def _timeline(store: Store, incident_id: str, stop: threading.Event) -> Iterator[str]:
    """The incident's lines as they come, until the flow has done what it can without a person."""
    seen = 0
    while not stop.is_set():
        settled = store.incident(incident_id).status in SETTLED
        for event in store.events(incident_id, after=seen):
            seen = event.seq
            yield f"{_clock()}  {event.message}"
        if settled:
            return
        stop.wait(_POLL_S)


def _clock() -> str:
    return time.strftime("%H:%M:%S")
