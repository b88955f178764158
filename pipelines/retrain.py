"""Retrain: learn a challenger from feedback, and promote it or not, on record with all figures.

    python -m pipelines.retrain

does one round of what the schedule does: a champion that turned out too sure of itself is demoted; a challenger that
has answered enough live incidents unheard (:mod:`pipelines.shadow`) takes over or is refused; then, if there is reason
to, a challenger is learned (:mod:`pipelines.trial`) and held against the champion (:mod:`pipelines.promote`).
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
from data.errors import ModelError
from data.registry import Entry, Registry
from data.settings import Settings, load_settings
from data.store import Store
from models.rankers.state import dump
from pipelines import tracking
from pipelines.casefile import CaseFiles
from pipelines.feedback import Boards, LabelledCase, labelled_cases
from pipelines.live import Gap, calibration_gap, reason_to_retrain
from pipelines.registered import registry_of
from pipelines.reviewed import keep
from pipelines.shadow import Shadowed, is_enough, shadowed
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
    """What was done.

    ``decision`` is promoted, refused, demoted, trying (a challenger answers unheard) or nothing; asked only what would
    be done, it is would_promote, would_refuse, would_demote or would_try.
    """

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
    cases = labelled_cases(learning.files)
    gap = calibration_gap(learning.registry, cases)
    outcome = _round(learning, cases, gap, dry_run=dry_run)
    if not dry_run:
        keep(learning.boards, learning.registry, gap, outcome.decision, outcome.because)
    return outcome


def _round(learning: Learning, cases: Sequence[LabelledCase], gap: Gap | None, *, dry_run: bool) -> Outcome:
    decided = _demotion(learning, gap, dry_run=dry_run) or _verdict(learning, cases, dry_run=dry_run)
    if decided is not None:
        return decided
    enough = learning.settings.retrain_after
    reason = reason_to_retrain(learning.boards, learning.registry, cases, gap, enough=enough)
    if reason is None:
        return Outcome("nothing", f"no reason to retrain: fewer than {enough} incidents labelled since, and no drift")
    return retrain(learning, reason=reason, dry_run=dry_run)


def _demotion(learning: Learning, gap: Gap | None, *, dry_run: bool) -> Outcome | None:
    """Back to the champion before, where this one turned out too sure of itself."""
    if gap is None or not gap.is_worse or not learning.registry.aliases().before:
        return None
    if dry_run:
        return Outcome("would_demote", gap.sentence, gap.version, [gap.figures])
    entry = learning.registry.rollback(BY, gap.sentence, figures=gap.figures)
    return Outcome("demoted", gap.sentence, entry.version, [gap.figures])


def _verdict(learning: Learning, cases: Sequence[LabelledCase], *, dry_run: bool) -> Outcome | None:
    """What becomes of the challenger that answers unheard; None without one that the gate let so far."""
    registry, settings = learning.registry, learning.settings
    challenger, champion = registry.challenger(), registry.champion()
    if challenger is None or not challenger.about.get("promote"):
        return None
    try:
        found = shadowed(learning.files, settings, challenger, champion, cases)
    except ModelError as error:
        found = Shadowed((), (), (str(error),))
    against = found.against
    if challenger.about.get("instead_of") != champion.version:
        against = (f"version {challenger.about.get('instead_of')}, which it was held against, is no longer in use",)
    if not against and not is_enough(found, challenger, settings):
        waits = f"{found.sentence}, {settings.retrain_shadow} are wanted"
        return Outcome("trying", waits, challenger.version, found.figures)
    figures = [*challenger.about.get("figures", ()), *found.figures]
    because = "; ".join(against) or f"{'; '.join(challenger.about.get('reasons', ()))}; {found.sentence}"
    if dry_run:
        return Outcome("would_refuse" if against else "would_promote", because, challenger.version, figures)
    decision = _settle(registry, challenger, promote=not against, because=because, figures=figures)
    tracking.decided(settings, challenger, decision, found.figures)
    return Outcome(decision, because, challenger.version, figures)


def retrain(learning: Learning, *, reason: str = "asked for", dry_run: bool = False) -> Outcome:
    """Learn a challenger now, and act on how it does; with ``dry_run`` only say what would be done."""
    registry = learning.registry
    cases = [case for case in labelled_cases(learning.files) if case.weight > 0 and case.services]
    if len(cases) < FEWEST:
        return Outcome("nothing", f"{len(cases)} labelled incidents are too few to learn from: {FEWEST} are needed")
    done = trial(learning.boards, registry, cases, learning.recipe)
    judgement = done.judgement
    figures, card = [one.as_json() for one in judgement.slices], {**done.card, "reason": reason}
    unheard = learning.settings.retrain_shadow > 0
    if dry_run:
        passed = "would_try" if unheard else "would_promote"
        return Outcome(passed if judgement.promote else "would_refuse", judgement.because, None, figures, card)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ranker.json"
        dump(path, done.kind, done.ranker, done.confidence, card)
        # One that did not pass does not drive out a challenger that did, and is on trial.
        entry = registry.register(path, by=BY, about=card, challenges=judgement.promote)
    if judgement.promote and unheard and entry.version != registry.champion().version:
        decision = "trying"
        registry.trying(entry.version, BY, judgement.because, figures=figures)
    else:
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
