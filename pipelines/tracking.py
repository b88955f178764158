"""Tracking: every training run in MLflow, where people compare them; the registry's names repeated as aliases.

    python -m pipelines.tracking     # opens the UI on what is tracked; `make mlflow` does this

MLflow is a view, not the truth: what answers is decided by :mod:`data.registry`, and a tracking server that is down
stops nobody. Without the ``learn`` extra nothing is tracked. Rankers are stored as the data they are, never pickled.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data.errors import ConfigError
from data.registry import Aliases, Entry
from data.settings import Settings, load_settings

log = logging.getLogger(__name__)

EXPERIMENT, MODEL = "rankers", "ranker"
# Pickles are refused wherever MLflow would load one; it phones nobody, and runs nothing it was not asked to.
ENVIRONMENT = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def track(settings: Settings, entry: Entry, decision: str, aliases: Aliases) -> str | None:
    """Log the run that made a version; returns its run id, None where MLflow is not there or cannot be reached."""
    run_id: str | None = None
    with _mlflow(settings) as mlflow:
        if mlflow is None:
            return run_id
        with mlflow.start_run(run_name=f"v{entry.version}", experiment_id=_experiment(settings, mlflow)) as run:
            _log(mlflow, entry, decision)
        _register(mlflow, entry, run.info)
        _alias(mlflow, aliases)
        run_id = str(run.info.run_id)
    return run_id


def decided(settings: Settings, entry: Entry, decision: str, figures: Sequence[Mapping[str, Any]]) -> None:
    """Add what was decided later to the run that made a version: the decision, and figures of live incidents."""
    if not _is_used(settings):
        return
    with _mlflow(settings) as mlflow:
        if mlflow is None:
            return
        client = mlflow.MlflowClient()
        found = _version_of(client, entry.version)
        if found is not None:
            run_id = client.get_model_version(MODEL, found).run_id
            client.set_tag(run_id, "decision", decision)
            for name, value in metrics_of({"figures": figures}).items():
                client.log_metric(run_id, name, value)


def mirror(settings: Settings) -> Callable[[Aliases], None] | None:
    """What repeats the registry's names in MLflow; None where that is not installed."""
    if find_spec("mlflow") is None:
        return None

    def repeat(aliases: Aliases) -> None:
        if not _is_used(settings):
            return
        with _mlflow(settings) as mlflow:
            if mlflow is not None:
                _alias(mlflow, aliases)

    return repeat


def _is_used(settings: Settings) -> bool:
    """Whether anything was ever tracked, as far as can be told without asking a server."""
    return settings.mlflow_uri is not None or _default_store(settings).exists()


def uri_of(settings: Settings) -> str:
    return settings.mlflow_uri or f"sqlite:///{_default_store(settings).resolve()}"


def _default_store(settings: Settings) -> Path:
    return settings.state_dir / "mlflow.sqlite"


def _artifacts_of(settings: Settings) -> str | None:
    """Where files go; a tracking server of one's own knows that itself."""
    if settings.mlflow_artifacts or settings.mlflow_uri:
        return settings.mlflow_artifacts
    return (settings.state_dir / "mlflow-files").resolve().as_uri()


@contextmanager
def _mlflow(settings: Settings) -> Iterator[Any]:
    """The library, pointed at the store. What it raises is logged: tracking must not stop what is tracked."""
    if find_spec("mlflow") is None:
        yield None
        return
    for name, value in ENVIRONMENT.items():
        os.environ[name] = value
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    mlflow.set_tracking_uri(uri_of(settings))
    try:
        yield mlflow
    except (MlflowException, SQLAlchemyError, OSError) as error:
        log.warning("not tracked in MLflow at %s: %s", _without_password(uri_of(settings)), error)


