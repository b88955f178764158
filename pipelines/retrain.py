"""Retrain: learn a challenger from feedback, and promote it or not, on record with all figures.

    python -m pipelines.retrain

does one round of what the schedule does: a champion that turned out too sure of itself is demoted; then, if there is
reason to, a challenger is learned (:mod:`pipelines.trial`) and held against the champion (:mod:`pipelines.promote`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data.database import connect, migrate
from data.registry import Entry, Registry
from data.settings import Settings, load_settings
from data.store import Store
from models.rankers.state import dump
from pipelines import tracking
from pipelines.casefile import CaseFiles
from pipelines.feedback import Boards, labelled_cases
from pipelines.live import calibration_gap, reason_to_retrain
from pipelines.registered import registry_of
from pipelines.trial import Recipe, trial

BY = "retraining"
FEWEST = 10


@dataclass(frozen=True)
class Learning:
    """What retraining works with: the incidents, the versions, and the settings."""

    files: CaseFiles
    registry: Registry
    settings: Settings
    recipe: Recipe

    @classmethod
    def of(cls, settings: Settings) -> Learning:
        """The installation that the settings name."""
        engine = connect(settings.store_url)
        migrate(engine)
        store = Store(engine)
        registry = registry_of(settings, engine)
        recipe = Recipe(settings.retrain_made, settings.retrain_made, prepared=settings.retrain_prepared)
        return cls(CaseFiles(store, settings.state_dir / "incidents"), registry, settings, recipe)

    @property
    def boards(self) -> Boards:
        return Boards(self.files, self.settings.state_dir / "models" / "boards")


@dataclass(frozen=True)
class Outcome:
    """What was done. ``decision`` is promoted, refused, demoted, nothing, would_promote or would_refuse."""

    decision: str
    because: str
    version: int | None = None
    figures: Sequence[Mapping[str, Any]] = ()
    card: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"decision": self.decision, "because": self.because, "version": self.version,
                "figures": list(self.figures), "card": dict(self.card)}  # fmt: skip


def review(learning: Learning, *, dry_run: bool = False) -> Outcome:
    """One round of the schedule."""
    registry, cases = learning.registry, labelled_cases(learning.files)
    gap = calibration_gap(registry, cases)
    if gap is not None and gap.is_worse and registry.aliases().before:
        if dry_run:
            return Outcome("would_demote", gap.sentence, gap.version, [gap.figures])
        entry = registry.rollback(BY, gap.sentence, figures=gap.figures)
        return Outcome("demoted", gap.sentence, entry.version, [gap.figures])
    enough = learning.settings.retrain_after
    reason = reason_to_retrain(learning.files, registry, cases, gap, enough=enough)
    if reason is None:
        return Outcome("nothing", f"no reason to retrain: fewer than {enough} incidents labelled since, and no drift")
    return retrain(learning, reason=reason, dry_run=dry_run)


def retrain(learning: Learning, *, reason: str = "asked for", dry_run: bool = False) -> Outcome:
    """Learn a challenger now, and act on how it does; with ``dry_run`` only say what would be done."""
    registry = learning.registry
    cases = [case for case in labelled_cases(learning.files) if case.weight > 0 and case.services]
    if len(cases) < FEWEST:
        return Outcome("nothing", f"{len(cases)} labelled incidents are too few to learn from: {FEWEST} are needed")
    done = trial(learning.boards, registry, cases, learning.recipe)
    judgement = done.judgement
    figures, card = [one.as_json() for one in judgement.slices], {**done.card, "reason": reason}
    if dry_run:
        return Outcome("would_promote" if judgement.promote else "would_refuse", judgement.because, None, figures, card)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ranker.json"
        dump(path, done.kind, done.ranker, done.confidence, card)
        entry = registry.register(path, by=BY, about=card)
    decision = _settle(registry, entry, promote=judgement.promote, because=judgement.because, figures=figures)
    tracking.track(learning.settings, entry, decision, registry.aliases())
    return Outcome(decision, judgement.because, entry.version, figures, card)


def _settle(registry: Registry, entry: Entry, *, promote: bool, because: str, figures: list[dict[str, Any]]) -> str:
    if entry.version == registry.champion().version:
        return "nothing"
    if promote:
        registry.promote(entry.version, BY, because, figures=figures)
        return "promoted"
    registry.refuse(entry.version, BY, because, figures=figures)
    return "refused"


def main() -> None:
    outcome = review(Learning.of(load_settings()))
    sys.stdout.write(json.dumps(outcome.as_json()) + "\n")


if __name__ == "__main__":
    main()
