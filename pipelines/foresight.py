"""Learn to foretell breaches from many series, and measure it on series that were not learned from.

    python -m pipelines.foresight PATH    # a folder with the NAB and ms-cloud sets, or their archives

The task: rolling origins over the later 60 % of a series; thresholds at the 95th and 99th percentile of its first
40 %; horizons of 1 and 4 hours where a row is minutes, of 6 and 24 hours where it is an hour. Rows that breach already
are no origins. What is judged is whether any row within the horizon breaches. Folds hold whole series out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.growth import STEP_S, growing
from data.datasets.series import load
from data.errors import InputError
from data.telemetry import Floats
from models.catalog import FORECASTERS, forecaster
from models.forecast import MOST_ORIGINS, SHIPPED, Elsewhere, knows_better
from models.forecast.backtest import ALARM, backtest
from models.forecast.features import features
from models.forecast.leadtime import lead_time
from models.forecast.model import BreachModel, fit
from models.forecast.past import Past
from models.forecast.question import Flags, Origins, Question, origins_of
from models.kept import digest
from models.metrics import bootstrap
from pipelines.severity import average_precision

SETS = {"nab": "MIT, the Numenta Anomaly Benchmark", "ms-cloud": "MIT, cloud monitoring data by Microsoft"}
MADE = "made"
PUBLIC, OURS = "public series", "ours"
MADE_SERIES = 48
HISTORY_SHARE = 0.4
QUANTILES = (0.95, 0.99)
ORIGINS = 50
FOLDS = 5
DAY_S = 86_400.0
_HOURLY_S = 1800.0

BASELINES = {name: forecaster(name) for name in FORECASTERS if name != "learned"}
# The plain logistic regression that is compared with: distance, its trend, and two frequencies.
PLAIN = (0, 1, 5, 11)


@dataclass(frozen=True, eq=False)
class Asked:
    """One question put to one series, with the origins it is asked from; ``table`` as in the features."""

    series: str
    data: str
    past: Past
    origins: Origins
    table: Floats

    @property
    def true(self) -> Flags:
        return self.past.true[self.origins]


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 1:
        raise InputError("give the folder that holds the data sets", field="PATH")
    asked = list(questions(Path(arguments[0])))
    rows = evaluate(asked)
    learned = fit(np.vstack([a.table for a in asked]), np.concatenate([a.true for a in asked]))
    (ours,) = (row for row in rows if row["data"] == PUBLIC and row["method"] == OURS)
    elsewhere = Elsewhere(*(ours[name] for name in ("false_alarm_rate", "found", "lead_horizons")))
    state = replace(learned, elsewhere=elsewhere).as_json()
    sets = sorted({a.data for a in asked})
    card = {
        "made_by": "python -m pipelines.foresight PATH",
        "learned_from": {name: {"series": len({a.series for a in asked if a.data == name}),
                                "licence": SETS.get(name, "none, made by data/datasets/growth.py")} for name in sets},
        "held_back": rows,
    }  # fmt: skip
    SHIPPED.write_text(
        json.dumps({"card": card, "digest": digest(state), "state": state}, indent=1) + "\n", encoding="utf-8"
    )
    sys.stdout.write(json.dumps(card, indent=2) + "\n")


def evaluate_forecast(path: Path) -> list[dict[str, Any]]:
    """One row for each method and group of series: ``data``, ``method``, ``origins``, ``average_precision``,
    ``brier``, ``base_rate``; ours also ``lead_mae`` and ``lead_covered``. Nothing judged was learned from.
    """
    return evaluate(list(questions(path)))


def questions(path: Path) -> Iterator[Asked]:
    """What is asked of every series found at ``path``, and of made ones that fill up.

    A series that is there twice is asked once.
    """
    seen: set[bytes] = set()
    for name in SETS:
        try:
            found = load(name, path)
        except InputError:
            continue
        for series in found:
            values = series.values[:, 0]
            if values.tobytes() not in seen:
                seen.add(values.tobytes())
                yield from _asked(f"{name}/{series.id}", name, values, series.step_s or _HOURLY_S)
    for made in growing(MADE_SERIES):
        yield from _asked(made.id, MADE, made.values, STEP_S, limit=made.limit)


def _asked(series: str, data: str, values: Floats, step_s: float, *, limit: float | None = None) -> Iterator[Asked]:
    first = int(HISTORY_SHARE * len(values))
    history = values[:first][np.isfinite(values[:first])]
    if not len(history):
        return
    limits = [limit] if limit is not None else [float(np.quantile(history, q)) for q in QUANTILES]
    for threshold in limits:
        for horizon in (12, 48) if step_s < _HOURLY_S else (6, 24):
            question = Question(threshold, horizon, period=round(DAY_S / step_s))
            past = Past(question.gap(values), question)
            origins = origins_of(past.gap, horizon, first=first, most=ORIGINS)
            if len(origins):
                yield Asked(series, data, past, origins, features(past, origins))


def evaluate(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """Ours and the baselines, each group of series apart."""
    ours, plain = held_out(asked)
    said: dict[str, list[Floats]] = {OURS: ours, "logistic regression": plain}
    said |= {name: [judge(a.past, a.origins) for a in asked] for name, judge in BASELINES.items()}
    groups = {PUBLIC: [a.data != MADE for a in asked], "made growth": [a.data == MADE for a in asked]}
    rows = []
    for group, inside in groups.items():
        chosen = [i for i, wanted in enumerate(inside) if wanted]
        if not chosen:
            continue
        true = np.concatenate([asked[i].true for i in chosen])
        for method, probabilities in said.items():
            rows.append(_row(group, method, true, np.concatenate([probabilities[i] for i in chosen])))
            if method == OURS:
                there = [asked[i] for i in chosen]
                rows[-1] |= alarm_figures(there, [ours[i] for i in chosen]) | lead_figures(there)
            else:
                rows[-1]["ours_brier_lower_by"] = gain([asked[i] for i in chosen], ours, probabilities, chosen)
    return rows


def held_out(asked: Sequence[Asked]) -> tuple[list[Floats], list[Floats]]:
    """What ours and a plain logistic regression say of each series, learned from other series only."""
    fold = _folds(asked)
    ours: list[Floats] = [np.empty(0)] * len(asked)
    plain = list(ours)
    for k in range(FOLDS):
        learned = [a for a, f in zip(asked, fold, strict=True) if f != k]
        table, true = np.vstack([a.table for a in learned]), np.concatenate([a.true for a in learned])
        model, simple = fit(table, true), _plain(table, true)
        for i, a in enumerate(asked):
            if fold[i] == k:
                ours[i], plain[i] = _as_forecast(model, a), simple(a.table)
    return ours, plain


def _as_forecast(model: BreachModel, a: Asked) -> Floats:
    """Like :func:`models.forecast.forecast` at each origin: what was resolved by then decides whom to believe."""
    said = model.probabilities(a.table)
    horizon, first = a.past.question.horizon, int(a.origins[0])
    earlier = origins_of(a.past.gap[:first], horizon, first=2 * horizon, most=MOST_ORIGINS - len(a.origins))
    tried = np.concatenate([earlier, a.origins])
    ours = np.concatenate([model.probabilities(features(a.past, earlier)), said])
    own = np.array([a.past.season(int(t)) for t in tried])
    true = a.past.true[tried]
    answer = said.copy()
    for i, t in enumerate(a.origins):
        known = tried + horizon <= t
        if knows_better(own[known], ours[known], true[known]):
            answer[i] = own[len(earlier) + i]
    return answer


def _plain(table: Floats, true: Flags) -> Callable[[Floats], Floats]:
    from sklearn.linear_model import LogisticRegression

    learned = LogisticRegression(max_iter=2000).fit(table[:, PLAIN], true)
    return lambda seen: np.asarray(learned.predict_proba(seen[:, PLAIN])[:, 1])


def _folds(asked: Sequence[Asked]) -> list[int]:
    names = sorted({a.series for a in asked})
    order = np.random.default_rng(0).permutation(len(names))
    fold = {name: int(place % FOLDS) for name, place in zip(names, order, strict=True)}
    return [fold[a.series] for a in asked]


def _row(group: str, method: str, true: Flags, probabilities: Floats) -> dict[str, Any]:
    return {
        "data": group,
        "method": method,
        "origins": len(true),
        "base_rate": round(float(true.mean()), 3),
        "average_precision": round(average_precision(true, probabilities), 3),
        "brier": round(float(np.mean((probabilities - true) ** 2)), 4),
    }


def gain(asked: Sequence[Asked], ours: Sequence[Floats], theirs: Sequence[Floats], at: Sequence[int]) -> list[float]:
    """By how much our Brier score is lower, averaged over series, with its 95 % bootstrap interval over series."""
    lower: dict[str, list[Floats]] = {}
    for a, i in zip(asked, at, strict=True):
        lower.setdefault(a.series, []).append((theirs[i] - a.true) ** 2 - (ours[i] - a.true) ** 2)
    interval = bootstrap([float(np.mean(np.concatenate(found))) for found in lower.values()])
    return [round(value, 4) for value in (interval.value, interval.low, interval.high)]


def alarm_figures(asked: Sequence[Asked], said: Sequence[Floats]) -> dict[str, Any]:
    """What alarming at one half would have meant; the lead in horizons."""
    tests = [backtest(a.past, a.origins, p) for a, p in zip(asked, said, strict=True)]
    alarms, came = sum(t.alarms for t in tests), sum(t.came_true for t in tests)
    leads = [
        a.past.until[a.origins[(p >= ALARM) & a.true]] / a.past.question.horizon
        for a, p in zip(asked, said, strict=True)
    ]
    false = sum((t.false_alarm_rate or 0.0) * t.alarms for t in tests)
    return {
        "false_alarm_rate": round(false / max(alarms, 1), 3),
        "found": round((alarms - false) / max(came, 1), 3),
        "lead_horizons": round(float(np.median(np.concatenate(leads))), 3),
    }


def lead_figures(asked: Sequence[Asked]) -> dict[str, Any]:
    """Where it came true: how far off the expected time was, in horizons, and how often the interval held it."""
    errors, covered = [], []
    for a in asked:
        for t in a.origins[a.true]:
            lead, came = lead_time(a.past, int(t)), float(a.past.until[t])
            errors.append(abs(lead.rows - came) / a.past.question.horizon)
            covered.append(lead.low <= came <= lead.high)
    return {"lead_mae": round(float(np.mean(errors)), 3), "lead_covered": round(float(np.mean(covered)), 3)}


if __name__ == "__main__":
    main(sys.argv[1:])