def _without_password(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _experiment(settings: Settings, mlflow: Any) -> str:
    known = mlflow.get_experiment_by_name(EXPERIMENT)
    return str(known.experiment_id if known else mlflow.create_experiment(EXPERIMENT, _artifacts_of(settings)))


def _log(mlflow: Any, entry: Entry, decision: str) -> None:
    card = entry.about
    mlflow.set_tags({"decision": decision, "version": entry.version, "reasons": "; ".join(card.get("reasons", ())),
                     "instead_of": card.get("instead_of")})  # fmt: skip
    mlflow.log_params({**card.get("recipe", {}), "digest": entry.digest, "data_digest": card.get("data_digest"),
                       "code": card.get("code"), "labels": len(card.get("incidents", ()))})  # fmt: skip
    mlflow.log_metrics(metrics_of(card))
    with TemporaryDirectory() as folder:
        for name, content in (("model_card.md", markdown(entry)), ("model_card.json", json.dumps(dict(card), indent=1)),
                              ("ranker/ranker.json", entry.path.read_text(encoding="utf-8"))):  # fmt: skip
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        mlflow.log_artifacts(folder)
    if card.get("reliability"):
        mlflow.log_figure(_diagram(card["reliability"]), "reliability.png")


def metrics_of(card: Mapping[str, Any]) -> dict[str, float]:
    """Champion, challenger and gain of every slice, by names that MLflow takes."""
    found: dict[str, float] = {}
    for row in card.get("figures", ()):
        name = f"{row['part']}/{row['slice']}/{row['what']}".replace("@", "_at_")
        found |= {f"{name}/{side}": float(row[side]) for side in ("champion", "challenger", "gain", "low", "high")}
    return found


def markdown(entry: Entry) -> str:
    """The model card, for people."""
    card = entry.about
    rows = [f"| {r['part']} | {r['slice']} | {r['what']} | {r['incidents']} | {r['champion']:.2f} | "
            f"{r['challenger']:.2f} | {r['gain']:+.3f} ({r['low']:+.3f} to {r['high']:+.3f}) |"
            for r in card.get("figures", ())]  # fmt: skip
    return "\n".join([
        f"# Ranker, version {entry.version}", "",
        f"Digest `{entry.digest}`, made {entry.made_at} by {card.get('made_by')} {card.get('code', '')}.", "",
        f"Learned from {len(card.get('incidents', ()))} labelled incidents {card.get('labels', {})}, "
        f"{card.get('weak', 0)} of them weakly, of {card.get('systems', {})}.", "",
        f"Reasons: {'; '.join(card.get('reasons', ()))}.", "", str(card.get("limits", "")), "",
        "| part | slice | what | incidents | champion | challenger | gain (90 %) |", "|---|---|---|---|---|---|---|",
        *rows, *_examples(card.get("examples", ())), "",
    ])  # fmt: skip


def _examples(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Some incidents it learned from, and what spoke for its answer."""
    if not rows:
        return []
    lines = [
        "",
        "## Examples",
        "",
        "Incidents it learned from: how it decides, not how well.",
        "",
        "| incident | cause | champion says | challenger says | what spoke for that | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        because = ", ".join(f"{channel} {value:+.2f}" for channel, value in row["because"].items())
        lines.append(f"| {row['incident']} | {', '.join(row['cause'])} | {row['champion']} | {row['challenger']} | "
                     f"{because}, all else {row['rest']:+.2f} | {row['kind']} |")  # fmt: skip
    return lines


def _diagram(rows: list[Mapping[str, float]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4))
    axes = figure.add_subplot(xlabel="confidence", ylabel="share that was right", xlim=(0, 1), ylim=(0, 1))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    axes.scatter([r["confidence"] for r in rows], [r["accuracy"] for r in rows], [10 + 4 * r["count"] for r in rows])
    return figure


def _register(mlflow: Any, entry: Entry, run: Any) -> None:
    from mlflow.exceptions import MlflowException

    client = mlflow.MlflowClient()
    try:
        client.get_registered_model(MODEL)
    except MlflowException:
        client.create_registered_model(MODEL)
    if _version_of(client, entry.version) is None:
        tags = {"version": str(entry.version), "digest": entry.digest}
        client.create_model_version(MODEL, f"{run.artifact_uri}/ranker", run.run_id, tags=tags)


def _alias(mlflow: Any, aliases: Aliases) -> None:
    client = mlflow.MlflowClient()
    for name, version in (("champion", aliases.champion), ("challenger", aliases.challenger)):
        known = None if version is None else _version_of(client, version)
        if known is None:
            client.delete_registered_model_alias(MODEL, name)
        else:
            client.set_registered_model_alias(MODEL, name, known)


def _version_of(client: Any, version: int) -> str | None:
    """MLflow counts its own way; ours is a tag."""
    found = client.search_model_versions(f"name = '{MODEL}'")
    return next((str(one.version) for one in found if one.tags.get("version") == str(version)), None)


def main() -> None:
    """Opens the UI on the tracked runs, for this machine alone."""
    if find_spec("mlflow") is None:
        raise ConfigError("MLflow is not installed; run pip install 'qai-sre[learn]'")
    settings = load_settings()
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri_of(settings), "--workers", "1",
               "--host", "127.0.0.1", *sys.argv[1:]]  # fmt: skip
    os.execve(sys.executable, command, {**os.environ, **ENVIRONMENT})


if __name__ == "__main__":
    main()
