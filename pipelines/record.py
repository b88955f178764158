"""Record the lab's incidents as bundles with truth: real ones to learn from, to score on, and to look at.

Each is played on a shop of its own that has run undisturbed, so that no earlier fault is in it, and is noticed as the
watch notices it. Nothing in a bundle but ``truth.json`` tells what was done.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from data.domain import Alert, now
from data.lab.lab import Lab
from data.lab.truth import Truth
from data.sources import Request
from data.sources.bundle import write_bundle
from data.telemetry import Telemetry
from models.detect import detect_lasting
from pipelines.watch import HISTORY, alert_about

SAMPLE_S = 2.0
_LOOK_S = 1.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """Seconds: of a shop's beginning that are left out, of calm before, to be noticed in, and recorded after that."""

    warm_up_s: float = 20.0
    calm_s: float = 100.0
    notice_s: float = 150.0
    after_s: float = 60.0


def record(
    faults: Sequence[str], out: Path, *, seed: int = 0, delay_s: float = 0.0, pace: Pace = Pace(), say: Say = print
) -> Path | None:
    """Play ``faults`` at the same time on a fresh shop and write what was seen to a new folder below ``out``.

    The folder's name is random. Returns it, or None where nothing was noticed in time, and nothing is written.
    """
    with tempfile.TemporaryDirectory(prefix="qai-lab-") as folder:
        lab = Lab(Path(folder), interval_s=SAMPLE_S)
        try:
            lab.up()
            lab.start_load(seed=seed)
            begun = now() + timedelta(seconds=pace.warm_up_s)
            time.sleep(pace.warm_up_s + pace.calm_s)
            truths = [lab.break_(fault, seed, delay_s=delay_s) for fault in faults]
            alert = _await_alert(lab, max(truth.starts_at for truth in truths) + timedelta(seconds=pace.notice_s))
            if alert is None:
                say(f"{' + '.join(faults)}: not noticed within {pace.notice_s:g} s; not recorded")
                return None
            time.sleep(pace.after_s)
            seen = lab.source().collect(Request(alert=alert, start=begun, as_of=now()))
        finally:
            lab.down()
    target = write(out, alert, seen, truths)
    noticed = (alert.fired_at - truths[0].starts_at).total_seconds()
    say(f"{' + '.join(faults)}: noticed after {noticed:.0f} s by {alert.title}; {target}")
    return target


def write(out: Path, alert: Alert, seen: Telemetry, truths: Sequence[Truth]) -> Path:
    """Write one incident to a new folder below ``out``, whole or not at all; returns it."""
    target = out / secrets.token_hex(6)
    partial = target.with_name(f".{target.name}")
    write_bundle(partial, alert, seen)
    (partial / "truth.json").write_text(json.dumps(answer(truths), indent=1) + "\n", encoding="utf-8")
    partial.replace(target)
    return target


def answer(truths: Sequence[Truth]) -> dict[str, object]:
    """What ``truth.json`` holds: any of a fault's services is right, and the harmless deploys are decoys."""
    return {
        "services": [service for truth in truths for service in truth.services],
        "indicators": [indicator for truth in truths for indicator in truth.indicators],
        "changes": [change for truth in truths for change in truth.changes],
        "decoys": [change for truth in truths for change in truth.innocent],
        "kind": "+".join(truth.fault for truth in truths),
        "starts_at": min(truth.starts_at for truth in truths).isoformat(),
    }


def _await_alert(lab: Lab, until: datetime) -> Alert | None:
    while (at := now()) < until:
        breaches = detect_lasting(lab.source().metrics(at - HISTORY, at), as_of=at)
        if breaches:
            return alert_about(breaches[0], at, None)
        time.sleep(_LOOK_S)
    return None
