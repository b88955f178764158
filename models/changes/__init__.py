"""Which change caused the incident, or none: transparent evidence, no language model.

Every explanation, "no recorded change did it" among them, has log-odds that are a sum of signals; a softmax makes them
probabilities. The weights are set by hand from what is known of how changes break systems
(``docs/how-changes-are-blamed.md``), so that each can be read, questioned and kept when a system is new.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from data.domain import Change, ChangeKind
from models.changes.affinity import Complaint, Touched, affinity_signals, complaint_of, rarity
from models.changes.context import Beginning, ChangeContext, ChangeRanking, Symptom
from models.changes.files import file_signals, only_dependencies, runs_nowhere
from models.changes.none import no_change_signals as none_of
from models.changes.place import Places
from models.changes.releases import Effect, Releases, time_signals
from models.changes.signal import Signal, named, sentences, total
from models.changes.substance import substance_signals
from models.changes.undoing import undoing_signals, undoings
from models.changes.weighing import Weighing, shipped

__all__ = ["Beginning", "ChangeContext", "ChangeRanking", "Symptom", "none_of", "rank_changes", "signals_of"]

# Before any evidence: code is reviewed and tested, settings and flags less so.
PRIOR = {
    ChangeKind.commit: Signal(0.0, "", "kind"),
    ChangeKind.deploy: Signal(0.8, "what it carried is not recorded", "kind"),
    ChangeKind.flag: Signal(0.4, "a flag changes behaviour without a deploy", "kind"),
    ChangeKind.config: Signal(0.8, "settings are changed with less testing than code", "kind"),
    ChangeKind.infrastructure: Signal(0.0, "", "kind"),
}
CARRIER = Signal(-2.7, "it only carried a recorded commit, which is judged itself", "carrier")
UNKNOWN_DIFF = -0.3


def rank_changes(changes: Sequence[Change], context: ChangeContext, weighing: Weighing | None = None) -> ChangeRanking:
    """How probably each of ``changes`` caused the incident that ``context`` describes, and how probably none did.

    The order of ``changes`` and of the symptoms does not matter. Changes that took effect after the alert get zero.

    Args:
        weighing: how far each family of evidence is trusted; None for the fitted numbers.
    """
    weighing = weighing or shipped()
    signals = {id_: weighing.of(found) for id_, found in signals_of(changes, context).items()}
    impossible = {change.id for change in changes} - set(signals)
    none = weighing.of(none_of(context))
    probabilities, nothing = _softmax({id_: total(found) for id_, found in signals.items()}, total(none))
    return ChangeRanking(
        {**probabilities, **dict.fromkeys(sorted(impossible), 0.0)},
        nothing,
        {
            **{id_: sentences(found) for id_, found in signals.items()},
            **dict.fromkeys(sorted(impossible), ("it took effect after the alert",)),
        },
        sentences(none),
    )


def signals_of(changes: Sequence[Change], context: ChangeContext) -> dict[str, list[Signal]]:
    """The evidence for and against each change that was live before the alert."""
    ordered = sorted(changes, key=lambda c: (c.timestamp, c.id))
    places = Places(ordered, context)
    releases = Releases(ordered, places)
    touched = {c.id: Touched(c) for c in ordered}
    complaint, rare = complaint_of(context), rarity(list(touched.values()))
    services = {c.id: places.services_of(c) for c in ordered}
    effects = {c.id: releases.effect_of(c, services[c.id], context) for c in ordered}
    live_at, history = {id_: effect.at for id_, effect in effects.items()}, undoings(ordered)
    signals: dict[str, list[Signal]] = {}
    for change in ordered:
        effect = effects[change.id]
        if effect.at > context.alert.fired_at or change.timestamp > context.alert.fired_at:
            continue
        signals[change.id] = [
            _standing(change, releases),
            *named("time", time_signals(change, effect, context, _reach(services[change.id], effect, places))),
            *named("undoing", undoing_signals(change, history[change.id], live_at, context)),
            *named("place", [_place(services[change.id], effect, places)]),
            _names(touched[change.id], services[change.id], places),
            *named("files", file_signals(change)),
            *_content(touched[change.id], complaint, rare, _near(services[change.id], effect, places)),
        ]
    return signals


def _standing(change: Change, releases: Releases) -> Signal:
    """What is held for or against a change of its kind before it is looked at."""
    carries = change.kind is not ChangeKind.commit and releases.carried_commit(change)
    return CARRIER if carries else PRIOR[change.kind]


def _place(services: frozenset[str], effect: Effect, places: Places) -> Signal:
    carrier = effect.carrier.service if effect.carrier else None
    if carrier and effect.named:
        return places.signal(services | {carrier}, shared_by=None)
    return places.signal(services, shared_by=carrier)


def _names(touched: Touched, services: frozenset[str], places: Places) -> Signal:
    diff = touched.diff
    if diff is None or runs_nowhere(touched.change):
        return Signal(0.0, "")
    return places.names_suspect((*diff.removed, *diff.added), services)


def _near(services: frozenset[str], effect: Effect, places: Places) -> float:
    carrier = effect.carrier.service if effect.carrier else None
    return places.nearness(services | {carrier} if carrier else services)


def _reach(services: frozenset[str], effect: Effect, places: Places) -> float:
    carrier = effect.carrier.service if effect.carrier else None
    return max((places.reach(s)[0] for s in (services or {carrier or ""})), default=0.0)


def _content(touched: Touched, complaint: Complaint, rare: Mapping[str, float], near: float) -> list[Signal]:
    """Evidence from what the change says and does; ``near``: how near to the trouble it does so, in [0, 1]."""
    signals = affinity_signals(touched, complaint, rare, near)
    if touched.diff is not None and not only_dependencies(touched.change) and not runs_nowhere(touched.change):
        substance = named("substance", substance_signals(touched.diff))
        heard = agreement(signals, complaint)
        return [*signals, *(s._replace(weight=s.weight * heard) if s.weight > 0 else s for s in substance)]
    if touched.change.kind is ChangeKind.commit:
        signals.append(
            Signal(UNKNOWN_DIFF, "its diff was not recorded: it can be neither cleared nor convicted by it", "unread")
        )
    return signals


def agreement(affinity: Sequence[Signal], complaint: Complaint) -> float:
    """How fully a diff's own risk counts, in [0.45, 1]: less where the symptoms plainly speak of something else."""
    plain = max(complaint.mechanisms.values(), default=0.0)
    shared = 1.0 - math.exp(-total(affinity))
    return 1.0 - 0.55 * plain * (1.0 - shared)


def _softmax(log_odds: Mapping[str, float], none: float) -> tuple[dict[str, float], float]:
    names = sorted(log_odds)
    values = np.array([*(log_odds[name] for name in names), none])
    weights = np.exp(values - values.max())
    shares = [float(share) for share in weights / weights.sum()]
    return (dict(zip(names, shares, strict=False)), shares[-1]) if names else ({}, 1.0)
