"""Do the thresholds of merging hold for systems they were not chosen on? Chosen on all but one, tried on that one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from data.datasets.loghub import System, systems
from models.logs.masking import Shape, mask_digits, shape_of
from models.logs.merging import MergeRules, merge
from models.logs.miner import template_id
from pipelines.bench_logs import grouping_accuracy

GRID = tuple(
    MergeRules(words=words, first_words=first, same_share=share)
    for words, first, share in product((2, 3, 4, 5, 6), (4, 8, 16, 32), (0.34, 0.5, 0.67))
)


@dataclass(frozen=True)
class HeldOut:
    """What a system scores by rules chosen on the others, and by the rules in use.

    ``ga`` and ``fga`` are means over all rules that did equally well on the others.
    """

    system: str
    chosen_words: tuple[int, ...]
    ga: float
    fga: float
    ga_in_use: float
    fga_in_use: float


def cross_validate(path: Path, grid: Sequence[MergeRules] = GRID) -> Iterator[HeldOut]:
    """Each system in turn, by the rules that group the messages of all the others best (GA + FGA)."""
    known = list(systems(path))
    shapes = {system.name: [shape_of(mask_digits(m.strip())) for m in system.messages] for system in known}
    scores = {(s.name, rules): _score(s, shapes[s.name], rules) for s in known for rules in (*grid, MergeRules())}
    for system in known:
        others = [other.name for other in known if other is not system]
        gain = {rules: sum(sum(scores[name, rules]) for name in others) for rules in grid}
        best = [rules for rules in grid if gain[rules] >= max(gain.values()) - 1e-9]
        yield HeldOut(
            system.name,
            tuple(sorted({rules.words for rules in best})),
            _mean(scores[system.name, rules][0] for rules in best),
            _mean(scores[system.name, rules][1] for rules in best),
            *scores[system.name, MergeRules()],
        )


def _score(system: System, shapes: Sequence[Shape], rules: MergeRules) -> tuple[float, float]:
    template = merge(set(shapes), rules)
    names = {tokens: template_id(shape) for tokens, shape in template.items()}
    return grouping_accuracy([names[shape.tokens] for shape in shapes], system.templates)


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)
