"""Shadow: what the challenger would have said of the incidents since it came, and whether it may be heard.

A challenger that passed the gate has been judged by the past alone. Before it takes over it answers what is new, from
the telemetry that the champion saw, and nobody acts on it. It must not fail, must not leave more unanswered, and where
people said meanwhile what the cause was, must not be wrong more often. Those labels are of incidents that neither had
learned from, and they come after both.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

import numpy as np

from data.domain import Diagnosis, Incident, now
from data.errors import QaiError
from data.registry import Entry
from data.settings import Settings
from data.shadow import ShadowAnswer
from pipelines.casefile import CaseFiles
from pipelines.champion import Loaded
from pipelines.feedback import LabelledCase, all_incidents, as_investigated
from pipelines.promote import FEWEST, RISK, Slice, fallen, paired

log = logging.getLogger(__name__)
LIVE = "live"
# Beyond these the newest are enough to go by.
MOST = 100
# More incidents left without an answer than this is a fall, if chance does not explain it.
MORE_UNANSWERED = 0.1


@dataclass(frozen=True)
class Shadowed:
    """How a challenger did on incidents nobody had seen before; ``against`` says what speaks against it."""

    answers: tuple[ShadowAnswer, ...]
    slices: tuple[Slice, ...]
    against: tuple[str, ...]

    @property
    def sentence(self) -> str:
        agree = sum(answer.agree for answer in self.answers)
        return f"in shadow it said the same first on {agree} of {len(self.answers)} live incidents"

    @property
    def figures(self) -> list[dict[str, Any]]:
        return [one.as_json() for one in self.slices]


def shadowed(
    files: CaseFiles, settings: Settings, challenger: Entry, champion: Entry, cases: Sequence[LabelledCase]
) -> Shadowed:
    """Hold the two beside each other on the incidents since ``challenger`` was made; what is missing is answered now.

    Raises:
        ModelError: the challenger cannot be loaded.
    """
    answers = _answers(files, settings, Loaded.of(challenger), champion, datetime.fromisoformat(challenger.made_at))
    told = {case.incident.id: case.services for case in cases if case.services and not case.is_weak}
    slices = _slices(answers, told)
    return Shadowed(tuple(answers.values()), slices, tuple(_against(answers, slices)))


def is_enough(found: Shadowed, challenger: Entry, settings: Settings) -> bool:
    """Whether it has answered as many as asked for, or has waited for them long enough."""
    waited = now() - datetime.fromisoformat(challenger.made_at)
    return len(found.answers) >= settings.retrain_shadow or waited > timedelta(days=settings.retrain_shadow_days)


def _answers(
    files: CaseFiles, settings: Settings, challenger: Loaded, champion: Entry, since: datetime
) -> Mapping[str, ShadowAnswer]:
    """By incident, the newest first."""
    new = takewhile(lambda incident: incident.opened_at >= since, all_incidents(files.store))
    found = ((i.id, _answer(files, settings, i, challenger, champion)) for i in new if not i.is_advice)
    return dict(islice(((id_, answer) for id_, answer in found if answer is not None), MOST))


def _answer(
    files: CaseFiles, settings: Settings, incident: Incident, challenger: Loaded, champion: Entry
) -> ShadowAnswer | None:
    """What both say of one incident, kept with it; None where another model answered, or what it saw is gone."""
    store = files.store
    kept = store.latest(incident.id, ShadowAnswer)
    if kept is not None and kept.challenger == challenger.used:
        return kept
    diagnosis = store.latest(incident.id, Diagnosis)
    if diagnosis is None or not (files.snapshot(incident.id) / "alert.json").exists():
        return None
    if diagnosis.model is not None and diagnosis.model.digest != champion.digest:
        return None
    try:
        telemetry = as_investigated(files, incident, timedelta(minutes=settings.lookback_minutes))
    except QaiError as error:
        log.warning("%s is left out: %s", incident.id, error)
        return None
    other, failed = None, ""
    try:
        other = challenger.investigate(files.alert(incident), telemetry, as_of=diagnosis.as_of)
    except (QaiError, ArithmeticError, ValueError, LookupError, TypeError) as error:
        # A challenger that fails is news about the challenger, and what this is here to find out.
        log.exception("the challenger %s failed on %s", challenger.name, incident.id)
        failed = f"{type(error).__name__}: {error}"[:200]
    answer = ShadowAnswer(
        champion=diagnosis.model,
        challenger=challenger.used,
        champion_says=_first(diagnosis),
        challenger_says=_first(other),
        champion_confidence=diagnosis.confidence,
        challenger_confidence=other.confidence if other else 0.0,
        champion_tells=diagnosis.can_tell and bool(diagnosis.suspects),
        challenger_tells=other is not None and other.can_tell and bool(other.suspects),
        failed=failed,
    )
    store.put(incident.id, answer)
    return answer


def _slices(answers: Mapping[str, ShadowAnswer], told: Mapping[str, Sequence[str]]) -> tuple[Slice, ...]:
    """Whether it answered at all, and where the cause is known whether it was right and rightly sure."""
    found = []
    everyone = list(answers.values())
    if everyone:
        tells = np.array([(a.champion_tells, a.challenger_tells) for a in everyone], dtype=float).T
        found.append(paired(LIVE, "all", "answered", *tells))
    known = [(answer, told[id_]) for id_, answer in answers.items() if id_ in told]
    if known:
        right = np.array([(a.champion_says in s, a.challenger_says in s) for a, s in known], dtype=float).T
        sure = np.array([(a.champion_confidence, a.challenger_confidence) for a, _ in known]).T
        found.append(paired(LIVE, "labelled", "AC@1", *right))
        found.append(paired(LIVE, "labelled", "calibration", *(1.0 - (sure - right) ** 2)))
    return tuple(found)


def _against(answers: Mapping[str, ShadowAnswer], slices: Sequence[Slice]) -> Iterator[str]:
    failed = [answer.failed for answer in answers.values() if answer.failed]
    if failed:
        yield f"failed on {len(failed)} of {len(answers)} live incidents: {failed[0]}"
    enough = [s for s in slices if s.incidents >= FEWEST]
    yield from fallen([s for s in enough if s.what != "answered"], RISK)
    yield from fallen([s for s in enough if s.what == "answered" and s.gain.value < -MORE_UNANSWERED], RISK)


def _first(diagnosis: Diagnosis | None) -> str | None:
    return diagnosis.suspects[0].service if diagnosis and diagnosis.suspects else None
