"""Everybody else: every service with telemetry is ranked, those that hardly moved last, each with what was seen of it.

That a service shows nothing speaks for it, but telemetry is coarse and onsets are guessed: somebody who has looked at
every suspect in vain wants to know whom to look at next. Who hardly moved is told apart (``Candidate.faint``), and
nothing rests on it: it takes no probability from a service with evidence, and no fix is drafted for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from data.domain import Alert, Candidate
from data.telemetry import Floats
from data.topology import ServiceGraph
from models.base import Finding
from models.evidence import Ledger, behind_each
from models.features import Period
from models.ranking import Ranking
from models.sentences import NOTABLE, MetricBlock, changed_finding, quantity

# So many services are listed, and there is room in the ledger for one observation of each.
MAX_RANKED = 50
# All that hardly moved are together held no likelier than this share of the least likely service with evidence, or of
# everything where there is none: an hour in which nothing moved has its leader, too, and may be quite sure of it.
LEFT = 0.01


def with_everybody(
    named: Sequence[Candidate],
    ranking: Ranking,
    blocks: Sequence[MetricBlock],
    findings: Sequence[Finding],
    period: Period,
    graph: ServiceGraph,
    alert: Alert,
    ledger: Ledger,
) -> tuple[Candidate, ...]:
    """``named`` and behind them every other service with telemetry, at most ``MAX_RANKED`` in all, best first.

    Args:
        blocks: changed series of any source; a service that is in none, and in no finding, was not seen.
    """
    listed = {candidate.service for candidate in named}
    others = [service for service in ranking.probabilities if service not in listed][: MAX_RANKED - len(named)]
    behind = behind_each(others, ranking, blocks, findings, period)
    shown = {service: behind[service][0][1] for service in others if behind[service]}
    with_evidence = [*named, *_cited(shown, {s: ranking.probabilities[s] for s in shown}, graph, alert, ledger)]
    with_evidence.sort(key=lambda candidate: -candidate.probability)
    room = MAX_RANKED - len(with_evidence)
    left = [service for service in others if service not in shown]
    passed = listed | set(shown)
    if len(left) < room:  # there is room for those, too, to whom the ranking gave nothing
        left += sorted({key.service for block in blocks for key in block.scores.keys} - passed - set(left))
    little = faint_findings(blocks, period, left) if room > 0 else {}
    ordered = sorted(little, key=lambda s: (-ranking.probabilities.get(s, 0.0), -_moved(little[s]), s))[:room]
    least = min((candidate.probability for candidate in with_evidence), default=1.0)
    given = _probabilities([ranking.probabilities.get(service, 0.0) for service in ordered], least)
    faint = _cited(little, dict(zip(ordered, given.tolist(), strict=True)), graph, alert, ledger)
    return (*with_evidence, *(candidate.model_copy(update={"faint": True}) for candidate in faint))


def _cited(
    seen: Mapping[str, Finding], probability: Mapping[str, float], graph: ServiceGraph, alert: Alert, ledger: Ledger
) -> list[Candidate]:
    """A candidate for each service of ``probability``, with its one observation."""
    found = []
    for service, p in probability.items():
        id_ = ledger.cite(seen[service], beyond=MAX_RANKED)
        if id_ is not None:
            path = graph.path(service, alert.service)
            indicator = seen[service].indicator
            found.append(Candidate(service=service, probability=p, indicator=indicator, evidence=(id_,), path=path))
    return found


def _probabilities(ranked: Sequence[float], least: float) -> Floats:
    """Of services that hardly moved, from those the ranking gave them, scaled down until all stay behind ``least``.

    Those to whom it gave nothing come last, each with half as much as the one before it: their order is worth having,
    the numbers mean next to nothing.
    """
    given = np.array(ranked, dtype=float)
    nothing = given <= 0
    smallest = float(given[~nothing].min(initial=LEFT))
    given[nothing] = LEFT * smallest * 0.5 ** np.arange(1, int(nothing.sum()) + 1)
    return np.asarray(given * min(1.0, LEFT * least / max(float(given.sum()), 1e-12)))


def faint_findings(blocks: Iterable[MetricBlock], period: Period, services: Iterable[str]) -> dict[str, Finding]:
    """The strongest observation of each of ``services`` that has one: what harms most, else what moved furthest."""
    wanted = set(services)
    best: dict[str, tuple[tuple[float, float], MetricBlock, int]] = {}
    for block in blocks:
        scores = block.scores
        away = np.abs(scores.now - scores.base) / np.where(scores.scale > 0, scores.scale, 1.0)
        strengths = np.stack([scores.harm, np.where(np.isfinite(away), away, -1.0)], axis=1).tolist()
        for i, key in enumerate(scores.keys):
            if key.service not in wanted or (key.service in best and tuple(strengths[i]) <= best[key.service][0]):
                continue
            if np.isfinite(block.metrics.values[:, i]).any():
                best[key.service] = ((strengths[i][0], strengths[i][1]), block, i)
    return {service: _finding(block, period, i) for service, (_, block, i) in best.items()}


def _moved(finding: Finding) -> float:
    """How many ordinary variations lie between before and since; -1 where that cannot be told."""
    detail = finding.detail
    return abs(detail["now"] - detail["base"]) / (detail["scale"] or 1.0) if {"base", "now"} <= set(detail) else -1.0


def _finding(block: MetricBlock, period: Period, i: int) -> Finding:
    said = changed_finding(block, period, i)
    known = {k: v for k, v in said.detail.items() if not isinstance(v, float) or math.isfinite(v)}
    said = replace(said, detail=known)
    return said if abs(block.scores.z[i]) >= NOTABLE else replace(said, text=_little(block, i, _moved(said)), at=None)


def _little(block: MetricBlock, i: int, moved: float) -> str:
    """That series ``i`` tells next to nothing, as a sentence."""
    key, scores = block.scores.keys[i], block.scores
    what = f"{key.metric} of {key.service}" + (f" ({key.instance})" if key.instance else "")
    if moved < 0:
        return f"{what} has too few samples to say whether it moved"
    before, since = (quantity(float(v), key.metric, key.unit) for v in (scores.base[i], scores.now[i]))
    if before == since:
        return f"{what} stayed at {since}"
    if moved >= NOTABLE:
        return f"{what} had moved before the trouble began: from {before} to {since}"
    return f"{what} hardly moved: {before} before, {since} since"
