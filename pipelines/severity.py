"""Learn how severe reports sound, and measure it on reports that were not learned from.

    python -m pipelines.severity PATH    # a folder with github-incidents*.jsonl.gz and prometheus*.csv

Incidents are split by time (what is to be judged comes after what was learned), rules by service. All that
is learned, is learned on the training side only.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from data.datasets.severities import LICENCES, Labelled, find, github_incidents, prometheus_rules
from data.domain import Severity
from data.errors import InputError
from data.reports import Report
from models.kept import digest
from models.severity import SHIPPED
from models.severity.linear import Features, Linear, fit
from models.severity.model import LEVEL, Expert, Level, SeverityModel, named
from models.severity.words import FRAGMENT, features

WORST = (Severity.critical, Severity.high)
FOLDS = 5


@dataclass(frozen=True)
class Example:
    """One text to learn from. An incident yields one for each stage of its report, all together weighing one."""

    report: Report
    severity: Severity
    group: str
    weight: float


@dataclass(frozen=True)
class Recipe:
    """How one kind of report is learned: ``least_groups`` and ``strength`` as in :func:`models.severity.linear.fit`.

    ``fragments``: whether parts of the title's words are read, which tell much of a monitor's name and nothing of a
    sentence.
    """

    least_groups: int
    strength: float
    fragments: bool = False

    def read(self, report: Report) -> Features:
        found = features(report)
        return found if self.fragments else frozenset(name for name in found if not name.startswith(FRAGMENT))


INCIDENTS = Recipe(least_groups=4, strength=5.0)
RULES = Recipe(least_groups=2, strength=3.0, fragments=True)
ROUTING = Recipe(least_groups=4, strength=1.0)


def main(arguments: Sequence[str]) -> None:
    if len(arguments) != 1:
        raise InputError("give the folder that holds the data sets", field="PATH")
    found = find(Path(arguments[0]))
    if len(found) < 2:
        raise InputError(f"holds only {', '.join(found) or 'neither data set'}; both are needed", field=arguments[0])
    incidents, rules = github_incidents(found["github-incidents"]), prometheus_rules(found["prometheus-rules"])
    model = train(incidents, rules)
    state = model.as_json()
    card = {
        "made_by": "python -m pipelines.severity PATH",
        "learned_from": {
            "github-incidents": {
                "reports": len(incidents),
                "until": incidents[-1].at,
                "licence": LICENCES["github-incidents"],
            },
            "prometheus-rules": {"reports": len(rules), "licence": LICENCES["prometheus-rules"]},
        },
        "held_back": evaluate_severity(Path(arguments[0])),
        "holds": "word weights only; no text of either data set",
    }
    kept = {"card": card, "digest": digest(state), "state": state}
    SHIPPED.write_text(json.dumps(kept, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(card, indent=2) + "\n")


def train(incidents: Sequence[Labelled], rules: Sequence[Labelled]) -> SeverityModel:
    """The model learned from all of ``incidents`` (oldest first) and ``rules``."""
    kinds = [(stages(item), False) for item in incidents] + [(stages(item), True) for item in rules]
    texts = [(example, is_rule) for examples, is_rule in kinds for example in examples]
    routing = _fit([e for e, _ in texts], [is_rule for _, is_rule in texts], ROUTING)
    return SeverityModel(expert(rules, RULES), expert(incidents, INCIDENTS), routing)


def expert(items: Sequence[Labelled], recipe: Recipe) -> Expert:
    """An expert learned from all of ``items``, each at every stage of its report."""
    examples = [example for item in items for example in stages(item)]
    levels = {level: _fit(examples, [LEVEL[e.severity] is level for e in examples], recipe) for level in Level}
    seen = [item.severity for item in items]
    # Half a report more of each: what was never seen is not impossible.
    usual = {severity: round((seen.count(severity) + 0.5) / (len(seen) + 2.0), 6) for severity in Severity}
    return Expert(usual, levels)


def stages(item: Labelled) -> list[Example]:
    """The report as first written and as it grew: at what stage somebody will ask is not known."""
    texts = ["\n".join((item.report.text, *item.later[:n])) for n in range(len(item.later) + 1)]
    first = item.report
    reports = [Report(first.title, text, service=first.service, expression=first.expression) for text in texts]
    return [Example(report, item.severity, item.group, 1.0 / len(reports)) for report in reports]


def _fit(examples: Sequence[Example], labels: Sequence[bool], recipe: Recipe) -> Linear:
    return fit(
        [recipe.read(e.report) for e in examples],
        labels,
        groups=[e.group for e in examples],
        weights=[e.weight for e in examples],
        least_groups=recipe.least_groups,
        strength=recipe.strength,
    )


def macro_f1(truth: Any, named_: Any) -> float:
    """The mean over classes of the harmonic mean of precision and recall; a class nobody has or names is left out."""
    given, found = np.asarray(truth), np.asarray(named_)
    scores = []
    for label in np.unique(np.concatenate([given, found])):
        hits = np.sum((given == label) & (found == label))
        scores.append(2 * hits / (np.sum(given == label) + np.sum(found == label)))
    return float(np.mean(scores)) if scores else float("nan")


def rolling(items: Sequence[Labelled]) -> list[tuple[list[int], list[int]]]:
    """Rolling origins over ``items``, oldest first: each stretch of the later half is judged by what came before it."""
    cuts = [int(share * len(items)) for share in np.linspace(0.5, 1.0, FOLDS)]
    return [(list(range(a)), list(range(a, b))) for a, b in pairwise(cuts)]


def by_group(items: Sequence[Labelled], *, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    """Folds that keep each group whole."""
    groups = sorted({item.group for item in items})
    fold = dict(zip(np.random.default_rng(seed).permutation(groups), np.arange(len(groups)) % FOLDS, strict=True))
    return [
        ([i for i, x in enumerate(items) if fold[x.group] != k], [i for i, x in enumerate(items) if fold[x.group] == k])
        for k in range(FOLDS)
    ]


def evaluate_severity(path: Path) -> list[dict[str, Any]]:
    """One row for each data set found at ``path``: how well severity is named on what was not learned from.

    Rows hold ``data``, ``task``, ``reports``, ``macro_f1`` and ``baseline_macro_f1`` (always naming the commonest);
    incidents also ``average_precision`` and ``brier`` of "major or worse".
    """
    found = find(path)
    rows = []
    if "github-incidents" in found:
        rows += incident_rows(github_incidents(found["github-incidents"]))
    if "prometheus-rules" in found:
        rows.append(rule_row(prometheus_rules(found["prometheus-rules"])))
    return rows


def incident_rows(items: Sequence[Labelled]) -> list[dict[str, Any]]:
    """The later half, each judged by what came before it: from the first text, from two, and from all of them."""
    truth, given = [], {stage: list[tuple[float, bool]]() for stage in _STAGES}
    folds = rolling(items)
    for learned, judged in folds:
        model = expert([items[i] for i in learned], INCIDENTS)
        truth += [items[i].severity in WORST for i in judged]
        for (stage, found), i in itertools.product(given.items(), judged):
            texts = stages(items[i])
            p = model.probabilities(features(texts[min(_STAGES[stage], len(texts)) - 1].report))
            found.append((p[Severity.critical] + p[Severity.high], named(p, model.usual) in WORST))
    rare = np.array(truth)
    since = items[folds[0][1][0]].at[:10]
    return [
        _incident_row(f"major or worse, {stage}, incidents from {since}", rare, found) for stage, found in given.items()
    ]


_STAGES = {"first text": 1, "first two updates": 2, "all updates": 1000}


def _incident_row(task: str, truth: Any, found: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    scores = np.array([p for p, _ in found])
    return {
        "data": "github-incidents",
        "task": task,
        "reports": len(truth),
        "macro_f1": round(macro_f1(truth, [said for _, said in found]), 3),
        "baseline_macro_f1": round(macro_f1(truth, np.zeros_like(truth)), 3),
        "average_precision": round(average_precision(truth, scores), 3),
        "base_rate": round(float(truth.mean()), 3),
        "brier": round(float(np.mean((scores - truth) ** 2)), 3),
    }


def rule_row(items: Sequence[Labelled], *, seeds: int = 3) -> dict[str, Any]:
    """Five folds by service, over several ways of drawing the folds."""
    truth = [item.severity.value for item in items]
    figures, worst = [], []
    for seed in range(seeds):
        said = [""] * len(items)
        for learned, judged in by_group(items, seed=seed):
            model = expert([items[i] for i in learned], RULES)
            for i in judged:
                said[i] = named(model.probabilities(features(items[i].report)), model.usual).value
        figures.append(macro_f1(truth, said))
        worst.append(macro_f1([t == "critical" for t in truth], [s == "critical" for s in said]))
    return {
        "data": "prometheus-rules",
        "task": "critical, warning or info, services held out",
        "reports": len(items),
        "macro_f1": round(float(np.mean(figures)), 3),
        "baseline_macro_f1": round(macro_f1(truth, [max(set(truth), key=truth.count)] * len(truth)), 3),
        "critical_macro_f1": round(float(np.mean(worst)), 3),
    }


def average_precision(truth: Any, scores: Any) -> float:
    """Area under precision over recall, tied scores taken together; NaN without a positive."""
    given, found = np.asarray(truth, dtype=float), np.asarray(scores, dtype=float)
    if not given.sum():
        return float("nan")
    order = np.argsort(-found, kind="stable")
    hits, ends = np.cumsum(given[order]), np.append(np.flatnonzero(np.diff(found[order])), len(found) - 1)
    precision, recall = hits[ends] / (ends + 1), hits[ends] / given.sum()
    return float(np.sum(np.diff(np.append(0.0, recall)) * precision))


if __name__ == "__main__":
    main(sys.argv[1:])
