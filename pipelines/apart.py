"""Retraining in a process of its own, at low priority: it keeps a core busy for minutes, and incidents come first."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys

from data.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT_S = 4 * 3600.0
# Of the settings, those that retraining reads; set in code, they are in no environment that a child would inherit.
PASSED_ON = ("state_dir", "database_url", "lookback_minutes", "retrain_after", "retrain_made", "retrain_prepared",
             "retrain_shadow", "retrain_shadow_days", "mlflow_uri", "mlflow_artifacts")  # fmt: skip


def review_apart(settings: Settings) -> str:
    """One round of :func:`pipelines.retrain.review`; returns what was decided and why."""
    given = {f"QAI_{name.upper()}": str(value) for name in PASSED_ON if (value := getattr(settings, name)) is not None}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.retrain"],
        env={**os.environ, **given}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        preexec_fn=_give_way,
    )  # fmt: skip
    if done.returncode:
        log.error("retraining failed: %s", done.stderr[-2000:])
        return f"failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"
    outcome = json.loads(done.stdout.splitlines()[-1])
    said = f"{outcome['decision']}: {outcome['because']}"
    log.info("retraining %s", said)
    return said


def _give_way() -> None:
    os.nice(10)
