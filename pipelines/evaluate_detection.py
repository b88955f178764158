"""How well detectors find labelled anomalies in public series, beside the peers they have to beat."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.datasets.series import Floats, LabelledSeries
from data.errors import ConfigError
from models.anomaly.base import Detector
from models.anomaly.metrics import auc_pr, best_f1, stretches, tolerance_of, vus_pr
from models.anomaly.nab import Record, nab_score, probation
from models.anomaly.online import Online
from models.catalog import DEFAULT_DETECTOR, make
from models.metrics import Interval, bootstrap
from pipelines.fan_out import ALONE, Workers, each

METRICS = ("vus_pr", "auc_pr", "best_f1")
OURS = DEFAULT_DETECTOR
# Found in the catalogue; "scaled average" is what a selector has to beat.
PEERS = ("weighted", "distance", "sub-pca", "global-z", "causal-z", "scaled average")
EXTRA_PEERS = ("seasonal", "pyod-knn", "pyod-iforest")
AVERAGED = ("global-z", "sub-pca")


@dataclass(frozen=True)
class Outcome:
    """One detector on one record. Seconds are of this process's processor time."""

    figures: Mapping[str, float]
    points: int
    fit_points: int
    fit_s: float
    score_s: float


@dataclass(frozen=True)
class Evaluation:
    """Outcomes of each detector, one a record, in the same order; ``skipped`` says which peers could not run."""

    outcomes: Mapping[str, Sequence[Outcome]]
    records: tuple[str, ...]
    skipped: Mapping[str, str]


def evaluate(
    series: Iterable[LabelledSeries],
    detectors: Sequence[str] = (OURS, *PEERS),
    *,
    train_share: float | None = None,
    workers: Workers = ALONE,
    on_record: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Scores every record that has labelled and unlabelled rows, then opens its labels.

    Records with a normal part are learnt from that. Others are their own history, unless ``train_share`` says that
    the first share of them is the history; the whole record is scored all the same.
    """
    recipes, skipped = _available(detectors)
    outcomes: dict[str, list[Outcome]] = {name: [] for name in recipes}
    records = []
    asked = ((recipes, record, train_share) for record in series if record.has_anomalies)
    for record, found in each(_outcomes, asked, workers):
        on_record(record)
        records.append(record)
        for name, outcome in found.items():
            outcomes[name].append(outcome)
    return Evaluation(outcomes, tuple(records), skipped)


def _outcomes(
    recipes: Mapping[str, Detector], record: LabelledSeries, train_share: float | None
) -> tuple[str, dict[str, Outcome]]:
    tolerance = tolerance_of(_filled(record.values[:, 0]))
    return record.id, {name: _outcome(recipe, record, tolerance, train_share) for name, recipe in recipes.items()}


def _available(names: Sequence[str]) -> tuple[dict[str, Detector], dict[str, str]]:
    recipes: dict[str, Detector] = {}
    skipped = {}
    for name in names:
        try:
            recipes[name] = ScaledAverage() if name == "scaled average" else make(name)
            small = np.sin(np.arange(64.0))[:, None]
            recipes[name].fit(small).hindsight(small)  # so that no import is taken for scoring
        except ConfigError as error:
            skipped[name] = str(error)
    return recipes, skipped


def _outcome(recipe: Detector, record: LabelledSeries, tolerance: int, train_share: float | None) -> Outcome:
    history = history_of(record, train_share)
    started = time.process_time()
    fitted = recipe.fit(history, rows=len(record.values))
    between = time.process_time()
    scores = fitted.hindsight(record.values)
    ended = time.process_time()
    figures = {
        "vus_pr": vus_pr(record.labels, scores, tolerance),
        "auc_pr": auc_pr(record.labels, scores),
        "best_f1": best_f1(record.labels, scores),
    }
    return Outcome(figures, record.values.size, history.size, between - started, ended - between)


def history_of(record: LabelledSeries, train_share: float | None) -> Floats:
    """What a detector may learn from."""
    if record.normal is not None:
        return record.normal
    if train_share is None:
        return record.values
    return record.values[: max(2, int(train_share * len(record.values)))]


def _filled(column: Floats) -> Floats:
    """Gaps on a straight line, as the published figures have it; the tolerance only is read from this."""
    known = np.flatnonzero(np.isfinite(column))
    return np.interp(np.arange(len(column)), known, column[known]) if len(known) else np.zeros(len(column))


@dataclass(frozen=True)
class ScaledAverage:
    """The average of global z and Sub-PCA, each scaled to 0-1 over the record: the baseline for any selector."""

    def fit(self, history: Floats, *, rows: int | None = None) -> Any:
        return _Averaged([make(name).fit(history, rows=rows) for name in AVERAGED])


@dataclass(frozen=True)
class _Averaged:
    fitted: Sequence[Any]

    def hindsight(self, values: Floats) -> Floats:
        return np.asarray(np.mean([_to_unit(f.hindsight(values)) for f in self.fitted], axis=0))


def _to_unit(scores: Floats) -> Floats:
    extent = float(np.ptp(scores))
    return np.asarray((scores - scores.min()) / extent) if extent else np.zeros(len(scores))


def summarise(evaluation: Evaluation, *, against: str = OURS) -> dict[str, Any]:
    """Means with intervals, speeds, and how much ``against`` beats each peer by on the same records (VUS-PR)."""
    ours = _figures(evaluation.outcomes[against], "vus_pr")
    methods = {}
    for name, outcomes in evaluation.outcomes.items():
        lead = bootstrap([a - b for a, b in zip(ours, _figures(outcomes, "vus_pr"), strict=True)])
        methods[name] = {
            **{metric: float(np.mean(_figures(outcomes, metric))) for metric in METRICS},
            "interval": _ends(bootstrap(_figures(outcomes, "vus_pr"))),
            "ours_better_by": lead.value,
            "ours_better_by_interval": _ends(lead),
            "fit_points_per_s": _speed(outcomes, "fit_points", "fit_s"),
            "score_points_per_s": _speed(outcomes, "points", "score_s"),
        }
    return {"records": len(evaluation.records), "methods": methods, "skipped": dict(evaluation.skipped)}


def _figures(outcomes: Sequence[Outcome], metric: str) -> list[float]:
    return [outcome.figures[metric] for outcome in outcomes]


def _ends(interval: Interval) -> list[float]:
    return [interval.low, interval.high]


def _speed(outcomes: Sequence[Outcome], points: str, seconds: str) -> float | None:
    spent = sum(getattr(outcome, seconds) for outcome in outcomes)
    return sum(getattr(outcome, points) for outcome in outcomes) / spent if spent > 0 else None


def nab_scores(series: Iterable[LabelledSeries]) -> dict[str, dict[str, float]]:
    """NAB's own score of the streaming detector, over all records and over those that are real.

    Every record is followed from its first row; the part NAB calls probationary is learnt from. The threshold is
    the best one for each corpus, as NAB's optimiser sets it.
    """
    records = list(series)
    scored = {r.id: _followed(r) for r in records}
    corpora = {"all records": records, "real records": [r for r in records if not r.id.startswith("artificial")]}
    return {"nab": {label: nab_score([scored[r.id] for r in part]).value for label, part in corpora.items() if part}}


def _followed(record: LabelledSeries) -> Record:
    scores = Online(warm_up=probation(len(record.values))).score(record.values)
    return Record(scores, stretches(record.labels))
